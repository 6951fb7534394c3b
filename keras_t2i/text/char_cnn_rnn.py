"""The char-CNN-RNN text encoder, which reads characters and is trained here.

Reed et al. 2016, "Learning Deep Representations of Fine-grained Visual
Descriptions" (the encoder of GAN-CLS, in the form of its released code).
"""

import re

import keras
import numpy as np
from keras import layers
from keras import ops

from keras_t2i.text.encoder import TextEncoder
from keras_t2i.text.encoder import TextFeatures
from keras_t2i.text.encoder import as_strings

# 70 positions; "-" stands there twice, and the last one counts.
ALPHABET = (
    "abcdefghijklmnopqrstuvwxyz0123456789"
    "-,;.!?:'\"/\\|_@#$%^&*~`+-=<>()[]{} "
)
# A position after the convolutions sees 48 characters, 9 on from the last.
_STRIDE = 9
_HASH = 2654435761
# What TensorFlow takes for white space.
_SPACE = " \t\n\v\f\r"
_SPACES = re.compile(r"[ \t\n\f\r]+")


@keras.saving.register_keras_serializable("keras_t2i")
class CharCNNRNNTextEncoder(TextEncoder):
    """Characters -> three convolutions -> recurrent layer -> mean -> sentence.

    Three valid convolutions of kernel 4 with ReLU, the first two followed by
    max-pooling 3/3, turn 201 characters into 18 positions. A GRU-like layer
    runs over these; `words` are its states, `sentence` a dense layer of their
    mean.

    Train it inside a generative model, or alone with `JointEmbedding`. After
    that `encoder.frozen = True` makes it a cached encoder.

    Args:
        width: width of the words; the convolutions have 3/4, 1 and 1 times as
            many filters (384, 512, 512 as published).
        sentence_width: width of the sentence.
        num_characters: how many characters are read; `encode` warns about
            longer texts.
        num_hashed: rows for characters beyond the alphabet of 70, which are
            hashed to them, so that any writing can be read. 0 as published:
            then such characters are zero vectors.
        frozen: whether the weights stay as they are.

    Raises:
        ValueError: if `num_characters` is too small for the convolutions.

    Example:

    ```python
    encoder = CharCNNRNNTextEncoder()
    encoder(encoder.tokenize(["a red flower"])).words.shape  # (1, 18, 512)
    ```
    """

    def __init__(
        self,
        width=512,
        sentence_width=1024,
        num_characters=201,
        num_hashed=1024,
        frozen=False,
        **kwargs,
    ):
        super().__init__(frozen=frozen, **kwargs)
        self.width = width
        self.num_characters = num_characters
        self.num_hashed = num_hashed
        self._sentence_width = sentence_width
        if self.max_length < 1:
            raise ValueError(
                "num_characters must be at least 48, what one position of the"
                f" convolutions sees. Received: {num_characters}"
            )
        # Published: every weight, biases too, starts in U(-0.08, 0.08).
        options = {
            "kernel_initializer": _uniform(),
            "bias_initializer": _uniform(),
        }
        self.characters = CharacterConv(
            1 + len(ALPHABET) + num_hashed, width * 3 // 4
        )
        self.conv2 = layers.Conv1D(width, 4, activation="relu", **options)
        self.conv3 = layers.Conv1D(width, 4, activation="relu", **options)
        self.pool = layers.MaxPooling1D(3)
        self.recurrent = MeanGRU(width)
        self.projection = layers.Dense(sentence_width, **options)
        self.characters.build((None, num_characters))
        self.conv2.build((None, None, width * 3 // 4))
        self.conv3.build((None, None, width))
        self.recurrent.build((None, self.max_length, width))
        self.projection.build((None, width))
        self.built = True

    @property
    def sentence_width(self):
        return self._sentence_width

    @property
    def word_width(self):
        return self.width

    @property
    def max_length(self):
        length = (self.num_characters - 3) // 3
        return (length - 3) // 3 - 3

    def tokenize(self, strings):
        """See `TextEncoder.tokenize`.

        Returns:
            dict of int32 `characters` `[B, num_characters]`: 0 where there is
            none (or an unknown one), then the alphabet, then hashed ones.
        """
        if keras.backend.backend() != "tensorflow":
            return {"characters": self._ids_in_python(as_strings(strings))}
        import tensorflow as tf

        if not tf.is_tensor(strings):
            strings = tf.constant(as_strings(strings), tf.string)
        text = tf.strings.regex_replace(tf.strings.strip(strings), r"\s+", " ")
        text = tf.strings.lower(text, encoding="utf-8")
        codes = tf.strings.unicode_decode(text, "UTF-8")
        codes = codes.to_tensor(-1, shape=[None, self.num_characters])
        ids = tf.gather(_alphabet_table(), tf.clip_by_value(codes, 0, 127))
        ids = tf.where((codes >= 0) & (codes < 128), ids, 0)
        if self.num_hashed:
            # Multiplying spreads neighboring characters over all rows.
            row = tf.cast(codes, tf.int64) * _HASH // 4096 % self.num_hashed
            row = tf.cast(row, tf.int32) + 1 + len(ALPHABET)
            ids = tf.where((codes >= 0) & (ids == 0), row, ids)
        return {"characters": ids}

    def _ids_in_python(self, strings):
        """The characters that TensorFlow gives, as a NumPy array."""
        table = _alphabet_table()
        result = np.zeros([len(strings), self.num_characters], "int32")
        for row, string in enumerate(strings):
            text = string.decode("utf-8", "replace").strip(_SPACE)
            text = _SPACES.sub(" ", text).lower()[: self.num_characters]
            codes = np.array([ord(character) for character in text], "int64")
            ids = np.where(codes < 128, table[np.minimum(codes, 127)], 0)
            if self.num_hashed:
                hashed = codes * _HASH // 4096 % self.num_hashed
                ids = np.where(ids == 0, hashed + 1 + len(ALPHABET), ids)
            result[row, : len(ids)] = ids
        return result

    def call(self, tokens):
        characters = tokens["characters"]
        x = self.pool(self.characters(characters))
        x = self.pool(self.conv2(x))
        words = self.recurrent(self.conv3(x))
        sentence = self.projection(ops.mean(words, axis=1))
        # Real are the positions whose first character is not after the end.
        after = ops.flip(ops.cumsum(ops.flip(characters, 1), axis=1), 1)
        mask = after[:, ::_STRIDE][:, : self.max_length] > 0
        return TextFeatures(
            ops.cast(sentence, "float32"),
            ops.cast(words, "float32"),
            ops.cast(mask, "float32"),
        )

    def warn_unreadable(self, strings):
        """Warns, once, of text too long or written beyond the alphabet.

        Args:
            strings: list of str or bytes.
        """
        strings = as_strings(strings)
        texts = [s.decode(errors="replace").strip().lower() for s in strings]
        self._warn(
            strings,
            [len(t) > self.num_characters for t in texts],
            f"have more than num_characters={self.num_characters} characters,"
            " and what follows is not read.",
        )
        if not self.num_hashed:
            self._warn(
                strings,
                [
                    2 * sum(c in ALPHABET for c in t) < len(t)
                    for t in texts
                ],
                "are mostly beyond the alphabet of 70 characters. Use an"
                " encoder with num_hashed > 0.",
            )

    def get_config(self):
        return {
            **super().get_config(),
            "width": self.width,
            "sentence_width": self.sentence_width,
            "num_characters": self.num_characters,
            "num_hashed": self.num_hashed,
            "frozen": self.frozen,
        }


class CharacterConv(layers.Layer):
    """ReLU of a valid convolution of kernel 4 over one-hot vectors.

    The product with a one-hot vector is a row of the kernel: looking it up
    costs the same for 70 characters and for thousands. Character 0 is the
    zero vector.
    """

    def __init__(self, vocabulary_size, filters, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.filters = filters

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(self.vocabulary_size, 4 * self.filters),
            initializer=_uniform(),
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=(self.filters,), initializer=_uniform(), name="bias"
        )

    def call(self, ids):
        rows = ops.take(self.kernel, ids, axis=0)  # [B, L, 4 * filters]
        rows = rows * ops.cast(ids > 0, rows.dtype)[..., None]
        taps = ops.split(rows, 4, axis=-1)
        length = ids.shape[1] - 3
        total = sum(tap[:, k : k + length] for k, tap in enumerate(taps))
        return ops.relu(total + self.bias)


class MeanGRU(layers.Layer):
    """The recurrent layer of the released code; returns all states.

        h_1 = tanh(W x_1)
        h_t = z * tanh(W x_t + U (r * h)) + (1 - z) * h,   h = h_{t-1}

    with gates z and r, sigmoids of x_t and h. Unlike in Keras's GRU the first
    state has no gate.
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        def dense(units, use_bias):
            return layers.Dense(
                units,
                use_bias=use_bias,
                kernel_initializer=_uniform(),
                bias_initializer=_uniform(),
            )

        self.inputs = dense(3 * self.units, True)
        self.gates = dense(2 * self.units, False)
        self.candidate = dense(self.units, False)
        self.inputs.build((None, None, input_shape[-1]))
        self.gates.build((None, self.units))
        self.candidate.build((None, self.units))

    def call(self, x):
        x = self.inputs(x)  # [B, T, 3 * units]
        state = ops.tanh(x[:, 0, 2 * self.units :])
        states = [state]
        for t in range(1, x.shape[1]):
            of_gates, of_candidate = ops.split(
                x[:, t], [2 * self.units], axis=-1
            )
            gates = ops.sigmoid(of_gates + self.gates(state))
            update, reset = ops.split(gates, 2, axis=-1)
            new = ops.tanh(of_candidate + self.candidate(reset * state))
            state = update * new + (1 - update) * state
            states.append(state)
        return ops.stack(states, axis=1)


def _uniform():
    return keras.initializers.RandomUniform(-0.08, 0.08)


def _alphabet_table():
    """int32 [128]: the number of each ASCII character, 0 if it has none."""
    table = np.zeros(128, "int32")
    for number, character in enumerate(ALPHABET):
        table[ord(character)] = 1 + number
    return table
