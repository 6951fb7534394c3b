"""The path length penalty of StyleGAN2."""

from keras import ops


def path_lengths(gradients):
    """|J' y| of every sample: how far a picture moves when w moves.

    Args:
        gradients: float [B, L, Z], of sum(pictures * y) by the styles, with
            y ~ N(0, 1 / (H W)) (Karras et al. 2020, section 3.2).

    Returns:
        [B], the root of the mean over L of the squared length over Z.
    """
    square = ops.sum(ops.square(gradients), axis=2)
    return ops.sqrt(ops.mean(square, axis=1) + 1e-12)


def path_length_loss(lengths, target):
    """E (length - target)^2 (Karras et al. 2020, equation 4).

    Args:
        lengths: [B], see `path_lengths`.
        target: scalar, the moving average of lengths.

    Returns:
        Scalar >= 0.
    """
    return ops.mean(ops.square(lengths - target))


def mixed_styles(first, second, crossover):
    """Takes the styles of the layers from `crossover` on from `second`.

    Args:
        first, second: [B, L, Z].
        crossover: int [B], from 0 (all of `second`) to L (all of `first`).

    Returns:
        [B, L, Z].
    """
    layer = ops.arange(first.shape[1])[None, :, None]
    crossover = ops.cast(crossover, "int32")[:, None, None]
    return ops.where(ops.cast(layer, "int32") < crossover, first, second)
