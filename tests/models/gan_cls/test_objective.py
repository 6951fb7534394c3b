import numpy as np
import pytest
from keras import ops

from keras_t2i.models.gan_cls import objective


@pytest.mark.parametrize("count", [4, 5])
def test_half_way_is_the_average_of_two_sentences(count):
    sentence = np.random.default_rng(0).normal(size=(count, 3))
    between = objective.interpolated_sentences(ops.convert_to_tensor(sentence))
    expected = [(sentence[0] + sentence[2]) / 2, (sentence[1] + sentence[3]) / 2]
    np.testing.assert_allclose(between, expected, rtol=1e-12)


def test_beta_weighs_the_first_half():
    sentence = ops.convert_to_tensor([[1.0, 0.0], [0.0, 1.0]])
    between = objective.interpolated_sentences(sentence, 0.25)
    np.testing.assert_allclose(between, [[0.25, 0.75]])
    assert objective.interpolated_sentences(sentence[:1]).shape == (0, 2)


@pytest.mark.parametrize("count", [1, 4, 5])
def test_twice_draws_half_of_the_captions_in_pairs(count):
    sentence = np.arange(2.0 * count).reshape(count, 2)
    first, second = np.split(np.asarray(objective.twice(sentence)), 2)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, sentence[: len(first)])
    assert len(first) == (count + 1) // 2
