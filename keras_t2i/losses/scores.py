"""Cosines, and sums over some of them, that several losses are made of."""

from keras import ops

# Stands for minus infinity in a softmax; a row of nothing else stays finite.
NEVER = -1e9
# Vectors shorter than this have no direction: their cosine is 0.
_SHORTEST = 1e-8


def unit(x):
    """Vectors of length 1 in the same directions, or of 0 without one.

    Args:
        x: [..., D].

    Returns:
        [..., D].
    """
    square = ops.sum(ops.square(x), axis=-1, keepdims=True)
    return cosine(x, square)


def cosine(dot, square):
    """Cosine of two vectors a and b; 0 where one has no direction.

    Args:
        dot: a . b, of any shape.
        square: |a|^2 |b|^2, of a shape that broadcasts.

    Returns:
        Tensor of the shape of `dot`.
    """
    return dot / ops.sqrt(ops.maximum(square, _SHORTEST**2))


def log_sum_exp(exponents, counts):
    """Log of the sum of exponentials over the last axis, of some of them.

    Args:
        exponents: [..., T].
        counts: bool, of a shape that broadcasts: which of them take part.

    Returns:
        [...]; 0 where none takes part.
    """
    total = ops.logsumexp(ops.where(counts, exponents, NEVER), axis=-1)
    return ops.where(ops.any(counts, axis=-1), total, 0.0)
