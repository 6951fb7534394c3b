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

    Input [B, H, W, C], output [B, 2 H, 2 W, C].
    """

    def __init__(self, interpolation="nearest", **kwargs):
        super().__init__(**kwargs)
        self.interpolation = interpolation

    def call(self, inputs, training=False):
        if not training:
            _, height, width, _ = inputs.shape
            size = (2 * height, 2 * width)
            return ops.image.resize(inputs, size, self.interpolation)
        if self.interpolation == "bilinear":
            return doubled(inputs)
        return ops.repeat(ops.repeat(inputs, 2, axis=1), 2, axis=2)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, 2 * height, 2 * width, channels)

    def get_config(self):
        return {**super().get_config(), "interpolation": self.interpolation}
