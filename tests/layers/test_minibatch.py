import keras
import numpy as np

from keras_t2i.layers import MinibatchDeviation


def test_equal_pictures_show_as_zero():
    one = np.random.default_rng(0).normal(size=(1, 2, 2, 3)).astype("float32")
    output = np.array(MinibatchDeviation()(np.repeat(one, 5, axis=0)))
    np.testing.assert_array_equal(output[..., :3], np.repeat(one, 5, axis=0))
    np.testing.assert_allclose(output[..., 3], 0.0, atol=2e-4)


def test_channel_is_the_mean_deviation_over_the_batch():
    inputs = np.random.default_rng(1).normal(size=(4, 2, 3, 5))
    expected = np.mean(np.std(inputs, axis=0))
    output = np.array(MinibatchDeviation()(inputs.astype("float32")))
    assert output.shape == (4, 2, 3, 6)
    np.testing.assert_allclose(output[..., 5], expected, rtol=1e-5)


def test_gradient_is_finite_where_all_pictures_are_equal():
    import tensorflow as tf

    inputs = tf.ones((3, 2, 2, 1))
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        channel = MinibatchDeviation()(inputs)[..., 1]
        total = keras.ops.sum(channel)
    assert np.all(np.isfinite(tape.gradient(total, inputs)))


def test_half_precision_and_symbolic_shape():
    layer = MinibatchDeviation(dtype="mixed_float16")
    # The square of 1000 is above the range of float16.
    inputs = np.array([-1000.0, 1000.0], "float16").reshape(2, 1, 1, 1)
    output = layer(inputs)
    assert keras.backend.standardize_dtype(output.dtype) == "float16"
    np.testing.assert_allclose(np.array(output)[..., 1], 1000.0, rtol=1e-3)
    assert layer(keras.Input((8, 8, 7))).shape == (None, 8, 8, 8)
