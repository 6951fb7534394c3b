import numpy as np
import tensorflow as tf

from keras_t2i.layers import SpectralConv2D


def spectral(strides=1, steps=50):
    """A layer after some power iterations, and pictures."""
    layer = SpectralConv2D(5, 3, strides)
    images = tf.random.stateless_normal([2, 6, 6, 4], [1, 2])
    layer.build(images.shape)
    layer.kernel.assign(
        tf.random.stateless_normal(layer.kernel.shape, [3, 4]) * 3.0
    )
    for _ in range(steps):
        layer(images, training=True)
    return layer, images


def largest_singular_value(kernel):
    return np.linalg.svd(np.reshape(kernel, (-1, kernel.shape[-1])))[1][0]


def test_effective_kernel_has_spectral_norm_1():
    layer, images = spectral()
    plain = tf.nn.conv2d(images, layer.kernel.value, 1, "SAME")
    factor = largest_singular_value(layer.kernel.value.numpy())
    np.testing.assert_allclose(
        layer(images), plain / factor, rtol=1e-3, atol=1e-4
    )


def test_gradient_goes_through_sigma():
    layer, images = spectral()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(images) ** 2)
    gradient = tape.gradient(loss, layer.kernel.value)
    # A longer kernel is the same layer: along itself the loss is flat.
    along = tf.reduce_sum(gradient * layer.kernel.value)
    size = tf.norm(gradient) * tf.norm(layer.kernel.value)
    assert abs(float(along / size)) < 1e-3
    assert float(tf.norm(gradient)) > 1e-3


def test_only_training_moves_the_vector_and_nothing_moves_the_kernel():
    layer, images = spectral(steps=0)
    kernel, u = layer.kernel.value.numpy(), layer.u.value.numpy()
    layer(images)
    np.testing.assert_array_equal(layer.u.value, u)
    layer(images, training=True)
    assert np.any(layer.u.value.numpy() != u)
    np.testing.assert_array_equal(layer.kernel.value, kernel)


def test_shapes_and_configuration():
    layer, images = spectral(strides=2, steps=0)
    assert layer(images).shape == (2, 3, 3, 5)
    assert layer.compute_output_shape((None, 6, 6, 4)) == (None, 3, 3, 5)
    again = SpectralConv2D.from_config(layer.get_config())
    assert again.strides == 2 and again.filters == 5
