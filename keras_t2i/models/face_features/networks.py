"""The networks that look at faces, and the classes that teach them persons.

Shapes are channels-last; B = batch, A = attributes, E = identity width.
"""

import keras
from keras import layers
from keras import ops

from keras_t2i.layers import up_samplings


def residual_trunk(images, width):
    """Strided convolutions with a residual block at each size.

    Args:
        images: symbolic [B, H, W, 3].
        width: channels at half of the size.

    Returns:
        list of symbolic maps, from H / 2 down to 4 x 4.
    """
    x, maps = images, []
    for index in range(up_samplings(images.shape[1])):
        x = _normalized_conv(x, width * min(2**index, 6), 3, 2)
        if x.shape[1] > 4:
            h = _normalized_conv(x, x.shape[-1], 3)
            x = layers.Add()([x, _normalized_conv(h, x.shape[-1], 3)])
        maps.append(x)
    return maps


def pooled_trunk(images, width):
    """Convolutions that keep the size, each followed by average pooling.

    Made otherwise than `residual_trunk`, so that a judge does not share the
    blind spots of what it judges. Arguments and result are the same.
    """
    x, maps = _normalized_conv(images, width, 3), []
    for index in range(up_samplings(images.shape[1])):
        x = layers.AveragePooling2D(2)(x)
        x = _normalized_conv(x, width * min(2 ** (index + 1), 8), 3)
        maps.append(x)
    return maps


TRUNKS = {"residual": residual_trunk, "pooled": pooled_trunk}


def trunk(image_size, settings):
    """`keras.Model` from pictures in [-1, 1] to a list of maps [B, h, w, C]."""
    images = keras.Input((image_size, image_size, 3), name="images")
    maps = TRUNKS[settings["architecture"]](images, settings["width"])
    return keras.Model(images, maps, name="trunk")


def heads(channels, num_attributes, identity_width):
    """What the last map of a trunk says.

    Args:
        channels: C of that map.
        num_attributes: A.
        identity_width: E.

    Returns:
        `keras.Model` from a map [B, 4, 4, C] to float32 logits [B, A] and unit
        vectors [B, E].
    """
    inputs = keras.Input((4, 4, channels))
    # Faces are aligned: where something is says what it is.
    x = layers.Flatten()(inputs)
    attributes = layers.Dense(num_attributes, dtype="float32")(x)
    identity = layers.Dense(identity_width, use_bias=False)(x)
    identity = layers.BatchNormalization(
        momentum=0.9, epsilon=1e-5, dtype="float32"
    )(identity)
    identity = layers.UnitNormalization(dtype="float32")(identity)
    return keras.Model(inputs, [attributes, identity], name="heads")


def _normalized_conv(x, filters, size, strides=1):
    x = layers.Conv2D(filters, size, strides, "same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    return layers.LeakyReLU(0.2)(x)


@keras.saving.register_keras_serializable("keras_t2i")
class CosineClasses(layers.Layer):
    """Cosines of unit vectors [B, E] and a direction for each of N classes.

    Args:
        num_classes: N.
    """

    def __init__(self, num_classes, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = num_classes

    def build(self, input_shape):
        self.directions = self.add_weight(
            shape=(input_shape[-1], self.num_classes),
            initializer="random_normal",
            name="directions",
        )

    def call(self, inputs):
        return ops.matmul(inputs, ops.normalize(self.directions, axis=0))

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes}
