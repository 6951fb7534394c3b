"""Splitting a text into words, in any writing."""

import re
import unicodedata

import keras
import numpy as np

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


def words(string):
    """The words of UTF-8 bytes, as a list of str."""
    text = string.decode("utf-8", "replace").lower()
    text = _UNSPACED_LETTERS.sub(r" \1 ", text)
    return "".join(
        c if unicodedata.category(c)[0] in "LMN" else " " for c in text
    ).split()


def split_words(strings):
    """The words of many strings, in TensorFlow.

    Words are lower-cased runs of letters and digits; Chinese, Japanese and
    other unspaced writings are split into characters.

    Args:
        strings: string tensor [B], or a list of str or bytes.

    Returns:
        `tf.RaggedTensor` of strings [B, words].
    """
    import tensorflow as tf

    if not tf.is_tensor(strings):
        strings = tf.constant(as_strings(strings), tf.string)
    text = tf.strings.lower(strings, encoding="utf-8")
    text = tf.strings.regex_replace(text, _UNSPACED, r" \0 ")
    text = tf.strings.regex_replace(text, r"[^\p{L}\p{M}\p{N}]+", " ")
    return tf.strings.split(text)


def word_numbers(strings, length, num_buckets):
    """Hashes the words of strings.

    Args:
        strings: string tensor [B], or a list of str or bytes.
        length: T; later words are left out.
        num_buckets: how many numbers there are.

    Returns:
        int32 [B, T], numbers from 1 on, 0 where there is no word.
    """
    if keras.backend.backend() != "tensorflow":
        strings = as_strings(strings)
        numbers = np.zeros([len(strings), length], "int32")
        for row, string in zip(numbers, strings):
            found = [w.encode() for w in words(string)[:length]]
            row[: len(found)] = [1 + hash_bucket(w, num_buckets) for w in found]
        return numbers
    import tensorflow as tf

    found = split_words(strings).to_tensor(shape=[None, length])
    number = 1 + tf.strings.to_hash_bucket_fast(found, num_buckets)
    return tf.where(tf.strings.length(found) > 0, tf.cast(number, tf.int32), 0)
