import numpy as np
import pytest
from keras import ops

from keras_t2i.models.gan_cls import objective


@pytest.mark.parametrize(
    "count, pairs",
    [(4, [(0, 2), (1, 3)]), (5, [(0, 2), (1, 3), (2, 4)]), (1, [(0, 0)])],
)
def test_half_way_is_the_average_of_two_sentences(count, pairs):
    sentence = np.random.default_rng(0).normal(size=(count, 3))
    between = objective.interpolated_sentences(ops.convert_to_tensor(sentence))
    expected = [(sentence[i] + sentence[j]) / 2 for i, j in pairs]
    np.testing.assert_allclose(between, expected, rtol=1e-12)


def test_beta_weighs_the_first_half():
    sentence = ops.convert_to_tensor([[1.0, 0.0], [0.0, 1.0]])
    between = objective.interpolated_sentences(sentence, 0.25)
    np.testing.assert_allclose(between, [[0.25, 0.75]])
