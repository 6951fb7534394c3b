import keras
import numpy as np
import pytest
from keras import ops

from keras_t2i.models.progressive import objective


def test_smaller_pictures_are_averages():
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 3))
    images = ops.convert_to_tensor(images.astype("float32"))
    half = np.array(objective.resized(images, 4))
    expected = np.array(images).reshape(2, 4, 2, 4, 2, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(half, expected, rtol=1e-5, atol=1e-6)
    assert objective.resized(images, 8) is images


@pytest.mark.parametrize("given, wanted", [(8, 16), (12, 8)])
def test_other_sizes_have_gradients(given, wanted):
    import tensorflow as tf

    images = tf.ones((1, given, given, 3))
    with tf.GradientTape() as tape:
        tape.watch(images)
        result = objective.resized(images, wanted)
        total = ops.sum(result)
    assert result.shape == (1, wanted, wanted, 3)
    np.testing.assert_allclose(result, 1.0, rtol=1e-5)
    gradient = tape.gradient(total, images)
    np.testing.assert_allclose(ops.sum(gradient), 3 * wanted**2, rtol=1e-4)


def test_mean_word_leaves_padding_out():
    words = np.arange(24.0).reshape(2, 3, 4)
    mask = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    found = np.array(objective.mean_word(words, mask))
    np.testing.assert_allclose(found[0], (words[0, 0] + words[0, 1]) / 2)
    np.testing.assert_array_equal(found[1], 0.0)


def test_noise_has_the_asked_length_beside_the_vector():
    vectors = np.zeros((2000, 16), "float32")
    vectors[:, 0] = 5.0
    vectors[0] = 0.0
    seed = keras.random.SeedGenerator(0)
    noise = np.array(objective.with_noise(vectors, 0.3, seed)) - vectors
    assert not noise[0].any()
    squares = np.sum(noise[1:] ** 2, axis=1)
    assert np.mean(squares) ** 0.5 == pytest.approx(1.5, rel=0.02)
