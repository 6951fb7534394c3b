"""Which words of a caption say what its picture shows, in any language."""

import functools
import zlib

import keras
import numpy as np

_BUCKETS = 2**14


@keras.saving.register_keras_serializable("keras_t2i")
class KeywordTable(keras.layers.Layer):
    """How much each word tells about a picture, from the captions of the data.

        weight(word) = max(0, log(again(word) / p(word)))

    p is the share of captions with the word, `again` the share of those with
    it among the other captions of a picture that has it in one. A word that
    says what the picture shows comes again; "this" and "there is" come by
    chance, so that both shares are alike and the weight is near 0, as rare as
    such words may be. (It is the pointwise mutual information of the word in
    one caption and in another of the same picture.) Where no picture has a
    second caption, `again` is 1, and the weight is the inverse document
    frequency.

    Words are hashed to 16,384 rows, so that no vocabulary is kept: a rare word
    shares a frequent one's row now and then. The table is a weight of this
    layer and so a part of every saved model.
    """

    def __init__(self, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.weight = self.add_weight(
            shape=(_BUCKETS,),
            initializer="zeros",
            trainable=False,
            autocast=False,
            dtype="float32",
            name="weight",
        )
        self.captions = self.add_weight(
            shape=(),
            initializer="zeros",
            trainable=False,
            autocast=False,
            dtype="float32",
            name="captions",
        )
        self.built = True

    @property
    def counted(self):
        """Whether any captions were counted yet."""
        return bool(keras.ops.convert_to_numpy(self.captions.value))

    def count(self, pictures):
        """Sets the weights.

        Args:
            pictures: list of the captions of each picture, which are lists of
                the words (an iterable) of each caption.
        """
        captions = sum(map(len, pictures))
        # Captions with a word, and among those the pairs of captions of one
        # picture: how many there are, and how many have it in both.
        having, pairs, again = np.zeros((3, _BUCKETS))
        for some in pictures:
            found = [{_bucket(word) for word in words} for words in some]
            rows, counts = np.unique(
                np.array([row for each in found for row in each], int),
                return_counts=True,
            )
            having[rows] += counts
            pairs[rows] += counts * (len(some) - 1)
            again[rows] += counts * (counts - 1)
        if np.any(pairs):
            share = again / np.maximum(pairs, 1)
        else:
            share = np.ones(_BUCKETS)
        lift = share * (1 + captions) / (1 + having)
        self.weight.assign(np.log(np.maximum(lift, 1)).astype("float32"))
        self.captions.assign(float(captions))

    def values(self):
        """The table as a NumPy array."""
        return keras.ops.convert_to_numpy(self.weight.value)


def weigh(spelled, table):
    """Weights of word positions.

    Args:
        spelled: from `TextEncoder.spelled`, N lists of T tuples of words.
        table: from `KeywordTable.values`.

    Returns:
        float32 NumPy array [N, T]: the highest weight among the words of a
        position; 0 where it stands for none.
    """
    result = np.zeros((len(spelled), len(spelled[0])), "float32")
    for row, positions in zip(result, spelled):
        for t, words in enumerate(positions):
            row[t] = max((table[_bucket(w)] for w in words), default=0.0)
    return result


@functools.lru_cache(maxsize=2**16)
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
