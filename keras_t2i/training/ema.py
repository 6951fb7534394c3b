"""Exponential moving average of a network, kept beside it."""

import keras
from keras import ops


def copy_state(source, target):
    """Copies weights and normalisation statistics between equal networks."""
    for old, new in zip(target.weights, source.weights, strict=True):
        # On JAX two variables must not share one buffer.
        old.assign(ops.copy(new))


def start_average(average, network):
    """Makes `average` equal to `network`, and a network that is never trained.

    Its batch normalisation still takes statistics when it runs with
    `training=True`: those of other weights, or of the weights of many steps,
    do not fit averaged weights, and pictures lose their detail.

    Args:
        average, network: two networks of one architecture.
    """
    average.trainable = False
    for layer in average._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = True
    copy_state(network, average)


def update_average(average, network, decay):
    """One step of  average <- decay * average + (1 - decay) * network.

    Only trained weights are averaged; see `start_average` for the statistics.

    Args:
        average, network: two networks of one architecture.
        decay: in [0, 1).
    """
    for old, new in zip(average.weights, network.weights, strict=True):
        if new.trainable:
            old.assign(old + (1.0 - decay) * (new - old))


def warmed_up(decay, step):
    """`decay`, but less in the first steps: min(decay, (1 + t) / (10 + t)).

    Random first weights would otherwise fill a third of the average after
    1 / (1 - decay) steps.

    Args:
        decay: in [0, 1).
        step: steps made before, t.

    Returns:
        float32 scalar.
    """
    step = ops.cast(step, "float32")
    return ops.minimum(decay, (1.0 + step) / (10.0 + step))
