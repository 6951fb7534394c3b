import math

import keras
import numpy as np
import pytest

from keras_t2i import losses


def float64(values):
    return keras.ops.convert_to_tensor(np.array(values, "float64"))


def rows(seed, count=4, width=6):
    return np.random.default_rng(seed).normal(size=(count, width))


def pearson(first, second):
    """As a school book has it."""
    count = len(first)
    mean_first, mean_second = sum(first) / count, sum(second) / count
    covariance = variance_first = variance_second = 0.0
    for a, b in zip(first, second):
        covariance += (a - mean_first) * (b - mean_second)
        variance_first += (a - mean_first) ** 2
        variance_second += (b - mean_second) ** 2
    return covariance / math.sqrt(variance_first * variance_second)


def mean_bce(logits, target):
    total = 0.0
    for logit in np.ravel(logits):
        p = 1.0 / (1.0 + math.exp(-logit))
        total -= math.log(p) if target else math.log(1.0 - p)
    return total / np.size(logits)


def test_pearson_of_rows():
    a, b = rows(0), rows(1)
    result = losses.pearson_correlation(float64(a), float64(b))
    expected = [pearson(x, y) for x, y in zip(a, b)]
    np.testing.assert_allclose(result, expected, atol=1e-6)
    assert keras.backend.standardize_dtype(result.dtype) == "float64"


@pytest.mark.parametrize(
    "scale, shift", [(3.0, 0.0), (1e3, -7.0), (0.01, 50.0)]
)
def test_pearson_ignores_scale_and_shift(scale, shift):
    a, b = rows(0), rows(1)
    expected = losses.pearson_correlation(float64(a), float64(b))
    for moved in ((scale * a + shift, b), (a, scale * b + shift)):
        result = losses.pearson_correlation(*map(float64, moved))
        np.testing.assert_allclose(result, expected, atol=1e-9)
    turned = losses.pearson_correlation(float64(-scale * a + shift), float64(b))
    np.testing.assert_allclose(turned, -np.array(expected), atol=1e-9)


def test_pearson_at_its_ends():
    a = rows(0)
    one = losses.pearson_correlation(float64(a), float64(2.0 * a + 1.0))
    np.testing.assert_allclose(one, np.ones(4), atol=1e-12)
    constant = losses.pearson_correlation(float64(a), float64(np.ones_like(a)))
    np.testing.assert_allclose(constant, np.zeros(4), atol=1e-12)


@pytest.mark.parametrize("margin", [0.0, 0.5, 3.0])
def test_content_triplet(margin):
    text, own, other = rows(0), rows(1), rows(2)
    expected = 0.0
    for t, a, b in zip(text, own, other):
        expected += max(0.0, margin - pearson(t, a) + pearson(t, b)) / len(text)
    loss = losses.content_triplet_loss(
        float64(text), float64(own), float64(other), margin
    )
    assert float(loss) == pytest.approx(expected, abs=1e-6)


def test_content_triplet_is_zero_where_the_margin_is_kept():
    text = rows(0)
    loss = losses.content_triplet_loss(
        float64(text), float64(text), float64(-text)
    )
    assert float(loss) == 0.0


def test_style_loss():
    latents, style = rows(0), rows(1)
    expected = -sum(map(pearson, latents, style)) / len(latents)
    loss = losses.style_loss(float64(latents), float64(style))
    assert float(loss) == pytest.approx(expected, abs=1e-6)
    same = losses.style_loss(float64(latents), float64(5.0 * latents - 2.0))
    assert float(same) == pytest.approx(-1.0, abs=1e-12)


REAL = [[2.0, -1.0, 0.5], [0.3, 1.0, -2.0], [0.0, 0.7, 1.5]]
FAKE = [[0.2, -0.7, 3.0], [-1.0, 0.4, 0.0], [1.1, -0.3, -0.9]]


def judgement(logits):
    return losses.Judgement(*map(float64, logits))


@pytest.mark.parametrize("weight", [0.1, 0.0, 2.0])
def test_discriminator_loss_of_the_patent(weight):
    loss = losses.disentangled_discriminator_loss(
        judgement(REAL), judgement(FAKE), style_weight=weight
    )
    expected = 0.0
    for factor, real, fake in zip((1.0, 1.0, weight), REAL, FAKE):
        expected += factor * (mean_bce(real, 1) + mean_bce(fake, 0))
    assert float(loss) == pytest.approx(expected, abs=1e-6)


def test_discriminator_loss_of_the_code():
    wrong = [1.2, -0.4, 0.9]
    loss = losses.disentangled_discriminator_loss(
        judgement(REAL), judgement(FAKE), (float64(wrong), float64([1, 1, 1]))
    )
    expected = (
        0.5 * (mean_bce(REAL[0], 1) + mean_bce(REAL[1], 1))
        + (mean_bce(FAKE[0], 0) + mean_bce(FAKE[1], 0) + mean_bce(wrong, 0)) / 3
        + 0.1 * (mean_bce(REAL[2], 1) + mean_bce(FAKE[2], 0))
    )
    assert float(loss) == pytest.approx(expected, abs=1e-6)


def test_pairs_that_are_not_wrong_do_not_count():
    def loss(logits, weights):
        return float(
            losses.disentangled_discriminator_loss(
                judgement(REAL),
                judgement(FAKE),
                (float64(logits), float64(weights)),
            )
        )

    some = loss([[9.0, 0.5], [-1.0, 7.0]], [[0, 1], [1, 0]])
    assert some == pytest.approx(loss([0.5, -1.0], [1, 1]), abs=1e-12)
    none = loss([9.0], [0])
    assert none == pytest.approx(
        some - mean_bce([0.5, -1.0], 0) / 3, abs=1e-6
    )


def test_generator_loss():
    loss = losses.disentangled_generator_loss(judgement(FAKE))
    expected = (
        mean_bce(FAKE[0], 1) + mean_bce(FAKE[1], 1) + 0.1 * mean_bce(FAKE[2], 1)
    )
    assert float(loss) == pytest.approx(expected, abs=1e-6)
