"""Batch normalisation for sentence vectors."""

import math

from keras import layers


def standardize(sentence):
    """Zero mean and unit variance over captions, for vectors of unit length.

    Sentences of one set point the same way ("this flower has ..."); what
    tells them apart is small beside their mean. Scaling by sqrt(S) first
    brings the variance near 1, where the moving statistics start.

    Args:
        sentence: symbolic tensor [B, S].

    Returns:
        Symbolic float32 tensor [B, S].
    """
    scaled = layers.Rescaling(math.sqrt(sentence.shape[-1]), dtype="float32")
    return layers.BatchNormalization(
        momentum=0.9, epsilon=1e-5, center=False, scale=False, dtype="float32"
    )(scaled(sentence))
