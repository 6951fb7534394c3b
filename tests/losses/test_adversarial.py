import math

import keras
import numpy as np
import pytest

from keras_t2i import losses

REAL = [2.0, -1.0, 0.5, 0.0]
WRONG = [-3.0, 1.5, 0.0, 4.0]
FAKE = [0.25, -0.75, 3.0, -2.0]


def bce(logit, target):
    """From the probability, as the papers write it."""
    p = 1.0 / (1.0 + math.exp(-logit))
    return -(target * math.log(p) + (1.0 - target) * math.log(1.0 - p))


def mean_bce(logits, target):
    total = 0.0
    for logit in logits:
        total += bce(logit, target)
    return total / len(logits)


def float64(values):
    return keras.ops.convert_to_tensor(np.array(values, "float64"))


def test_gan_discriminator_loss():
    expected = mean_bce(REAL, 1.0) + mean_bce(FAKE, 0.0)
    loss = losses.gan_discriminator_loss(float64(REAL), float64(FAKE))
    assert float(loss) == pytest.approx(expected, abs=1e-6)


def test_binary_cross_entropy_at_known_points():
    logits = float64([0.0, math.log(3.0)])
    # sigmoid(log 3) = 3/4.
    expected = {1.0: [math.log(2), math.log(4 / 3)]}
    expected[0.0] = [math.log(2), math.log(4)]
    for target, values in expected.items():
        result = losses.binary_cross_entropy(logits, target)
        np.testing.assert_allclose(result, values, rtol=1e-12)


def test_binary_cross_entropy_keeps_dtype_and_mixes_targets():
    targets = [1.0, 0.0, 1.0, 0.0]
    expected = [bce(x, y) for x, y in zip(REAL, targets)]
    for dtype, rtol in (("float64", 1e-12), ("float32", 1e-6)):
        logits = keras.ops.convert_to_tensor(np.array(REAL, dtype))
        result = losses.binary_cross_entropy(logits, np.array(targets, dtype))
        assert keras.backend.standardize_dtype(result.dtype) == dtype
        np.testing.assert_allclose(result, expected, rtol=rtol)


@pytest.mark.parametrize("cls_weight", [0.0, 0.5, 0.8])
def test_discriminator_loss_is_that_of_the_paper(cls_weight):
    loss = losses.gan_cls_discriminator_loss(
        float64(REAL),
        (float64(WRONG), float64([1, 1, 1, 1])),
        float64(FAKE),
        cls_weight,
    )
    expected = (
        mean_bce(REAL, 1.0)
        + cls_weight * mean_bce(WRONG, 0.0)
        + (1.0 - cls_weight) * mean_bce(FAKE, 0.0)
    )
    assert float(loss) == pytest.approx(expected, rel=1e-12)


def test_discriminator_loss_that_knows_nothing():
    zeros = float64([0.0, 0.0])
    loss = losses.gan_cls_discriminator_loss(
        zeros, (zeros, float64([1.0, 1.0])), zeros
    )
    # log 2 for the real pairs and log 2 for the two halves together.
    assert float(loss) == pytest.approx(2 * math.log(2), rel=1e-12)


def test_rows_without_a_wrong_partner_are_left_out():
    def loss(wrong, weights):
        return float(
            losses.gan_cls_discriminator_loss(
                float64(REAL), (float64(wrong), float64(weights)), float64(FAKE)
            )
        )

    rest = mean_bce(REAL, 1.0) + 0.5 * mean_bce(FAKE, 0.0)
    expected = rest + 0.5 * mean_bce([WRONG[0], WRONG[2]], 0.0)
    assert loss(WRONG, [1, 0, 1, 0]) == pytest.approx(expected, rel=1e-12)
    assert loss(WRONG, [0, 0, 0, 0]) == pytest.approx(rest, rel=1e-12)


def test_matrix_loss_equals_loops_over_pairs():
    random = np.random.default_rng(1)
    scores = random.normal(size=(4, 4))
    class_id = [0, 1, 0, 2]
    is_wrong = np.array([[a != b for b in class_id] for a in class_id], "float64")
    wrong = []
    for picture in range(4):
        for caption in range(4):
            if class_id[picture] != class_id[caption]:
                wrong.append(scores[picture, caption])
    expected = (
        mean_bce([scores[i, i] for i in range(4)], 1.0)
        + 0.3 * mean_bce(wrong, 0.0)
        + 0.7 * mean_bce(FAKE, 0.0)
    )
    loss = losses.gan_cls_matrix_discriminator_loss(
        float64(scores), float64(is_wrong), float64(FAKE), 0.3
    )
    assert len(wrong) == 10
    assert float(loss) == pytest.approx(expected, rel=1e-12)


def test_generator_loss_is_non_saturating():
    loss = losses.gan_cls_generator_loss(float64(FAKE))
    assert float(loss) == pytest.approx(mean_bce(FAKE, 1.0), rel=1e-12)


def test_extreme_logits_stay_finite():
    extreme = keras.ops.convert_to_tensor([-1e4, 1e4, -80.0, 80.0])
    for target, expected in ((1.0, [1e4, 0, 80, 0]), (0.0, [0, 1e4, 0, 80])):
        result = losses.binary_cross_entropy(extreme, target)
        np.testing.assert_allclose(result, expected, rtol=1e-6, atol=1e-30)
    loss = losses.gan_cls_discriminator_loss(
        extreme, (extreme, keras.ops.ones(4)), extreme
    )
    assert np.isfinite(float(loss))


def test_mode_seeking_loss():
    images = np.random.default_rng(0).normal(size=(2, 3, 4, 4, 3))
    latents = np.random.default_rng(1).normal(size=(2, 3, 8))
    apart = asked = 0.0
    for i in range(3):
        apart += np.abs(images[0, i] - images[1, i]).mean() / 3
        asked += np.abs(latents[0, i] - latents[1, i]).mean() / 3
    loss = losses.mode_seeking_loss(
        [float64(x) for x in images], [float64(x) for x in latents]
    )
    assert float(loss) == pytest.approx(asked / (apart + 1e-5), abs=1e-6)
    collapsed = losses.mode_seeking_loss(
        [float64(images[0])] * 2, [float64(x) for x in latents]
    )
    assert float(collapsed) > 1e4


def test_hinge_matrix_loss_equals_loops_over_pairs():
    random = np.random.default_rng(2)
    scores = 2.0 * random.normal(size=(4, 4))
    class_id = [0, 1, 0, 2]
    is_wrong = np.array([[a != b for b in class_id] for a in class_id], "float64")
    real, wrong, fake = [], [], [max(0.0, 1.0 + x) for x in FAKE]
    for picture in range(4):
        real.append(max(0.0, 1.0 - scores[picture, picture]))
        for caption in range(4):
            if class_id[picture] != class_id[caption]:
                wrong.append(max(0.0, 1.0 + scores[picture, caption]))
    expected = sum(real) / 4 + 0.3 * sum(wrong) / 10 + 0.7 * sum(fake) / 4
    loss = losses.hinge_cls_matrix_discriminator_loss(
        float64(scores), float64(is_wrong), float64(FAKE), 0.3
    )
    assert float(loss) == pytest.approx(expected, rel=1e-12)
    # Without wrong pairs it is the usual hinge loss.
    loss = losses.hinge_cls_matrix_discriminator_loss(
        float64(scores), float64(is_wrong), float64(FAKE), 0.0
    )
    usual = losses.hinge_discriminator_loss(
        float64(np.diagonal(scores)), float64(FAKE)
    )
    assert float(loss) == pytest.approx(float(usual), rel=1e-12)


def test_hinge_losses():
    # REAL: 0, 2, 0.5, 1.  FAKE: 1.25, 0.25, 4, 0.
    expected = (0.0 + 2.0 + 0.5 + 1.0) / 4 + (1.25 + 0.25 + 4.0 + 0.0) / 4
    loss = losses.hinge_discriminator_loss(float64(REAL), float64(FAKE))
    assert float(loss) == pytest.approx(expected, abs=1e-12)
    loss = losses.hinge_generator_loss(float64(FAKE))
    assert float(loss) == pytest.approx(-sum(FAKE) / 4, abs=1e-12)
