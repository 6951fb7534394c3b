"""Recordings as the recogniser takes them: 16,000 numbers a second."""

import io
import os
import wave

import numpy as np

RATE = 16_000
# A phrase takes a few seconds. Longer, it is another recording.
MAX_SECONDS = 30.0
# Louder than this somewhere, of 1, or there is nothing to hear.
_QUIET = 0.002
_RATES = (16_000, 192_000)


def read_wav(source):
    """Reads a WAV file.

    Args:
        source: path or binary file object of a WAV file of whole numbers (8,
            16, 24 or 32 bits), any channels, at most 30 seconds.

    Returns:
        `(audio, rate)`: float32 [samples] in [-1, 1], the mean of the
        channels; samples a second.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no such file, or too long.
    """
    name = source if isinstance(source, (str, os.PathLike)) else "the recording"
    if isinstance(source, os.PathLike):
        source = os.fspath(source)
    try:
        with wave.open(source, "rb") as file:
            rate, count = file.getframerate(), file.getnframes()
            channels, width = file.getnchannels(), file.getsampwidth()
            _check_length(count, rate, name)
            data = file.readframes(count)
    except (wave.Error, EOFError) as error:
        raise ValueError(
            f"{name} is no WAV file of whole numbers ({error or 'it is empty'}). "
            "Save it as WAV, 16 bits, or convert it: ffmpeg -i FILE -ar 16000 "
            "-ac 1 -c:a pcm_s16le FILE.wav"
        ) from None
    data = data[: len(data) // (width * channels) * width * channels]
    if width == 3:  # NumPy has no such type: a byte of nothing goes before.
        three = np.frombuffer(data, np.uint8).reshape(-1, 3)
        data = np.pad(three, ((0, 0), (1, 0))).tobytes()
    kind = {1: "u1", 2: "<i2", 3: "<i4", 4: "<i4"}[width]
    numbers = np.frombuffer(data, kind).astype("float32")
    numbers = numbers / 128 - 1 if width == 1 else numbers / -np.iinfo(kind).min
    return numbers.reshape(-1, channels).mean(axis=1), rate


def check(audio, rate):
    """Takes recordings in any of the usual forms, and refuses the rest.

    Args:
        audio: [samples] or [samples, channels]; floats in [-1, 1], or int16
            or int32 over their whole range.
        rate: samples a second, from 16,000 on.

    Returns:
        float32 [samples] at 16,000 samples a second.

    Raises:
        ValueError: for another form, a rate too low, and a recording that is
            empty, silent, or longer than 30 seconds.
    """
    audio = np.asarray(audio)
    if audio.ndim == 2 and audio.shape[1] <= 8:
        audio = audio.mean(axis=1).astype(audio.dtype)
    if audio.ndim != 1 or audio.dtype.kind not in "fi":
        raise ValueError(
            "A recording is an array [samples] or [samples, channels] of "
            f"floats or integers. Received: {audio.dtype} {list(audio.shape)}"
        )
    low, high = _RATES
    if not low <= rate <= high:
        raise ValueError(
            f"A recording needs {low} to {high} samples a second: below that "
            f"the consonants are lost. Received: {rate}"
        )
    _check_length(len(audio), rate, "The recording")
    if audio.dtype.kind == "i":
        audio = audio / -np.iinfo(audio.dtype).min
    audio = audio.astype("float32")
    if not np.isfinite(audio).all():
        raise ValueError("The recording holds numbers that are not finite.")
    if not len(audio) or np.abs(audio - audio.mean()).max() < _QUIET:
        raise ValueError(
            "The recording is silent. Check the microphone, and its volume."
        )
    return _resampled(audio, rate)


def record(seconds=5.0):
    """Records from the microphone.

    Args:
        seconds: how long, at most 30.

    Returns:
        `(audio, rate)`, as `read_wav`.

    Raises:
        ValueError: if recording is not possible, with what to do.
    """
    _check_length(seconds * RATE, RATE, "The recording")
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # The latter: no PortAudio.
        raise ValueError(
            f"The microphone cannot be used: {error}. Install "
            "keras-t2i[voice] and the library PortAudio (Debian, Ubuntu: "
            "apt install libportaudio2), or give a WAV file."
        ) from None
    try:
        audio = sounddevice.rec(
            int(seconds * RATE), samplerate=RATE, channels=1, dtype="float32"
        )
        sounddevice.wait()
    except sounddevice.PortAudioError as error:
        raise ValueError(
            f"The microphone cannot be used: {error}. Give a WAV file."
        ) from None
    return audio[:, 0], RATE


def _check_length(count, rate, name):
    if count > MAX_SECONDS * rate:
        raise ValueError(
            f"{name} is longer than {MAX_SECONDS:.0f} seconds "
            f"({count / rate:.1f}). Say one phrase."
        )


def _resampled(audio, rate):
    """At `RATE`, by its spectrum: what is above half of it is left out."""
    count = round(len(audio) * RATE / rate)
    if rate == RATE or not count:
        return audio
    spectrum = np.fft.rfft(audio)
    resampled = np.fft.irfft(spectrum, count) * (count / len(audio))
    return resampled.astype("float32")
