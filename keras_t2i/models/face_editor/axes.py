"""What the styles w of a generator differ in among each other."""

import numpy as np

# What hardly varies counts as if it varied by this part of the most.
_LEAST_VARIANCE = 1e-4


def principal_axes(w):
    """Mean, principal axes and standard deviations along them.

    Distances in standard deviations along the axes (Mahalanobis) tell how far
    a style is from those that a generator was trained on; where w hardly
    varies, a long way draws what convinces networks and no eye.

    Args:
        w: styles [N, Z].

    Returns:
        float32 NumPy arrays: mean [Z], axes [Z, Z], one a column, and
        deviations [Z], above 0. With u = (w - mean) axes / deviations the
        numbers of u have variance 1, and are not correlated.
    """
    w = np.asarray(w, "float64")
    mean = w.mean(axis=0)
    variance, axes = np.linalg.eigh(np.cov(w - mean, rowvar=False))
    least = max(_LEAST_VARIANCE * variance[-1], 1e-12)
    deviation = np.maximum(variance, least) ** 0.5
    return [x.astype("float32") for x in (mean, axes, deviation)]
