import numpy as np
import pytest
import tensorflow as tf

from keras_t2i.export.latents import first_row_latents
from keras_t2i.training.latents import row_latents

SEEDS = [*range(200), -1, -7, 2**31, 2**63 - 1, -(2**63)]


@pytest.mark.parametrize("width", [1, 8, 63, 256])
def test_the_numbers_are_those_of_numpy(width):
    found = first_row_latents(tf.constant(SEEDS, tf.int64), width).numpy()
    expected = [row_latents(seed, [0], width)[0] for seed in SEEDS]
    # The logarithms of the two may differ in their last bit.
    np.testing.assert_array_max_ulp(found, np.array(expected), maxulp=1)
    assert np.mean(found == expected) > 0.999
