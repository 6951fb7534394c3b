import math

import numpy as np
import pytest

from keras_t2i import losses


def test_equals_the_divergence_of_each_normal():
    random = np.random.default_rng(0)
    mean, log_variance = random.normal(size=(2, 3, 4))
    total = 0.0
    for m, v in zip(mean.ravel(), log_variance.ravel()):
        # KL(N(m, s^2) | N(0, 1)) = log(1 / s) + (s^2 + m^2 - 1) / 2
        total += -0.5 * v + 0.5 * (math.exp(v) + m * m - 1.0)
    found = float(losses.conditioning_kl_loss(mean, log_variance))
    assert found == pytest.approx(total / 12, rel=1e-12)


def test_standard_normal_costs_nothing():
    assert float(losses.conditioning_kl_loss(np.zeros((2, 3)), np.zeros((2, 3)))) == 0
