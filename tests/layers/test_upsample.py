import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_t2i.layers import Upsample

X = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype("float32")


@pytest.mark.parametrize(
    "interpolation, zeros",
    [("nearest", False), ("bilinear", False), ("bilinear", True)],
)
def test_training_gives_the_same_numbers(interpolation, zeros):
    layer = Upsample(interpolation, zeros)
    drawn, trained = layer(X), layer(X, training=True)
    assert drawn.shape == layer.compute_output_shape(X.shape) == (2, 6, 10, 4)
    np.testing.assert_allclose(drawn, trained, atol=1e-6)
    if interpolation == "nearest":
        expected = X.repeat(2, axis=1).repeat(2, axis=2)
        np.testing.assert_array_equal(drawn, expected)
    elif zeros:
        # A quarter of the corner's numbers comes from each side, as zeros.
        np.testing.assert_allclose(drawn[:, 0, 0], 0.5625 * X[:, 0, 0], rtol=1e-5)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_training_can_be_differentiated_twice(interpolation):
    layer, x = Upsample(interpolation), tf.constant(X)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            total = ops.sum(layer(x, training=True) ** 3)
        slope = ops.sum(inner.gradient(total, x))
    found = outer.gradient(slope, x)
    assert found is not None and np.all(np.isfinite(found))


def test_a_network_passes_on_whether_it_trains():
    inputs = keras.Input((4, 4, 1))
    model = keras.Model(inputs, Upsample()(inputs))
    ops_of = {}
    for training in (False, True):
        graph = tf.function(model).get_concrete_function(
            tf.TensorSpec((1, 4, 4, 1)), training=training
        )
        ops_of[training] = {
            op.type
            for function in [graph.graph]
            for op in function.get_operations()
        }
    assert "ResizeNearestNeighbor" in ops_of[False]
    assert "ResizeNearestNeighbor" not in ops_of[True]
