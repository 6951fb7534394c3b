"""Splitting a text into words, in any writing."""

from keras_t2i.text.encoder import as_strings

# Writings that put no spaces between words: every character is a word.
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}]"


def split_words(strings):
    """Lower-cased runs of letters and digits.

    Chinese, Japanese and other unspaced writings are split into characters.

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


def hash_words(words, num_buckets):
    """Numbers 1 to `num_buckets` of words, 0 where a string is empty."""
    import tensorflow as tf

    number = 1 + tf.strings.to_hash_bucket_fast(words, num_buckets)
    return tf.where(tf.strings.length(words) > 0, tf.cast(number, tf.int32), 0)
