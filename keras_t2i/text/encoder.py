"""What every text encoder can do."""

import collections
import functools
import hashlib
import json
import warnings

import keras
import numpy as np

from keras_t2i.text import spelling

TextFeatures = collections.namedtuple("TextFeatures", "sentence words mask")
TextFeatures.__doc__ = """What a text encoder gives.

Attributes:
    sentence: float32 `[B, S]`, one vector a text.
    words: float32 `[B, T, W]`, one vector a word, word piece or position.
    mask: float32 `[B, T]`, 1 where `words` holds a real word.
"""


class TextEncoder(keras.layers.Layer):
    """Base class: strings -> `tokenize` -> tokens -> `call` -> `TextFeatures`.

    `tokenize` is TensorFlow and runs eagerly or inside `Dataset.map`; what it
    returns is a dict of tensors, so that strings never enter a compiled step.
    A subclass defines `tokenize`, `call`, and the properties
    `sentence_width`, `word_width` and `max_length`.

    Args:
        frozen: True if training never changes the features. They are then
            computed outside the training step, once a caption, and cached.

    Example:

    ```python
    encoder = keras_t2i.text.get("minilm")
    dataset = dataset.map(lambda x, y: (encoder.tokenize(x["text"]), y))
    features = encoder.encode(["a red flower", "a white daisy"])
    features.sentence.shape  # (2, 384)
    ```
    """

    def __init__(self, frozen, **kwargs):
        super().__init__(trainable=not frozen, **kwargs)
        self.frozen = frozen
        self._warned = set()

    @property
    def sentence_width(self):
        """S, the width of a sentence vector."""
        raise NotImplementedError

    @property
    def word_width(self):
        """W, the width of a word vector."""
        raise NotImplementedError

    @property
    def max_length(self):
        """T, the number of word positions of every output."""
        raise NotImplementedError

    @property
    def fingerprint(self):
        """A string that differs whenever the features could differ."""
        config = self.get_config()
        config.pop("name")
        text = json.dumps([type(self).__name__, config], sort_keys=True)
        digest = hashlib.sha256(text.encode())
        for weight in self.weights:
            digest.update(keras.ops.convert_to_numpy(weight).tobytes())
        return digest.hexdigest()[:24]

    @property
    def resources(self):
        """List of what `features_in_graph` reads beside the weights.

        SavedModels and look-up tables: an export must take them along.
        """
        return []

    def tokenize(self, strings):
        """Turns strings into what `call` takes.

        Args:
            strings: string tensor `[B]`, or a list of str or bytes.

        Returns:
            dict of tensors `[B, ...]` with static shapes but for B.
        """
        raise NotImplementedError

    def spelled(self, strings):
        """The words that every position of `words` stands for.

        Here position t is the t-th word of a text, as `spelling.words` splits
        it. Encoders of other units define it anew. A word in several pieces
        stands at the first of them.

        Args:
            strings: list of str or bytes.

        Returns:
            list of one list a text, of `max_length` tuples of words, in lower
            case. A tuple is empty where a position stands for no word: a mark
            of start or end, punctuation, padding.
        """
        return [
            self._filled((word,) for _, word in spelling.words(text))
            for text in as_texts(strings)
        ]

    def _filled(self, positions):
        """Cut, or filled with empty tuples, to `max_length`."""
        positions = list(positions)[: self.max_length]
        return positions + [()] * (self.max_length - len(positions))

    def warn_unreadable(self, strings):
        """Warns, once an encoder, about text that it cannot represent.

        `encode` calls it.

        Args:
            strings: list of str or bytes.
        """

    def _warn(self, strings, which, what):
        """Warns once that the texts where `which` is true `what`."""
        which = np.asarray(which, bool)
        if not which.any() or what in self._warned:
            return
        self._warned.add(what)
        first = strings[int(np.argmax(which))].decode(errors="replace")
        warnings.warn(
            f"{which.sum()} of {len(strings)} texts {what}"
            f" The first of them: {first!r:.300}",
            stacklevel=4,
        )

    def encode(self, strings, batch_size=64):
        """Features of any number of strings.

        Args:
            strings: str, or a list or array of str or bytes.
            batch_size: how many are computed at a time.

        Returns:
            `TextFeatures` of float32 NumPy arrays.
        """
        strings = as_strings(strings)
        self.warn_unreadable(strings)
        parts = []
        for start in range(0, len(strings), batch_size):
            tokens = self.tokenize(strings[start : start + batch_size])
            tokens = {name: np.asarray(x) for name, x in tokens.items()}
            features = self._compiled(tokens)
            parts.append([keras.ops.convert_to_numpy(x) for x in features])
        if not parts:
            return self._no_features()
        return TextFeatures(*(np.concatenate(x) for x in zip(*parts)))

    def features_in_graph(self, strings):
        """`TextFeatures` inside a TensorFlow graph, for an export.

        Args:
            strings: string tensor `[B]`.

        Returns:
            `TextFeatures` of tensors. Positions that no text of the batch
            needs may be missing at the end of `words` and `mask`.
        """
        return self(self.tokenize(strings))

    @functools.cached_property
    def _compiled(self):
        """The network part, compiled where variables stay variables."""
        if keras.backend.backend() != "tensorflow":
            return self.__call__
        import tensorflow as tf

        return tf.function(self.__call__, reduce_retracing=True)

    def _no_features(self, rows=0):
        return TextFeatures(
            np.zeros([rows, self.sentence_width], "float32"),
            np.zeros([rows, self.max_length, self.word_width], "float32"),
            np.zeros([rows, self.max_length], "float32"),
        )

    def get_config(self):
        # The base class's "trainable" and "dtype" do not concern `tokenize`.
        return {"name": self.name}


def as_strings(strings):
    """Returns a list of UTF-8 bytes.

    Args:
        strings: str, bytes, or any sequence, array or tensor of them.

    Raises:
        ValueError: for anything else.
    """
    if isinstance(strings, (str, bytes)):
        strings = [strings]
    result = []
    for s in np.asarray(strings, dtype=object).ravel().tolist():
        if isinstance(s, str):
            # Lone surrogates, from badly decoded files, must not stop a run.
            s = s.encode("utf-8", errors="replace")
        if not isinstance(s, bytes):
            raise ValueError(
                "A text encoder takes strings: a str, or a list or array of"
                f" str or UTF-8 bytes. Received: {s!r} of type"
                f" {type(s).__name__}."
            )
        result.append(s)
    return result


def as_texts(strings):
    """Returns a list of str; takes what `as_strings` takes."""
    return [s.decode("utf-8", "replace") for s in as_strings(strings)]
