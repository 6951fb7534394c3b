"""Modulated convolutions against kernels made for every sample."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_t2i.layers import equalized
from keras_t2i.layers.modulation import ModulatedConv2D

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(2, 6, 6, 5)).astype("float32")
STYLE = RANDOM.normal(1.0, 0.5, size=(2, 5)).astype("float32")


def kernels(layer, style):
    """w[b, k, i, o] by the definition (StyleGAN2, equations 1 and 3)."""
    kernel = np.asarray(layer.kernel, "float64")
    if layer.separable:
        spatial = np.asarray(layer.spatial, "float64")[..., 0]
        kernel = spatial[:, :, None, :] * kernel / 3.0
        fan_in = kernel.shape[2]
    else:
        fan_in = np.prod(kernel.shape[:3])
    w = kernel[None] / np.sqrt(fan_in) * style[:, None, None, :, None]
    if layer.demodulate:
        square = np.sum(np.square(w), axis=(1, 2, 3), keepdims=True)
        w /= np.sqrt(square + 1e-8)
    return w


@pytest.mark.parametrize("separable", [False, True])
@pytest.mark.parametrize("demodulate", [False, True])
def test_scaled_activations_equal_kernels_of_each_sample(separable, demodulate):
    layer = ModulatedConv2D(
        4, 3, demodulate=demodulate, separable=separable
    )
    found = np.asarray(layer([X, STYLE]))
    for x, w, each in zip(X, kernels(layer, STYLE), found):
        expected = tf.nn.conv2d(x[None].astype("float64"), w, 1, "SAME")[0]
        np.testing.assert_allclose(each, expected, atol=1e-5)


def test_doubling_equals_zeros_between_a_convolution_and_a_blur():
    layer = ModulatedConv2D(4, 3, double=True)
    found = np.asarray(layer([X, STYLE]))
    assert found.shape == (2, 12, 12, 4)
    taps = np.array([1.0, 3.0, 3.0, 1.0]) / 4.0
    blur = np.einsum("i,j->ij", taps, taps)[:, :, None, None] * np.eye(4)
    for x, w, each in zip(X, kernels(layer, STYLE), found):
        spread = np.zeros((1, 15, 15, 5))
        spread[0, 2:13:2, 2:13:2] = x
        # A transposed convolution turns its kernel around.
        wide = tf.nn.conv2d(spread, w[::-1, ::-1], 1, "VALID")
        wide = tf.pad(wide, [[0, 0], [1, 1], [1, 1], [0, 0]])
        expected = tf.nn.conv2d(wide, blur, 1, "VALID")[0]
        np.testing.assert_allclose(each, expected, atol=1e-4)


def test_separable_doubling_mixes_channels_before_it_resizes():
    layer = ModulatedConv2D(4, 3, double=True, separable=True)
    found = np.asarray(layer([X, STYLE]))
    # Mixing channels and resizing commute: the kernels act on the large map.
    large = np.asarray(tf.image.resize(X, (12, 12)), "float64")
    for x, w, each in zip(large, kernels(layer, STYLE), found):
        expected = tf.nn.conv2d(x[None], w, 1, "SAME")[0]
        np.testing.assert_allclose(each, expected, atol=1e-5)
    trained = np.asarray(layer([X, STYLE], training=True))
    np.testing.assert_allclose(trained, found, atol=1e-5)


def test_doubled_equals_bilinear_resizing_and_has_second_derivatives():
    expected = tf.image.resize(X, (12, 12))
    x = tf.constant(X)
    found = equalized.doubled(x)
    np.testing.assert_allclose(np.asarray(found), expected, atol=1e-6)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            total = tf.reduce_sum(ops.square(equalized.doubled(x)))
        slope = tf.reduce_sum(inner.gradient(total, x))
    assert np.all(np.isfinite(outer.gradient(slope, x)))


def test_halving_takes_the_mean_of_a_constant_picture():
    layer = equalized.EqualizedConv2D(1, 1, halve=True, use_bias=False)
    layer.build((None, 8, 8, 1))
    layer.kernel.assign(np.ones((1, 1, 1, 1)))
    found = np.asarray(layer(np.ones((1, 8, 8, 1), "float32")))
    assert found.shape == (1, 4, 4, 1)
    # At the border a part of the blur sees the zeros outside.
    np.testing.assert_allclose(found[0, 1:-1, 1:-1], 1.0, atol=1e-6)


def test_equalized_weights_start_alike_and_move_at_their_rate():
    fast = equalized.EqualizedDense(2, bias=1.0)
    slow = equalized.EqualizedDense(2, bias=1.0, rate=0.01)
    x = RANDOM.normal(size=(512, 64)).astype("float32")
    for layer in (fast, slow):
        found = np.asarray(layer(x))
        assert 0.7 < found.std() < 1.3
        assert abs(found.mean() - 1.0) < 0.3
    moved = []
    for layer in (fast, slow):
        before = np.asarray(layer(x))
        layer.kernel.assign_add(np.ones(layer.kernel.shape))
        moved.append(np.abs(np.asarray(layer(x)) - before).mean())
    assert moved[1] == pytest.approx(0.01 * moved[0], rel=1e-3)
