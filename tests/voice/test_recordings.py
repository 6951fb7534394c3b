"""Recordings of every kind get a defined answer."""

import io
import sys
import types
import wave

import numpy as np
import pytest

from keras_t2i import voice
from keras_t2i.voice import recordings

TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)


def wav(numbers, rate=16_000, width=2):
    """A WAV file of float numbers [samples] or [samples, channels]."""
    stream = io.BytesIO()
    numbers = np.asarray(numbers)
    with wave.open(stream, "wb") as file:
        file.setnchannels(1 if numbers.ndim == 1 else numbers.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        whole = np.round(numbers * (2 ** (8 * width - 1) - 1)).astype("<i8")
        if width == 1:
            whole += 128
        as_bytes = whole.reshape(-1, 1).view("u1")[:, :width]
        file.writeframes(as_bytes.tobytes())
    stream.seek(0)
    return stream


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_every_width_of_whole_numbers_is_read(width):
    audio, rate = voice.read_wav(wav(TONE, width=width))
    assert rate == 16_000 and audio.dtype == np.float32
    np.testing.assert_allclose(audio, TONE, atol=0.02 if width == 1 else 1e-4)


def test_a_path_is_read(tmp_path):
    (tmp_path / "clip.wav").write_bytes(wav(TONE).getvalue())
    audio, _ = voice.read_wav(tmp_path / "clip.wav")
    np.testing.assert_allclose(audio, TONE, atol=1e-4)


def test_channels_are_averaged():
    both = np.stack([TONE, np.zeros(16_000)], axis=1)
    audio, rate = voice.read_wav(wav(both))
    np.testing.assert_allclose(audio, TONE / 2, atol=1e-4)
    np.testing.assert_allclose(recordings.check(both, 16_000), TONE / 2, atol=1e-6)


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
def test_other_rates_become_16000(rate):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    found = recordings.check(tone, rate)
    np.testing.assert_allclose(found, TONE, atol=1e-3)
    # What 16,000 samples a second cannot hold is gone, not folded over.
    shrill = 0.5 * np.sin(2 * np.pi * 10_000 * np.arange(rate) / rate)
    assert np.abs(recordings.check(shrill, rate)).max() < 0.01


def test_whole_numbers_are_scaled_by_their_range():
    whole = np.round(TONE * 32_768).astype("int16")
    np.testing.assert_allclose(recordings.check(whole, 16_000), TONE, atol=1e-4)


def test_what_is_no_recording_is_refused():
    for audio, rate, message in (
        (np.zeros(16_000), 16_000, "silent"),
        (np.full(16_000, 0.4), 16_000, "silent"),
        (np.zeros(0), 16_000, "silent"),
        (TONE, 8_000, "samples a second"),
        (TONE, 0, "samples a second"),
        (np.tile(TONE, 31), 16_000, "longer than 30 seconds"),
        (np.full(16_000, np.nan), 16_000, "not finite"),
        (np.zeros((2, 2, 2)), 16_000, r"Received: float64 \[2, 2, 2\]"),
        (np.zeros((2, 16_000)), 16_000, "Received"),
        (np.array(["a"]), 16_000, "Received"),
    ):
        with pytest.raises(ValueError, match=message):
            recordings.check(audio, rate)


def test_what_is_no_wav_file_is_refused(tmp_path):
    longer = wav(np.tile(TONE, 31))
    for data, message in (
        (b"", "no WAV file"),
        (b"ID3 this is an MP3", "ffmpeg"),
        (wav(TONE).getvalue()[:20], "no WAV file"),
        (longer.getvalue(), "longer than 30 seconds"),
    ):
        path = tmp_path / "clip.wav"
        path.write_bytes(data)
        with pytest.raises(ValueError, match=message) as error:
            voice.read_wav(path)
        assert "clip.wav" in str(error.value)
    with pytest.raises(FileNotFoundError):
        voice.read_wav(tmp_path / "none.wav")


def test_a_file_that_was_cut_gives_what_is_there():
    audio, _ = voice.read_wav(io.BytesIO(wav(TONE).getvalue()[:-1001]))
    np.testing.assert_allclose(audio, TONE[: len(audio)], atol=1e-4)
    assert len(audio) == 15_499


def test_the_microphone(monkeypatch):
    asked = []

    def rec(count, samplerate, channels, dtype):
        asked.append((count, samplerate, channels, dtype))
        return TONE[:count, None].astype(dtype)

    made = types.SimpleNamespace(
        rec=rec, wait=lambda: None, PortAudioError=RuntimeError
    )
    monkeypatch.setitem(sys.modules, "sounddevice", made)
    audio, rate = voice.record(0.5)
    assert asked == [(8_000, 16_000, 1, "float32")] and rate == 16_000
    np.testing.assert_allclose(audio, TONE[:8_000], atol=1e-6)
    with pytest.raises(ValueError, match="longer than 30 seconds"):
        voice.record(31)

    def broken(*args, **kwargs):
        raise RuntimeError("no default input device")

    made.rec = broken
    with pytest.raises(ValueError, match="no default input device"):
        voice.record()
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(ValueError, match="libportaudio2"):
        voice.record()
