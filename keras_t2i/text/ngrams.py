"""Bag of hashed n-grams: no vocabulary, nothing to train, any writing."""

import re
import unicodedata

import keras
import numpy as np
from keras import ops

from keras_t2i.text.encoder import TextEncoder
from keras_t2i.text.encoder import TextFeatures
from keras_t2i.text.encoder import as_strings
from keras_t2i.text.farmhash import hash_bucket

# Writings that put no spaces between words: every character is a word.
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}]"
# The letters, marks and digits of these writings, for Python.
_UNSPACED_LETTERS = re.compile(
    "([\u0e01-\u0edf\u1780-\u17f9\u3005\u3007-\u3029\u3038-\u303b"
    "\u3041-\u3096\u309d-\u30fa\u30fd-\u30ff\u31f0-\u31ff\u3400-\u9fff"
    "\uf900-\ufad9\uff66-\uff6f\uff71-\uff9d\U00016fe3\U00016ff0-\U00016ff1"
    "\U0001aff0-\U0001b167\U00020000-\U000323af])"
)


@keras.saving.register_keras_serializable("keras_t2i")
class BagOfNGramsEncoder(TextEncoder):
    """Sums fixed random vectors of a text's words and pairs of words.

    Words are lower-cased runs of letters and digits; Chinese, Japanese and
    other unspaced writings are split into characters. A word, and a pair of
    neighbors, is hashed to one of `num_buckets` rows of random signs
    ("feature hashing", Weinberger et al. 2009), which are nearly orthogonal,
    so a linear layer can tell which words a text has. Good for small worlds
    of words such as `data.shapes`; meanings are unknown to it.

    `sentence` is the L2-normalized sum `[B, width]`; `words` holds the words'
    own vectors of length 1, `[B, max_length, width]`. A text without a word
    has a zero sentence and an empty mask.

    Args:
        width: width of the vectors.
        max_length: how many words are kept; later ones are ignored.
        num_buckets: how many different vectors there are.
        seed: makes other random vectors.

    Raises:
        ValueError: if `num_buckets * width` is more than 2**28, 256 MB.

    Example:

    ```python
    encoder = BagOfNGramsEncoder()
    encoder.encode(["a small red circle"]).sentence.shape  # (1, 384)
    ```
    """

    def __init__(
        self, width=384, max_length=32, num_buckets=16384, seed=0, **kwargs
    ):
        super().__init__(frozen=True, **kwargs)
        if num_buckets * width > 1 << 28:
            raise ValueError(
                "num_buckets * width must be at most 2**28. Received: "
                f"num_buckets={num_buckets}, width={width}"
            )
        self.width = width
        self._max_length = max_length
        self.num_buckets = num_buckets
        self.seed = seed
        random = np.random.Generator(np.random.PCG64(seed))
        bits = np.frombuffer(random.bytes(num_buckets * width), "uint8") & 1
        signs = bits.astype("int8").reshape(num_buckets, width) * 2 - 1
        # Row 0 is "no word".
        self._signs = np.concatenate([np.zeros([1, width], "int8"), signs])
        self.built = True

    @property
    def sentence_width(self):
        return self.width

    @property
    def word_width(self):
        return self.width

    @property
    def max_length(self):
        return self._max_length

    def tokenize(self, strings):
        """See `TextEncoder.tokenize`.

        Returns:
            dict of int32 `words` `[B, T]` and `pairs` `[B, T - 1]`, numbers
            of hash buckets from 1 on, 0 where there is none.
        """
        if keras.backend.backend() != "tensorflow":
            return self._tokenize_in_python(as_strings(strings))
        import tensorflow as tf

        words = self._split(strings).to_tensor(shape=[None, self.max_length])
        real = tf.strings.length(words) > 0
        pairs = tf.strings.join([words[:, :-1], words[:, 1:]], " ")
        return {
            "words": self._buckets(words, real),
            # The second word of a pair is there only if the first one is.
            "pairs": self._buckets(pairs, real[:, 1:]),
        }

    def warn_unreadable(self, strings):
        """Warns, once, of texts of more than `max_length` words.

        Args:
            strings: list of str or bytes.
        """
        strings = as_strings(strings)
        self._warn(
            strings,
            [len(words(s)) > self.max_length for s in strings],
            f"have more than max_length={self.max_length} words, and what"
            " follows is not read. Raise max_length.",
        )

    def _tokenize_in_python(self, strings):
        """The tokens that TensorFlow gives, as NumPy arrays."""
        length = self.max_length
        tokens = {
            "words": np.zeros([len(strings), length], "int32"),
            "pairs": np.zeros([len(strings), length - 1], "int32"),
        }
        for row, string in enumerate(strings):
            found = words(string)[:length]
            pairs = [f"{a} {b}" for a, b in zip(found, found[1:])]
            for name, some in (("words", found), ("pairs", pairs)):
                tokens[name][row, : len(some)] = [
                    1 + hash_bucket(text.encode(), self.num_buckets)
                    for text in some
                ]
        return tokens

    def _split(self, strings):
        """Ragged words of strings, in TensorFlow."""
        import tensorflow as tf

        if not tf.is_tensor(strings):
            strings = tf.constant(as_strings(strings), tf.string)
        text = tf.strings.lower(strings, encoding="utf-8")
        text = tf.strings.regex_replace(text, _UNSPACED, r" \0 ")
        text = tf.strings.regex_replace(text, r"[^\p{L}\p{M}\p{N}]+", " ")
        return tf.strings.split(text)

    def _buckets(self, strings, real):
        import tensorflow as tf

        number = 1 + tf.strings.to_hash_bucket_fast(strings, self.num_buckets)
        return tf.where(real, tf.cast(number, tf.int32), 0)

    def call(self, tokens):
        signs = ops.convert_to_tensor(self._signs)
        words = ops.cast(ops.take(signs, tokens["words"], axis=0), "float32")
        pairs = ops.cast(ops.take(signs, tokens["pairs"], axis=0), "float32")
        total = ops.sum(words, axis=1) + ops.sum(pairs, axis=1)
        return TextFeatures(
            ops.normalize(total, axis=-1),
            words * self.width**-0.5,
            ops.cast(ops.not_equal(tokens["words"], 0), "float32"),
        )

    def get_config(self):
        return {
            **super().get_config(),
            "width": self.width,
            "max_length": self.max_length,
            "num_buckets": self.num_buckets,
            "seed": self.seed,
        }


def words(string):
    """The words of UTF-8 bytes, as a list of str."""
    text = string.decode("utf-8", "replace").lower()
    text = _UNSPACED_LETTERS.sub(r" \1 ", text)
    return "".join(
        c if unicodedata.category(c)[0] in "LMN" else " " for c in text
    ).split()
