"""Statistics over the batch, by which a discriminator sees missing variety."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_t2i")
class MinibatchDeviation(keras.layers.Layer):
    """Appends the mean standard deviation over the batch as one channel.

    A generator that draws one picture for all latents is caught by a value
    near zero (Karras et al. 2018, "Progressive growing of GANs", section 3).

    Input [B, H, W, C], output [B, H, W, C + 1] of the same dtype.
    """

    def call(self, inputs):
        values = ops.cast(inputs, "float32")
        deviation = ops.sqrt(ops.var(values, axis=0) + 1e-8)
        channel = ops.ones_like(values[..., :1]) * ops.mean(deviation)
        return ops.concatenate([inputs, ops.cast(channel, inputs.dtype)], -1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + 1)
