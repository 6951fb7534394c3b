"""Which rows of a batch make wrong pairs."""

import keras
from keras import ops


def wrong_partners(class_id, seed):
    """For every row of a batch a random row of another class.

    Args:
        class_id: int [B].
        seed: `keras.random.SeedGenerator`.

    Returns:
        Pair of partner rows, int [B], and float32 [B] that is 0 where the
        batch holds no other class.
    """
    other = other_class(class_id)
    noise = keras.random.uniform(ops.shape(other), seed=seed)
    # The largest number among the allowed ones: a uniform choice.
    partner = ops.argmax(noise * other - (1.0 - other), axis=1)
    return partner, ops.max(other, axis=1)


def other_class(class_id):
    """float32 [B, B], 1 where rows i and j are of different classes."""
    different = ops.not_equal(class_id[:, None], class_id[None, :])
    return ops.cast(different, "float32")
