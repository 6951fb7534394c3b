"""Blocks of the compact networks, made for many pictures a second on a CPU.

Shapes are channels-last; B = batch, K = width of the condition.
"""

import math

import keras
from keras import layers

from keras_t2i.layers.minibatch import MinibatchDeviation


def steered_conv(x, filters, condition):
    """3 x 3 convolution, batch normalisation that the condition steers, ReLU.

    The condition gives every channel its scale and shift (as in DF-GAN, Tao
    et al. 2022).

    Args:
        x: symbolic tensor [B, H, W, C].
        filters: channels of the result.
        condition: symbolic tensor [B, K].

    Returns:
        Symbolic tensor [B, H, W, filters].
    """
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(
        momentum=0.9, epsilon=1e-5, center=False, scale=False
    )(x)
    scale = layers.Dense(filters, bias_initializer="ones")(condition)
    shift = layers.Dense(filters)(condition)
    scale = layers.Reshape((1, 1, filters))(scale)
    shift = layers.Reshape((1, 1, filters))(shift)
    return layers.ReLU()(layers.Add()([layers.Multiply()([x, scale]), shift]))


def compact_trunk(image_size, width):
    """Strided convolutions without normalisation: picture -> [B, 4, 4, 4W].

    The first convolution keeps the size: textures show at full resolution.
    Sizes that are no power of two end at up to 7 x 7.

    Args:
        image_size: height and width, at least 4.
        width: W, channels after the first halving, at least 2.

    Returns:
        `keras.Model` from pictures [B, H, W, 3] to features.
    """
    images = keras.Input((image_size, image_size, 3), name="images")
    x = _plain_conv(images, width // 2, 3)
    for index in range(int(math.log2(image_size / 4))):
        x = _plain_conv(x, width * min(2**index, 4), 4, 2)
    x = MinibatchDeviation()(x)
    x = _plain_conv(x, 4 * width, 3)
    return keras.Model(images, x, name="discriminator_trunk")


def _plain_conv(x, filters, size, strides=1):
    x = layers.Conv2D(
        filters, size, strides, "same", kernel_initializer="he_normal"
    )(x)
    return layers.LeakyReLU(0.2)(x)
