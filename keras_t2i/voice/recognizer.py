"""Speech to text by pocketsphinx, for what an editor understands.

The acoustic model is the one that comes with pocketsphinx: Gaussian mixtures
and hidden Markov models of American English. The language model is made here.
"""

import functools
import hashlib
import io
import math
import re
from typing import NamedTuple

import numpy as np

from keras_t2i import files
from keras_t2i.voice import recordings
from keras_t2i.voice.cleaning import cleaned
from keras_t2i.voice.phrases import lines

_WORD = re.compile("[a-z0-9']+")
# Of what the recogniser's dictionary lacks.
_SAID_AS = {"5": "five"}
# Confidence is a logistic function of three things that tell speech about faces
# from other speech, each a mean over the frames of words: the log-likelihood of
# their sounds beside that of the sounds that fit best, the log-probability of
# the words by the language model, and their posterior probability. Weights,
# middle and width were chosen on synthetic speech, of other sentences than
# those of `examples/voice_errors.py`.
_WEIGHTS = np.array([1.0, 2.0, 3.0])
_MIDDLE, _WIDTH = -3.9, 0.7
CONFIDENT = 0.5
_PEAK = 8_000.0  # Of 16 bits, as speech has it.
# By what pocketsphinx divides logarithms, other than those of words' sounds.
_SHIFT = 1024.0


class Transcript(NamedTuple):
    """What was heard.

    Attributes:
        text: words in lower case, without punctuation.
        confidence: in [0, 1], that these words were said.
    """

    text: str
    confidence: float


class _Segment(NamedTuple):
    """A word or a sound, its frames, and logarithms of its likelihoods."""

    word: str
    start: int
    end: int
    sounds: float
    language: float
    posterior: float


class NotUnderstood(ValueError):
    """The speech is about something else, or too unclear."""


class Recognizer:
    """Hears phrases that an editor understands.

    Args:
        phrases: iterable of str, words and phrases that the editor
            understands. What English has no sounds for is left out.

    Raises:
        ValueError: if nothing is left, or pocketsphinx is not installed.
    """

    def __init__(self, phrases):
        sphinx = _pocketsphinx()
        self._decoder = sphinx.Decoder(
            lm=None, samprate=recordings.RATE, loglevel="FATAL"
        )
        phrases = {
            " ".join(_WORD.findall(p.lower())) for p in phrases if p.isascii()
        }
        self.phrases = sorted(
            p for p in phrases - {""} if all(map(self._learn, p.split()))
        )
        if not self.phrases:
            raise ValueError(
                "The recogniser has English words only, and the editor knows "
                "none of those. Give its phrases, such as 'black hair'."
            )
        path = _language_model(self.phrases)
        model = sphinx.NGramModel(
            self._decoder.config, self._decoder.logmath, path
        )
        self._decoder.add_lm("phrases", model)
        self._decoder.add_allphone_file(
            "sounds", sphinx.get_model_path("en-us/en-us-phone.lm.bin")
        )

    def __call__(self, audio, rate):
        """What is said in a recording.

        Args:
            audio, rate: as `recordings.check` takes them.

        Returns:
            `Transcript`.

        Raises:
            ValueError: if the recording is empty, silent, too long, or of a
                wrong form.
            NotUnderstood: if it says something else.
        """
        heard = self.best(audio, rate)
        if heard.confidence < CONFIDENT:
            nearest = f" Nearest: {heard.text!r}." if heard.text else ""
            raise NotUnderstood(
                "That was not understood: it seems to be about something else "
                "than a face. Say it again, such as 'smiling, black hair', or "
                f"write it.{nearest}"
            )
        return heard

    def best(self, audio, rate):
        """As a call, with the nearest words whatever is said."""
        audio = cleaned(recordings.check(audio, rate))
        audio *= _PEAK / np.abs(audio).max()
        data = np.round(audio).astype("<i2").tobytes()
        text, segments = self._decode("phrases", data)
        words = [s for s in segments if s.word[0] not in "<["]
        if not words:
            return Transcript("", 0.0)
        best = np.zeros(1 + segments[-1].end)
        for sound in self._decode("sounds", data)[1]:
            here = slice(sound.start, sound.end + 1)
            best[here] = _SHIFT * sound.sounds / (1 + sound.end - sound.start)
        frames = np.array([1 + w.end - w.start for w in words])
        best = sum(best[w.start : w.end + 1].sum() for w in words)
        facts = np.array(
            [
                sum(w.sounds for w in words) - best,
                _SHIFT * sum(w.language for w in words),
                sum(w.posterior * n for w, n in zip(words, frames)),
            ]
        )
        score = _WEIGHTS @ facts / frames.sum()
        confidence = 0.5 + 0.5 * math.tanh(0.5 * (score - _MIDDLE) / _WIDTH)
        return Transcript(text, confidence)

    def _decode(self, search, data):
        """The text that a search finds, and a list of `_Segment`s."""
        decoder = self._decoder
        decoder.activate_search(search)
        # What was heard before must not change what is heard now.
        decoder.reinit_feat()
        decoder.start_utt()
        decoder.process_raw(data, full_utt=True)
        decoder.end_utt()
        if decoder.hyp() is None:
            return "", []
        segments = [
            _Segment(
                s.word,
                s.start_frame,
                s.end_frame,
                _log(s.ascore),
                _log(s.lscore),
                s.prob,
            )
            for s in decoder.seg()
        ]
        return decoder.hyp().hypstr, segments

    def _learn(self, word):
        """Whether the decoder has, or can be taught, the sounds of a word."""
        lookup = self._decoder.lookup_word
        if lookup(word):
            return True
        sounds = lookup(_SAID_AS.get(word, word))
        for cut in range(len(word) - 3, 2, -1):  # "side" and "burns".
            halves = lookup(word[:cut]), lookup(word[cut:])
            if not sounds and all(halves):
                sounds = " ".join(halves)
        if sounds:
            self._decoder.add_word(word, sounds, True)
        return bool(sounds)


def _log(likelihood):
    return math.log(max(likelihood, 1e-300))


def transcribe(audio, rate, phrases):
    """Text of a recording, without a network.

    Args:
        audio: [samples] or [samples, channels]; floats in [-1, 1], or int16
            or int32 over their whole range.
        rate: samples a second, from 16,000 on.
        phrases: iterable of str, the words and phrases that may be said. The
            recogniser of the last few sets of phrases is kept.

    Returns:
        `Transcript`. Show its text before something is done by it: it may be
        wrong.

    Raises:
        ValueError: if the recording is empty, silent, too long, or of a wrong
            form; or if pocketsphinx is not installed.
        NotUnderstood: if it says something else. Also a ValueError.
    """
    return _recognizer(tuple(sorted(set(phrases))))(audio, rate)


@functools.lru_cache(maxsize=4)
def _recognizer(phrases):
    return Recognizer(phrases)


def _pocketsphinx():
    try:
        import pocketsphinx
        import pocketsphinx.lm
    except ImportError:
        raise ValueError(
            "Speech needs pocketsphinx, which is not installed: "
            'pip install "keras-t2i[voice]", or in a clone of the repository '
            'pip install -e ".[voice]". Or give a recogniser of your own, any '
            "function of (audio, rate) that returns a str."
        ) from None
    return pocketsphinx


def _language_model(phrases):
    """Path of a trigram model of phrases, made once."""
    text = "\n".join(lines(phrases))
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    path = files.cache_folder() / f"voice-{key}.arpa"
    if not path.is_file():
        model = _pocketsphinx().lm.ArpaBoLM(text=text, add_start=True)
        model.compute()
        written = io.StringIO()
        model.write(written)
        with files.atomic_write(path) as temporary:
            temporary.write_text(written.getvalue(), "utf-8")
    return str(path)
