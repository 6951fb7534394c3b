"""Noise that depends on a seed and a row, not on the batch size."""

import numpy as np


def row_latents(seed, rows, width):
    """Standard normal latents for `generate`.

    Row i is drawn from (seed, i) alone, so that a picture stays the same
    whatever else is asked for in one call, and by NumPy, so that it is the
    same on every backend.

    Args:
        seed: integer.
        rows: iterable of row numbers.
        width: latent width.

    Returns:
        float32 NumPy array [len(rows), width].
    """
    # The old generator of NumPy is the one that will never draw otherwise.
    return np.stack(
        [
            np.random.RandomState(row_seed(seed, row)).standard_normal(width)
            for row in rows
        ]
    ).astype("float32")


def row_seed(seed, row):
    """The seed of one row: a hash of (seed, row) below 2^31.

    The multipliers are those of the splitmix64 finaliser, so that neighbouring
    seeds and rows share nothing.
    """
    mask = (1 << 64) - 1
    x = (int(seed) * 0x9E3779B97F4A7C15 + int(row) * 0xD1B54A32D192ED03) & mask
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return (x ^ (x >> 31)) >> 33
