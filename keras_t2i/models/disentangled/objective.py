"""Whose picture is the negative of whose text."""

import keras
from keras import ops

NEGATIVES = ("previous", "next", "random")


def of_other_texts(content, negatives, seed):
    """For every row of a batch the content of another row's picture.

    The whole batch is turned, so that no row is without a negative (the code
    turns by one and drops the first row).

    Args:
        content: [B, C].
        negatives: "previous" as in the code; "next" or "random" as in the
            patent, paragraph 56. Random turns by a random number of rows.
        seed: `keras.random.SeedGenerator`.

    Returns:
        [B, C]; with B = 1 the row itself.
    """
    if negatives == "previous":
        return ops.roll(content, 1, axis=0)
    if negatives == "next":
        return ops.roll(content, -1, axis=0)
    count = ops.shape(content)[0]
    share = keras.random.uniform((), seed=seed)
    others = ops.cast(count - 1, "float32")
    turn = 1 + ops.cast(ops.floor(share * others), "int32")
    return ops.take(content, (ops.arange(count) + turn) % count, axis=0)


def halved(images):
    """Pictures [B, 2h, 2h, 3] -> [B, h, h, 3], every four pixels their mean."""
    return ops.average_pool(images, 2, 2)
