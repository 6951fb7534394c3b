import math

import numpy as np
import pytest
from keras import ops

from keras_t2i import losses


@pytest.mark.parametrize("scale, margin", [(1.0, 0.0), (16.0, 0.35)])
def test_cosine_margin_loss_equals_a_loop(scale, margin):
    random = np.random.default_rng(0)
    cosines = random.uniform(-1, 1, size=(5, 4))
    labels = np.array([0, 3, 1, 1, 2])
    expected = 0.0
    for row, own in zip(cosines, labels):
        terms = [
            math.exp(scale * (c - margin * (k == own)))
            for k, c in enumerate(row)
        ]
        expected -= math.log(terms[own] / sum(terms)) / 5
    found = losses.cosine_margin_loss(
        ops.convert_to_tensor(cosines), labels, scale, margin
    )
    assert float(found) == pytest.approx(expected, rel=1e-6)
    assert "float64" in str(found.dtype)
