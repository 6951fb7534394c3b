"""Distances between two sets of feature vectors."""

import numpy as np


class FeatureStatistics:
    """Mean and covariance of features that come batch by batch.

    Sums run in float64 around the mean so far (Chan, Golub and LeVeque 1979),
    so however the features are cut into batches, the result is that of one
    batch to rounding, and large means cost no digits.

    Args:
        width: D, the width of a feature vector.

    Example:

    ```python
    statistics = FeatureStatistics(256)
    for batch in batches:
        statistics.update(batch)
    frechet_distance_of_statistics(statistics, others)
    ```
    """

    def __init__(self, width):
        self.count = 0
        self.mean = np.zeros(width)
        self._scatter = np.zeros((width, width))

    def update(self, features):
        """Takes in a batch.

        Args:
            features: float [B, D].

        Raises:
            ValueError: for another shape, or numbers that are not finite.
        """
        features = _features(features, len(self.mean))
        count = len(features)
        if not count:
            return
        mean = features.mean(axis=0)
        centered = features - mean
        total = self.count + count
        step = mean - self.mean
        self._scatter += centered.T @ centered
        self._scatter += np.outer(step, step) * (self.count * count / total)
        self.mean = self.mean + step * (count / total)
        self.count = total

    @property
    def covariance(self):
        """Unbiased covariance, float64 [D, D].

        Raises:
            ValueError: for fewer than two vectors.
        """
        if self.count < 2:
            raise ValueError(
                "A covariance needs at least two feature vectors. "
                f"Received: {self.count}"
            )
        return self._scatter / (self.count - 1)


def frechet_distance(mean1, covariance1, mean2, covariance2):
    """Fréchet distance between two Gaussians (Heusel et al. 2017).

        |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))

    The trace of the root is that of (A C2 A)^(1/2) with A the symmetric root
    of C1, which symmetric eigendecompositions give: no complex numbers, no
    failure for singular matrices, and over ten times faster than a general
    matrix root.

    Args:
        mean1, mean2: [D].
        covariance1, covariance2: [D, D], symmetric.

    Returns:
        float >= 0 (to rounding).

    Raises:
        ValueError: if the shapes do not fit.
    """
    mean1, mean2 = np.asarray(mean1, "float64"), np.asarray(mean2, "float64")
    covariance1 = np.asarray(covariance1, "float64")
    covariance2 = np.asarray(covariance2, "float64")
    shapes = [x.shape for x in (mean1, covariance1, mean2, covariance2)]
    width = len(mean1) if mean1.ndim == 1 else 0
    if shapes != [(width,), (width, width)] * 2:
        raise ValueError(
            "Means must be [D] and covariances [D, D], of one D. Received "
            f"shapes: {shapes}"
        )
    values, vectors = np.linalg.eigh(covariance1)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    product = np.linalg.eigvalsh(root @ covariance2 @ root)
    cross = np.sum(np.sqrt(np.maximum(product, 0.0)))
    traces = np.trace(covariance1) + np.trace(covariance2)
    return float(np.sum((mean1 - mean2) ** 2) + traces - 2.0 * cross)


def frechet_distance_of_statistics(first, second):
    """Fréchet distance between two `FeatureStatistics`."""
    return frechet_distance(
        first.mean, first.covariance, second.mean, second.covariance
    )


def frechet_distance_of_features(features1, features2):
    """Fréchet distance between the Gaussians fitted to two sets of features.

    With fewer vectors than features the D x D matrices are never made: for
    centered features X with C = X' X / (n - 1) the trace of the root is the
    sum of the singular values of X1 X2', divided by the square root of
    (n1 - 1)(n2 - 1), an n1 x n2 matrix.

    Args:
        features1: float [N1, D], at least two vectors.
        features2: float [N2, D], at least two vectors.

    Returns:
        float >= 0 (to rounding).

    Raises:
        ValueError: if the shapes do not fit.
    """
    features1, features2 = _two_sets(features1, features2)
    if min(len(features1), len(features2)) >= features1.shape[1]:
        return frechet_distance_of_statistics(
            statistics_of(features1), statistics_of(features2)
        )
    mean1, mean2 = features1.mean(axis=0), features2.mean(axis=0)
    x1 = (features1 - mean1) / np.sqrt(len(features1) - 1)
    x2 = (features2 - mean2) / np.sqrt(len(features2) - 1)
    cross = np.linalg.svd(x1 @ x2.T, compute_uv=False).sum()
    traces = np.sum(x1**2) + np.sum(x2**2)
    return float(np.sum((mean1 - mean2) ** 2) + traces - 2.0 * cross)


def kernel_distance(
    features1, features2, num_subsets=100, subset_size=1000, degree=3, seed=0
):
    """Kernel distance (KID, Bińkowski et al. 2018).

    The squared maximum mean discrepancy with k(x, y) = (x . y / D + 1)^degree,
    without bias, averaged over random subsets. It does not depend on the
    number of pictures, as the Fréchet distance does, and can be below 0.

    Args:
        features1: float [N1, D], at least two vectors.
        features2: float [N2, D], at least two vectors.
        num_subsets: how many pairs of subsets are drawn.
        subset_size: vectors in a subset; at most the smaller of N1 and N2.
        degree: of the polynomial.
        seed: of the subsets.

    Returns:
        float.

    Raises:
        ValueError: if the shapes do not fit, or a number is too small.
    """
    features1, features2 = _two_sets(features1, features2)
    if num_subsets < 1 or subset_size < 2:
        raise ValueError(
            "`num_subsets` must be at least 1 and `subset_size` at least 2. "
            f"Received: num_subsets={num_subsets}, subset_size={subset_size}"
        )
    size = min(subset_size, len(features1), len(features2))
    random = np.random.default_rng(seed)
    total = 0.0
    for _ in range(num_subsets):
        x = features1[random.choice(len(features1), size, replace=False)]
        y = features2[random.choice(len(features2), size, replace=False)]
        total += _squared_discrepancy(x, y, degree)
    return total / num_subsets


def cmd_score(
    images, texts, real_images, image_scale=10.0, text_scale=1.0
):
    """Cross-model distance: realism and fit to the text in one number.

        FD(images, texts) + FD(images, real images) - FD(real images, texts)

    where FD is the Fréchet distance of features of one joint embedding, all
    vectors scaled to one length. Generated pictures distributed like the real
    ones score 0. The published evaluation takes CLIP ViT-B/32 without its
    normalization of pictures, and the scales that stand here.

    Args:
        images: float [N1, D], of generated pictures.
        texts: float [N2, D], of the captions of real pictures.
        real_images: float [N3, D].
        image_scale: length of the vectors of pictures.
        text_scale: length of the vectors of texts.

    Returns:
        float.

    Raises:
        ValueError: if the shapes do not fit.
    """
    return cmd_of_statistics(
        *(statistics_of(unit(x)) for x in (images, texts, real_images)),
        image_scale,
        text_scale,
    )


def cmd_of_statistics(
    images, texts, real_images, image_scale=10.0, text_scale=1.0
):
    """`cmd_score` of `FeatureStatistics` of vectors of length 1."""

    def distance(first, first_scale, second, second_scale):
        return frechet_distance(
            first_scale * first.mean,
            first_scale**2 * first.covariance,
            second_scale * second.mean,
            second_scale**2 * second.covariance,
        )

    return (
        distance(images, image_scale, texts, text_scale)
        + distance(images, image_scale, real_images, image_scale)
        - distance(real_images, image_scale, texts, text_scale)
    )


def statistics_of(features):
    """`FeatureStatistics` of one set [N, D]."""
    features = _features(features)
    statistics = FeatureStatistics(features.shape[1])
    statistics.update(features)
    return statistics


def unit(features):
    """Rows of float [N, D] brought to length 1; a zero row stays zero."""
    features = _features(features)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.where(lengths > 0, lengths, 1.0)


def _squared_discrepancy(x, y, degree):
    """Unbiased squared MMD of two sets [n, D]; a vector is never its own pair."""
    count, width = x.shape
    xx = (x @ x.T / width + 1.0) ** degree
    yy = (y @ y.T / width + 1.0) ** degree
    xy = (x @ y.T / width + 1.0) ** degree
    within = xx.sum() - np.trace(xx) + yy.sum() - np.trace(yy)
    return float(within / (count * (count - 1)) - 2.0 * xy.mean())


def _two_sets(features1, features2):
    features1 = _features(features1)
    features2 = _features(features2, features1.shape[1])
    if min(len(features1), len(features2)) < 2:
        raise ValueError(
            "Each set must hold at least two feature vectors. Received: "
            f"{len(features1)} and {len(features2)}"
        )
    return features1, features2


def _features(features, width=None):
    features = np.asarray(features, "float64")
    if features.ndim != 2 or width not in (None, features.shape[1]):
        raise ValueError(
            f"Features must be [N, {'D' if width is None else width}]. "
            f"Received: {list(features.shape)}"
        )
    if not np.isfinite(features).all():
        raise ValueError("Features must be finite. Received: NaN or infinity")
    return features
