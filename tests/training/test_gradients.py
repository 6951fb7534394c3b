import numpy as np
import tensorflow as tf
from keras import layers
from keras import ops

from keras_t2i.training import input_gradient


def test_rows_are_the_gradients_of_the_samples():
    x = tf.constant([[1.0, 2.0], [-3.0, 0.5]])
    gradient = input_gradient(lambda x: ops.sum(x**3, axis=1), x)
    np.testing.assert_allclose(gradient, 3 * np.array(x) ** 2, rtol=1e-6)


def test_second_order_gradient_is_the_analytic_one():
    x = tf.constant([[1.0, 2.0, -1.5]], tf.float64)
    w = tf.Variable([[0.3], [-2.0], [1.1]], dtype=tf.float64)

    def function(x):  # (w . x)^3
        return ops.matmul(x, w)[:, 0] ** 3

    with tf.GradientTape() as tape:
        # |3 (w . x)^2 w|^2 = 9 (w . x)^4 |w|^2
        penalty = ops.sum(ops.square(input_gradient(function, x)))
    w_, x_ = w.numpy()[:, 0], x.numpy()[0]
    s, n = w_ @ x_, w_ @ w_
    np.testing.assert_allclose(penalty, 9 * s**4 * n, rtol=1e-12)
    expected = 36 * s**3 * n * x_ + 18 * s**4 * w_
    gradient = np.array(tape.gradient(penalty, w))[:, 0]
    np.testing.assert_allclose(gradient, expected, rtol=1e-12)


def test_second_order_gradient_flows_through_the_layers_in_use():
    images = tf.random.stateless_normal((2, 4, 4, 3), (0, 1))
    convolution = layers.Conv2D(2, 3, padding="same")
    judge = layers.Dense(1)

    def function(x):
        x = layers.LeakyReLU(0.2)(convolution(layers.UpSampling2D()(x)))
        return judge(layers.Flatten()(x))[:, 0]

    function(images)
    with tf.GradientTape() as tape:
        penalty = ops.sum(ops.square(input_gradient(function, images)))
    kernels = [convolution.kernel.value, judge.kernel.value]
    for gradient in tape.gradient(penalty, kernels):
        assert np.max(np.abs(gradient)) > 0
