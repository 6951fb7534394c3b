"""Trains on two replicas and on one; prints what came out as JSON.

A process of its own: devices are cut in two before TensorFlow starts. Run by
`test_replicas.py`.
"""

import itertools
import json
import threading
import warnings

import keras
import numpy as np
import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)

from keras import layers  # noqa: E402
from keras import ops  # noqa: E402
from tests import tiny  # noqa: E402

from keras_t2i import models  # noqa: E402
from keras_t2i import training  # noqa: E402
from keras_t2i.training import backend  # noqa: E402


def noise_of_the_picture(cls):
    """The class with noise that a picture brings, whoever draws it."""
    of_replica = threading.local()

    class Settled(cls):
        def losses(self, batch):
            # Each replica has a thread, and they take turns.
            of_replica.images = batch["images"]
            return super().losses(batch)

        def draw_noise(self, shape):
            images = of_replica.images
            noise = ops.reshape(images, (ops.shape(images)[0], -1))
            return noise[:, : shape[-1]]

    return Settled


LinearGAN = noise_of_the_picture(tiny.LinearGAN)
GANCLS = noise_of_the_picture(models.GANCLS)


def linear(**settings):
    return LinearGAN(r1_weight=1.0, r1_interval=2, **settings)


def normalised():
    """With batch normalisation everywhere, and no pairs across the batch."""
    model = GANCLS(
        16,
        "reed2016",
        tiny.TinyTextEncoder(),
        latent_width=8,
        text_width=8,
        generator_width=2,
        discriminator_width=2,
        interpolate=False,
        cls_weight=0.0,
        updates="simultaneous",
    )
    return with_sgd(model)


class NormalisedGAN(LinearGAN):
    """With batch normalisation in a discriminator that takes R1."""

    def build_networks(self):
        super().build_networks()
        shape = self.discriminator.input_shape[1:]
        self.discriminator = keras.Sequential(
            [
                keras.Input(shape),
                layers.Flatten(),
                layers.Dense(4),
                layers.BatchNormalization(),
                layers.LeakyReLU(),
                layers.Dense(1),
            ]
        )

    def judge(self, images):
        return self.discriminator(images, training=True)[:, 0]


def compact_r1():
    """As GANCLS is by default; its head normalises the sentences."""
    model = GANCLS(
        16,
        "default",
        tiny.TinyTextEncoder(),
        latent_width=8,
        text_width=8,
        generator_width=2,
        discriminator_width=2,
        mode_seeking_weight=0.0,
        augment=(),
        r1_weight=1.0,
        r1_interval=2,
    )
    return with_sgd(model)


def with_sgd(model):
    # Adam makes full steps of gradients that are no more than rounding.
    names = model.networks()
    model.compile({name: keras.optimizers.SGD(0.1) for name in names})
    return model


def on_one_and_on_two(strategy, make, image_size, epochs, equal_shares=False):
    """Histories and largest difference of weights, on the same batches."""
    one = make()
    with strategy.scope():
        two = make()
    two.set_weights(one.get_weights())
    x, y = tiny.arrays(image_size=image_size)
    if equal_shares:
        x, y = keras.tree.map_structure(
            lambda a: np.concatenate([a[:4], a[:4]]), (x, y)
        )
    data = tf.data.Dataset.from_tensor_slices((x, y))
    data = data.batch(8, drop_remainder=True)
    histories = [
        model.fit(data, epochs=epochs, verbose=0).history
        for model in (one, two)
    ]
    # Moving statistics hold the wrong pairs too, which each replica draws.
    differences = [
        float(np.max(np.abs(np.subtract(*map(ops.convert_to_numpy, pair)))))
        for pair in zip(one.trainable_variables, two.trainable_variables)
    ]
    return {"histories": histories, "weights": max(differences)}


class PoisonedOnOne(tiny.LinearGAN):
    """Its second replica has an infinite loss at step 1, counted from 0."""

    def losses(self, batch):
        losses, logs = super().losses(batch)
        if backend.replica_number() is not None:
            bad = ops.logical_and(
                ops.equal(self.optimizer.iterations, 1),
                ops.equal(backend.replica_number(), 1),
            )
            losses["generator"] += ops.where(bad, np.inf, 0.0)
        return losses, logs


class States(keras.callbacks.Callback):
    """Keeps what each replica holds after each step; no seeds, no counts."""

    def on_train_begin(self, logs=None):
        self.after = []

    def on_train_batch_end(self, batch, logs=None):
        model = self.model
        members = model.optimizer.members.values()
        variables = [*model.weights, *(v for m in members for v in m.variables)]
        local = model.distribute_strategy.experimental_local_results
        self.after.append(
            [np.array(part) for v in variables for part in local(v.value)]
        )


def guarded(strategy, updates):
    """What a guard does where one of two replicas has a bad loss."""
    with strategy.scope():
        names = ("discriminator", "generator")
        adam = {name: keras.optimizers.Adam(1e-2) for name in names}
        model = PoisonedOnOne(updates=updates, optimizer=adam)
    states = States()
    x, y = tiny.arrays(image_size=4)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(
            x,
            y,
            batch_size=2,
            verbose=0,
            callbacks=[training.Guard("skip"), states],
        )
    same = [tiny.same(*pair) for pair in itertools.pairwise(states.after)]
    return {"same": same, "told": [str(w.message) for w in caught]}


def main(folder):
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    found = {
        "linear": on_one_and_on_two(strategy, linear, 4, 3),
        "alternating": on_one_and_on_two(
            strategy, lambda: linear(updates="alternating"), 4, 3
        ),
        "normalised": on_one_and_on_two(strategy, normalised, 16, 1),
        # R1 takes statistics of a replica's share: equal ones, if the shares
        # are equal.
        "linear, normalised, R1": on_one_and_on_two(
            strategy,
            lambda: NormalisedGAN(r1_weight=1.0, r1_interval=2),
            4,
            3,
            equal_shares=True,
        ),
        "compact, R1": on_one_and_on_two(
            strategy, compact_r1, 16, 3, equal_shares=True
        ),
    }

    found["guard"] = {
        updates: guarded(strategy, updates)
        for updates in ("simultaneous", "alternating")
    }

    with strategy.scope():
        model = tiny.LinearGAN()
    draw = tf.function(lambda: model.draw_noise((2, 2)), autograph=False)
    noise = [strategy.run(draw).values for _ in range(2)]
    found["noise"] = [np.array(n).tolist() for both in noise for n in both]

    # A model without a size is built by `fit`, and goes on from a checkpoint.
    x, y = tiny.arrays(image_size=4)
    models_ = []
    for _ in range(2):
        with strategy.scope():
            models_.append(tiny.LinearGAN(image_size=None))
    first, second = models_
    first.fit(
        x, y, batch_size=4, verbose=0, callbacks=[training.Checkpoint(folder)]
    )
    second.build_for(4)
    found["restored"] = training.restore(second, folder)["step"]
    for each in models_:
        each.fit(x, y, batch_size=4, verbose=0)
    found["goes on"] = all(
        np.array_equal(a, b)
        for a, b in zip(first.get_weights(), second.get_weights())
    )
    try:
        first.fit(x, y, batch_size=3, verbose=0)
    except ValueError as error:
        found["odd"] = str(error)
    print(json.dumps(found))


if __name__ == "__main__":
    import sys

    keras.utils.set_random_seed(0)
    main(sys.argv[1])
