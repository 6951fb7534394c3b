import keras
import numpy as np
import pytest

from keras_t2i.layers import SpectralConv2D


def built(**settings):
    layer = SpectralConv2D(5, 3, **settings)
    layer.build((None, 8, 8, 4))
    kernel = np.random.default_rng(0).normal(size=layer.kernel.shape)
    layer.kernel.assign(3.0 * kernel)
    return layer


def pictures():
    return np.random.default_rng(1).normal(size=(2, 8, 8, 4)).astype("float32")


def norm(layer):
    return np.linalg.norm(np.array(layer.kernel).reshape(-1, 5), 2)


def test_kernel_is_divided_by_its_spectral_norm():
    layer = built()
    for _ in range(50):
        layer(pictures(), training=True)
    plain = keras.layers.Conv2D(5, 3, padding="same", use_bias=False)
    plain.build((None, 8, 8, 4))
    plain.kernel.assign(np.array(layer.kernel) / norm(layer))
    np.testing.assert_allclose(
        layer(pictures()), plain(pictures()), rtol=1e-3, atol=1e-4
    )


def test_only_training_iterates():
    layer = built()
    before = np.array(layer.u)
    layer(pictures())
    np.testing.assert_array_equal(np.array(layer.u), before)
    layer(pictures(), training=True)
    assert np.any(np.array(layer.u) != before)


def test_gradient_goes_through_the_norm():
    """A longer kernel is the same kernel: no gradient along itself."""
    import tensorflow as tf

    layer = built()
    for _ in range(50):
        layer(pictures(), training=True)
    with tf.GradientTape() as tape:
        total = keras.ops.sum(keras.ops.square(layer(pictures())))
    gradient = np.array(tape.gradient(total, layer.kernel.value))
    kernel = np.array(layer.kernel)
    cosine = np.sum(gradient * kernel)
    cosine /= np.linalg.norm(gradient) * np.linalg.norm(kernel)
    assert np.linalg.norm(gradient) > 0.0 and abs(cosine) < 1e-3


@pytest.mark.parametrize("padding, side", [("same", 4), ("valid", 3)])
def test_strides_padding_and_config(padding, side):
    layer = built(strides=2, padding=padding)
    assert layer(pictures()).shape == (2, side, side, 5)
    assert layer(keras.Input((8, 8, 4))).shape == (None, side, side, 5)
    again = SpectralConv2D.from_config(layer.get_config())
    assert (again.strides, again.padding) == (2, padding)


def test_half_precision_normalizes_in_float32():
    layer = built(dtype="mixed_float16")
    layer.kernel.assign(1e-4 * np.array(layer.kernel))
    result = layer(pictures(), training=True)
    assert "float16" in str(result.dtype)
    assert np.all(np.isfinite(np.array(result, "float32")))
    assert layer.kernel.dtype == "float32"
