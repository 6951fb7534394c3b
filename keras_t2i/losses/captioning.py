"""Losses of a network that puts pictures into words.

B = batch, T = word positions, K = rows of the vocabulary. Row 0 stands for no
word.
"""

from keras import ops


def word_log_likelihoods(logits, words):
    """log p(y_t | y_<t, I) of every word.

    Args:
        logits: [B, T, K].
        words: int [B, T], the words y; 0 where there is none.

    Returns:
        [B, T], 0 where there is no word.
    """
    log_p = ops.log_softmax(logits, axis=-1)
    found = ops.take_along_axis(
        log_p, ops.cast(words, "int32")[..., None], axis=-1
    )[..., 0]
    return ops.where(ops.not_equal(words, 0), found, ops.zeros_like(found))


def caption_loss(logits, words):
    """-1/N sum_i log p(y_i | I_i),  log p(y | I) = sum_t log p(y_t | y_<t, I).

    Document 003, steps S26 and S252; the probability of a sentence as in Lu et
    al. 2017, "Knowing When to Look", equations 1 and 2.

    Args:
        logits: [B, T, K].
        words: int [B, T]; 0 where there is none.

    Returns:
        Scalar >= 0.
    """
    found = word_log_likelihoods(logits, words)
    return -ops.mean(ops.sum(found, axis=1))


def l2_penalty(variables):
    """|theta|^2, the sum of the squares of all variables (document 003, S26).

    Args:
        variables: non-empty list of tensors or variables.

    Returns:
        Scalar >= 0.
    """
    return sum(ops.sum(ops.square(v)) for v in variables)
