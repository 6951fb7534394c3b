"""Losses that bring pictures of one person together."""

from keras import ops


def cosine_margin_loss(cosines, labels, scale, margin):
    """Cross entropy in which the own class must win by a margin.

    With t = labels of a row and c its cosines, it is the mean of

        -log( e^(s (c_t - m)) / (e^(s (c_t - m)) + sum_{k != t} e^(s c_k)) ),

    Wang et al. 2018, "CosFace", equation 4.

    Args:
        cosines: [B, N] of each picture and each class, in [-1, 1].
        labels: int [B], the class of each picture.
        scale: s > 0; the softmax is the sharper the larger it is.
        margin: m >= 0.

    Returns:
        Scalar >= 0.
    """
    own = ops.one_hot(labels, cosines.shape[-1], dtype=cosines.dtype)
    logits = scale * (cosines - margin * own)
    return ops.mean(
        ops.logsumexp(logits, axis=-1) - ops.sum(own * logits, axis=-1)
    )
