"""What drawing pictures has in common in all models."""

import secrets

from keras_t2i.training.latents import row_latents


def latents_and_truncation(count, width, seed=None, truncation=None):
    """Noise of a user's seed.

    Args:
        count: rows.
        width: latent width.
        seed: integer; None draws a new one.
        truncation: in (0, 1]; None means 1.

    Returns:
        float32 NumPy array [count, width], and the truncation as a number.

    Raises:
        ValueError: for a truncation out of its range.
    """
    if seed is None:
        seed = secrets.randbits(31)
    scale = 1.0 if truncation is None else truncation
    if not 0.0 < scale <= 1.0:
        raise ValueError(
            f"`truncation` must lie in (0, 1]. Received: {truncation}"
        )
    return row_latents(seed, range(count), width), scale


def batches_of(count, batch_size=None):
    """Slices of rows 0 to `count`.

    Args:
        count: rows in all.
        batch_size: rows of a slice; None means 64.

    Raises:
        ValueError: for a batch size below 1.
    """
    size = 64 if batch_size is None else batch_size
    if size < 1:
        raise ValueError(
            f"`batch_size` must be at least 1. Received: {batch_size}"
        )
    return [slice(start, start + size) for start in range(0, count, size)]
