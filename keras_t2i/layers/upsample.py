"""Maps of twice the size."""

import keras
from keras import ops

from keras_t2i.layers.equalized import doubled


@keras.saving.register_keras_serializable("keras_t2i")
class Upsample(keras.layers.Layer):
    """Doubles height and width.

    In training it is made of ops that can be differentiated twice, else of a
    single one that phones have in hardware. Both give the same numbers.

    Args:
        interpolation: "nearest" repeats rows and columns, "bilinear" mixes
            neighbours.
        zeros: True takes what is beyond the border for zeros, in "bilinear";
            else it is as the border.

    Input [B, H, W, C], output [B, 2 H, 2 W, C].
    """

    def __init__(self, interpolation="nearest", zeros=False, **kwargs):
        super().__init__(**kwargs)
        self.interpolation = interpolation
        self.zeros = zeros

    def call(self, inputs, training=False):
        if not training:
            if self.zeros:
                inputs = ops.pad(inputs, ((0, 0), (1, 1), (1, 1), (0, 0)))
            _, height, width, _ = inputs.shape
            size = (2 * height, 2 * width)
            x = ops.image.resize(inputs, size, self.interpolation)
            return x[:, 2:-2, 2:-2, :] if self.zeros else x
        if self.interpolation == "bilinear":
            return doubled(inputs, self.zeros)
        return ops.repeat(ops.repeat(inputs, 2, axis=1), 2, axis=2)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, 2 * height, 2 * width, channels)

    def get_config(self):
        return {
            **super().get_config(),
            "interpolation": self.interpolation,
            "zeros": self.zeros,
        }
