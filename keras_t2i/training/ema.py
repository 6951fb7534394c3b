"""Exponential moving average of a network, kept beside it."""

from keras import ops


def copy_state(source, target):
    """Copies weights and normalisation statistics between equal networks."""
    for old, new in zip(target.weights, source.weights, strict=True):
        # On JAX two variables must not share one buffer.
        old.assign(ops.copy(new))


def update_average(average, network, decay):
    """One step of  average <- decay * average + (1 - decay) * network.

    Batch-normalisation statistics are averaged like weights: statistics of
    today do not fit weights of the last thousand steps.

    Args:
        average, network: two networks of one architecture.
        decay: float in [0, 1).
    """
    for old, new in zip(average.weights, network.weights, strict=True):
        old.assign(old + (1.0 - decay) * (new - old))
