"""Noise that depends on a seed and a row, not on the batch size."""

import numpy as np


def row_latents(seed, rows, width):
    """Standard normal latents for `generate`.

    Row i is drawn from (seed, i) alone, so that a picture stays the same
    whatever else is asked for in one call. Philox is a counter-based generator
    (Salmon et al. 2011): neighboring keys share nothing. NumPy has frozen the
    numbers of `RandomState`, so no version and no backend changes them.

    Args:
        seed: integer.
        rows: sequence of row numbers.
        width: latent width.

    Returns:
        float32 NumPy array [len(rows), width].
    """
    latents = np.empty([len(rows), width], "float32")
    for latent, row in zip(latents, rows):
        key = np.array([int(seed) % 2**64, row], "uint64")
        random = np.random.RandomState(np.random.Philox(key=key))
        latent[:] = random.standard_normal(width)
    return latents
