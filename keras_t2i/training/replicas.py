"""What replicas of a `tf.distribute` strategy share, and what they do not."""

import contextlib

import keras
from keras import ops

from keras_t2i.training import backend

# Far apart, so that the seeds of two models do not meet.
_STRIDE = 1_000_003


class ReplicaSeedGenerator(keras.random.SeedGenerator):
    """A seed generator that folds in the number of the replica.

    The state of a `keras.random.SeedGenerator` is the same on all replicas,
    and so would be all noise. A single replica draws what Keras's own draws.
    """

    def next(self, ordered=True):
        seed = super().next(ordered)
        number = backend.replica_number()
        if number is None:
            return seed
        offset = ops.stack([number * _STRIDE, 0])
        return seed + ops.cast(offset, seed.dtype)


def synchronize_statistics(layers):
    """Lets batch normalisation see the global batch, if it is shared out.

    Args:
        layers: iterable of all layers of a model.
    """
    if backend.replicas() == 1:
        return
    for layer in layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


@contextlib.contextmanager
def own_statistics(layers):
    """Inside, batch normalisation sees the batch of its replica alone.

    Replicas cannot meet inside of a condition, and in second derivatives
    TensorFlow may pair the sum of one replica with another sum of the next.

    Args:
        layers: iterable of all layers of a model.
    """
    shared = [x for x in layers if getattr(x, "synchronized", False)]
    for layer in shared:
        layer.synchronized = False
    try:
        yield
    finally:
        for layer in shared:
            layer.synchronized = True
