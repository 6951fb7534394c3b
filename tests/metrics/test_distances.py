import numpy as np
import pytest
import scipy.linalg

from keras_t2i import metrics


def features(count, width, seed, offset=0.0):
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(width, width))
    return random.normal(size=(count, width)) @ mixing + offset


def by_matrix_root(a, b):
    """The formula of the paper, word for word."""
    covariances = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1])
    difference = a.mean(axis=0) - b.mean(axis=0)
    return difference @ difference + np.trace(
        covariances[0] + covariances[1] - 2 * root.real
    )


def test_frechet_distance_of_known_gaussians():
    # |(3, 4)|^2 + (1 + 4 - 2 * 2) + (9 + 1 - 2 * 3).
    distance = metrics.frechet_distance(
        [3.0, 0.0], np.diag([1.0, 9.0]), [0.0, 4.0], np.diag([4.0, 1.0])
    )
    assert distance == pytest.approx(25 + 1 + 4, rel=1e-12)


def test_frechet_distance_equals_the_matrix_root():
    a, b = features(60, 7, 0), features(50, 7, 1, offset=0.5)
    expected = by_matrix_root(a, b)
    found = metrics.frechet_distance_of_features(a, b)
    assert found == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("counts", [(5, 6), (5, 40), (40, 5)])
def test_frechet_distance_with_fewer_vectors_than_features(counts):
    a, b = features(counts[0], 12, 0), features(counts[1], 12, 1, offset=1.0)
    expected = metrics.frechet_distance(
        a.mean(axis=0),
        np.cov(a, rowvar=False),
        b.mean(axis=0),
        np.cov(b, rowvar=False),
    )
    found = metrics.frechet_distance_of_features(a, b)
    assert found == pytest.approx(expected, rel=1e-6)
    assert found > 1.0


def test_frechet_distance_of_a_set_to_itself_is_zero():
    for count in (6, 50):
        a = features(count, 8, 0)
        assert abs(metrics.frechet_distance_of_features(a, a)) < 1e-6


@pytest.mark.parametrize("sizes", [[20], [1] * 20, [7, 0, 12, 1]])
def test_statistics_do_not_depend_on_the_batches(sizes):
    x = features(20, 4, 0, offset=1e5)
    statistics = metrics.FeatureStatistics(4)
    for part in np.split(x, np.cumsum(sizes)[:-1]):
        statistics.update(part.astype("float64"))
    assert statistics.count == 20
    np.testing.assert_allclose(statistics.mean, x.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(
        statistics.covariance, np.cov(x, rowvar=False), rtol=1e-9, atol=1e-9
    )


def test_kernel_distance_equals_loops():
    x, y = features(4, 3, 0), features(4, 3, 1)

    def kernel(a, b):
        return (a @ b / 3 + 1) ** 3

    expected = 0.0
    for i in range(4):
        for j in range(4):
            if i != j:
                expected += (kernel(x[i], x[j]) + kernel(y[i], y[j])) / 12
            expected -= 2 * kernel(x[i], y[j]) / 16
    # Subsets of all vectors are the whole sets, in another order.
    found = metrics.kernel_distance(x, y, num_subsets=3)
    assert found == pytest.approx(expected, rel=1e-10)


def test_kernel_distance_has_no_bias_and_sees_a_shift():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(2, 2000, 5))
    arguments = {"num_subsets": 50, "subset_size": 40}
    assert abs(metrics.kernel_distance(x, y, **arguments)) < 0.05
    assert metrics.kernel_distance(x, y + 1.0, **arguments) > 0.5
    same = [metrics.kernel_distance(x, y, **arguments, seed=s) for s in (1, 1, 2)]
    assert same[0] == same[1] != same[2]


def test_cmd_of_real_pictures_is_zero():
    real, texts = features(50, 6, 0), features(50, 6, 1)
    assert abs(metrics.cmd_score(real, texts, real)) < 1e-6


def test_cmd_is_the_sum_of_its_parts():
    fake, texts, real = (features(30, 4, seed) for seed in range(3))

    def scaled(x, scale):
        return scale * x / np.linalg.norm(x, axis=1, keepdims=True)

    a, b, c = scaled(fake, 10.0), scaled(texts, 1.0), scaled(real, 10.0)
    expected = by_matrix_root(a, b) + by_matrix_root(a, c) - by_matrix_root(c, b)
    found = metrics.cmd_score(7 * fake, texts, real / 3)
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x: metrics.frechet_distance_of_features(x, x[:, :2]), r"\[N, 3\]"),
        (lambda x: metrics.frechet_distance_of_features(x, x[:1]), "5 and 1"),
        (lambda x: metrics.frechet_distance_of_features(x, x / 0.0), "finite"),
        (lambda x: metrics.frechet_distance(x[0], x, x[0], x), "one D"),
        (lambda x: metrics.kernel_distance(x, x, subset_size=1), "subset_size"),
        (lambda x: metrics.kernel_distance(x, x, num_subsets=0), "num_subsets"),
        (lambda x: metrics.FeatureStatistics(4).update(x), r"\[N, 4\]"),
        (lambda x: metrics.FeatureStatistics(4).covariance, "at least two"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with np.errstate(divide="ignore"), pytest.raises(ValueError, match=message):
        call(np.ones((5, 3)))
