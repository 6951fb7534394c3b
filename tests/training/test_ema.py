import keras
import numpy as np
import pytest
from tests import tiny

from keras_t2i.training.ema import start_average
from keras_t2i.training.ema import update_average


@pytest.mark.parametrize("decay", [0.0, 0.15, 0.9])
def test_average_equals_its_recursion(decay):
    model = tiny.LinearGAN(ema_decay=decay)
    weights = [tiny.value(w) for w in model.generator.weights]
    average = [tiny.value(w) for w in model.generator_ema.weights]
    assert tiny.same(weights, average)

    class Record(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            new = [tiny.value(w).astype("float64") for w in model.generator.weights]
            step = model.step - 1
            now = min(decay, (1 + step) / (10 + step))
            average[:] = [now * a + (1 - now) * w for a, w in zip(average, new)]

    data = tiny.dataset(image_size=4, batch_size=2)
    model.fit(data, epochs=2, verbose=0, callbacks=[Record()])
    assert not tiny.same(weights, model.generator.weights)
    for ours, expected in zip(model.generator_ema.weights, average):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)


def test_an_average_has_statistics_of_its_own():
    networks = []
    for _ in range(2):
        layers = [keras.layers.BatchNormalization(momentum=0.5)]
        networks.append(keras.Sequential([keras.Input((3,)), *layers]))
    average, network = networks
    start_average(average, network)
    assert not average.trainable_variables
    batch = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]], "float32")
    network(batch, training=True)
    network.layers[0].gamma.assign([3.0, 3.0, 3.0])
    update_average(average, network, 0.75)
    norm = average.layers[0]
    np.testing.assert_allclose(norm.gamma, [1.5, 1.5, 1.5])
    np.testing.assert_allclose(norm.moving_mean, [0.0, 0.0, 0.0])
    average(batch, training=True)
    np.testing.assert_allclose(norm.moving_mean, [1.0, 1.0, 1.0])


def test_averages_are_never_trained():
    model = tiny.LinearGAN()
    moved = [v for group in model.variables_by_network().values() for v in group]
    average = {id(v) for v in model.generator_ema.weights}
    assert not average & {id(v) for v in moved}
