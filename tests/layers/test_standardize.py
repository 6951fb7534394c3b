import keras
import numpy as np

from keras_t2i.layers import standardize


def test_sentences_that_share_a_direction_are_told_apart():
    random = np.random.default_rng(0)
    sentence = random.normal(size=(64, 16)).astype("float32") / 40 + 0.25
    inputs = keras.Input((16,))
    layer = keras.Model(inputs, standardize(inputs))
    # At the first step moving statistics do not matter.
    found = np.asarray(layer(sentence, training=True))
    np.testing.assert_allclose(found.mean(axis=0), 0.0, atol=1e-4)
    np.testing.assert_allclose(found.std(axis=0), 1.0, atol=1e-2)
    assert not layer.trainable_variables
