"""Speech in, text out: what is heard, and what is refused.

The recordings were made with flite 2.2 (voice rms): `phrase.wav` says
"smiling with black hair and glasses", `other.wav` "what is the capital of
australia".
"""

import io
import pathlib
import sys

import numpy as np
import pytest

from keras_t2i import voice
from keras_t2i.voice import recognizer

HERE = pathlib.Path(__file__).parent
PHRASES = ["black hair", "a beard", "glasses", "hat", "smiling", "older", "man"]
SAID = "smiling with black hair and glasses"


@pytest.fixture(scope="module")
def hears():
    pytest.importorskip("pocketsphinx", reason="pocketsphinx is not installed")
    return recognizer.Recognizer(PHRASES)


def test_a_phrase_that_the_model_never_saw_is_heard(hears):
    heard = hears(*voice.read_wav(HERE / "phrase.wav"))
    assert heard.text == SAID
    assert recognizer.CONFIDENT < heard.confidence <= 1.0
    assert hears(*voice.read_wav(HERE / "phrase.wav")) == heard


def test_speech_about_something_else_is_not_understood(hears):
    with pytest.raises(voice.NotUnderstood, match="something else than a face"):
        hears(*voice.read_wav(HERE / "other.wav"))


def test_noise_is_not_understood(hears):
    noise = 0.1 * np.random.default_rng(0).standard_normal(32_000)
    with pytest.raises(voice.NotUnderstood):
        hears(noise, 16_000)


def test_silence_is_told_from_speech_about_something_else(hears):
    with pytest.raises(ValueError, match="silent") as error:
        hears(np.zeros(16_000), 16_000)
    assert not isinstance(error.value, voice.NotUnderstood)


def test_a_stereo_recording_at_another_rate_is_heard(hears):
    audio, _ = voice.read_wav(HERE / "phrase.wav")
    spectrum = np.fft.rfft(audio)
    fine = 3 * np.fft.irfft(spectrum, 3 * len(audio))
    both = np.stack([fine, fine], axis=1) * 0.2
    assert hears(both, 48_000).text == SAID


def test_words_get_their_sounds_or_are_left_out():
    pytest.importorskip("pocketsphinx", reason="pocketsphinx is not installed")
    made = recognizer.Recognizer(["sideburns", "5 o'clock shadow", "微笑", "xqzt"])
    assert made.phrases == ["5 o'clock shadow", "sideburns"]
    with pytest.raises(ValueError, match="English"):
        recognizer.Recognizer(["微笑", ""])


def test_the_language_model_is_made_once(hears, monkeypatch):
    monkeypatch.setattr(recognizer, "lines", lambda phrases: ["a hat"])
    first = recognizer._language_model(hears.phrases)
    made = pathlib.Path(first).stat()
    assert recognizer._language_model(hears.phrases) == first
    assert pathlib.Path(first).stat().st_mtime_ns == made.st_mtime_ns
    assert "ngram 3=" in pathlib.Path(first).read_text()


def test_without_pocketsphinx_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(ValueError, match=r"pip install \"keras-t2i\[voice\]\""):
        voice.transcribe(np.ones(16_000), 16_000, PHRASES)


# `hear`, with a recogniser of one's own.


def test_any_function_can_hear():
    got = []

    def own(audio, rate):
        got.append((audio, rate))
        return "older"

    tone = np.sin(np.arange(44_100) / 10)
    assert voice.hear((tone, 44_100), PHRASES, recognizer=own) == "older"
    ((audio, rate),) = got
    assert (audio.shape, audio.dtype, rate) == ((16_000,), "float32", 16_000)
    assert voice.hear(HERE / "phrase.wav", [], recognizer=own) == "older"


def test_text_is_confirmed_corrected_or_dropped(monkeypatch, capsys):
    def hear(answer):
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        return voice.hear(
            HERE / "phrase.wav", [], voice.ask, lambda *_: "a gray bird"
        )

    assert hear("\n") == hear("Yes\n") == "a gray bird"
    assert hear("a gray beard\n") == "a gray beard"
    for answer in ("n\n", "NO\n"):
        with pytest.raises(ValueError, match="nothing was changed"):
            hear(answer)
    with pytest.raises(ValueError, match="Nobody is there to confirm"):
        hear("")
    assert 'Heard: "a gray bird"' in capsys.readouterr().out


def test_what_was_not_heard_is_not_confirmed():
    def never(text):
        raise AssertionError("asked")

    with pytest.raises(voice.NotUnderstood):
        voice.hear(HERE / "phrase.wav", [], never, lambda *_: "")


def test_the_microphone_is_used_where_there_is_no_file(monkeypatch):
    tone = np.sin(np.arange(16_000) / 10).astype("float32")
    monkeypatch.setattr(
        voice.recordings, "record", lambda: (tone, 16_000)
    )
    heard = voice.hear(None, [], recognizer=lambda audio, rate: str(len(audio)))
    assert heard == "16000"
