"""The two towers of the image-text matcher.

Shapes are channels-last; B = batch, S = sentence width, T = word positions,
W = word width, N = regions, D = width of the common space.
"""

import math

import keras
from keras import layers

from keras_t2i.layers import standardize

# Regions a side, at least; fewer than twice as many.
_REGIONS = 8


def text_tower(sentence_width, word_width, embedding_width):
    """Heads over the features of a text encoder.

    Returns:
        `keras.Model` from (sentence [B, S], words [B, T, W]) to float32
        sentence codes [B, D] and word codes [B, T, D].
    """
    sentence = keras.Input((sentence_width,), name="sentence")
    words = keras.Input((None, word_width), name="words")
    x = layers.Dense(2 * embedding_width)(standardize(sentence))
    x = layers.LeakyReLU(0.2)(x)
    code = layers.Dense(embedding_width, dtype="float32")(x)
    w = layers.LayerNormalization(dtype="float32")(words)
    w = layers.Dense(embedding_width)(w)
    w = layers.LayerNormalization(dtype="float32")(w)
    return keras.Model(
        [sentence, words], [code, _tempered(w)], name="text_tower"
    )


def image_tower(image_size, width, embedding_width):
    """A compact convolutional network with a global code and regions.

    Strided convolutions lead to 8 x 8 regions (up to 15 x 15 for sizes that
    are no power of two), and one more to the global code.

    Returns:
        `keras.Model` from pictures [B, H, W, 3] in [-1, 1] to float32 image
        codes [B, D] and regions [B, N, D], row by row.

    Raises:
        ValueError: for pictures smaller than 16 x 16.
    """
    if image_size < 2 * _REGIONS:
        raise ValueError(
            f"`image_size` must be at least {2 * _REGIONS}. "
            f"Received: {image_size}"
        )
    images = keras.Input((image_size, image_size, 3), name="images")
    x = images
    for index in range(int(math.log2(image_size / _REGIONS))):
        x = _normalized_conv(x, width * min(2**index, 8), 4, 2)
    channels = x.shape[-1]
    h = _normalized_conv(x, channels, 3)
    x = layers.Add()([x, _normalized_conv(h, channels, 3)])  # [B, 8, 8, C]
    regions = layers.Dense(embedding_width, dtype="float32")(x)
    regions = layers.Reshape((-1, embedding_width))(regions)
    x = _normalized_conv(x, 2 * channels, 4, 2)  # [B, 4, 4, 2C]
    x = layers.GlobalAveragePooling2D(dtype="float32")(x)
    code = layers.Dense(embedding_width, dtype="float32")(x)
    return keras.Model(images, [code, _tempered(regions)], name="image_tower")


def _normalized_conv(x, filters, size, strides=1):
    x = layers.Conv2D(filters, size, strides, "same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    return layers.LeakyReLU(0.2)(x)


def _tempered(x):
    # Products of two such vectors have a variance near 1 before training, so
    # that the softmax over words starts soft, whatever the width.
    return layers.Rescaling(x.shape[-1] ** -0.25, dtype="float32")(x)
