"""Which words of a caption count, in any language: the rare ones."""

import zlib

import keras
import numpy as np

_BUCKETS = 2**14


@keras.saving.register_keras_serializable("keras_t2i")
class KeywordTable(keras.layers.Layer):
    """Inverse document frequencies of words, from the captions of the data.

        idf(word) = log((1 + captions) / (1 + captions with the word))

    A word that is in every caption ("a", "flower") has 0 and tells nothing; a
    word never seen has the most. Words are hashed to 16,384 rows, so that no
    vocabulary is kept: a rare word shares a frequent one's row now and then.
    The table is a weight of this layer and so a part of every saved model.
    """

    def __init__(self, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.idf = self.add_weight(
            shape=(_BUCKETS,),
            initializer="zeros",
            trainable=False,
            autocast=False,
            dtype="float32",
            name="idf",
        )
        self.built = True

    @property
    def counted(self):
        """Whether there are frequencies yet."""
        return bool(np.any(self.values()))

    def count(self, captions):
        """Sets the frequencies.

        Args:
            captions: list with the words (an iterable) of each caption.
        """
        frequency = np.zeros(_BUCKETS)
        for words in captions:
            frequency[list({_bucket(word) for word in words})] += 1
        idf = np.log((1 + len(captions)) / (1 + frequency))
        self.idf.assign(idf.astype("float32"))

    def values(self):
        """The table as a NumPy array."""
        return keras.ops.convert_to_numpy(self.idf.value)


def weigh(spelled, idf):
    """Weights of word positions.

    Args:
        spelled: from `TextEncoder.spelled`, N lists of T tuples of words.
        idf: from `KeywordTable.values`.

    Returns:
        float32 NumPy array [N, T]: the highest frequency among the words of a
        position; 0 where it stands for none.
    """
    result = np.zeros((len(spelled), len(spelled[0])), "float32")
    for row, positions in zip(result, spelled):
        for t, words in enumerate(positions):
            row[t] = max((idf[_bucket(w)] for w in words), default=0.0)
    return result


def _bucket(word):
    return zlib.crc32(word.encode("utf-8", "replace")) % _BUCKETS


def heaviest(weights, count):
    """The weights without all but the `count` highest of each row.

    Args:
        weights: NumPy array [N, T], at least 0.
        count: how many of each row stay.

    Returns:
        NumPy array [N, T].
    """
    order = np.argsort(-weights, axis=1, kind="stable")
    kept = weights.copy()
    np.put_along_axis(kept, order[:, count:], 0.0, axis=1)
    return kept
