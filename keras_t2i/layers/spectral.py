"""Convolution whose kernel has a spectral norm near 1."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_t2i")
class SpectralConv2D(keras.layers.Layer):
    """2-D convolution with W / sigma(W) for a kernel (Miyato et al. 2018).

    sigma = v' W u with W as a matrix [h * w * in, out] and u, v from one step
    of power iteration at every training call. They are constants for the
    gradient, which goes through sigma to W (Keras's own layer overwrites W
    instead, and lets no gradient pass through sigma).

    Args:
        filters: channels of the result.
        kernel_size: height and width of the kernel.
        strides: of the convolution.
        padding: "same" or "valid".
    """

    def __init__(self, filters, kernel_size, strides=1, padding="same", **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.padding = padding

    def build(self, input_shape):
        size = self.kernel_size
        # In float32 under mixed precision too: sigma is a small difference.
        self.kernel = self.add_weight(
            shape=(size, size, input_shape[-1], self.filters),
            initializer="orthogonal",
            autocast=False,
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=(self.filters,), initializer="zeros", name="bias"
        )
        self.u = self.add_weight(
            shape=(self.filters,),
            initializer=keras.initializers.RandomNormal(),
            trainable=False,
            autocast=False,
            name="u",
        )

    def call(self, inputs, training=False):
        matrix = ops.reshape(self.kernel, (-1, self.filters))
        u = ops.normalize(self.u[None])[0]
        v = ops.normalize(ops.matmul(matrix, u)[None])[0]
        if training:
            u = ops.normalize(ops.matmul(v, matrix)[None])[0]
            self.u.assign(u)
        u, v = ops.stop_gradient(u), ops.stop_gradient(v)
        sigma = ops.sum(v * ops.matmul(matrix, u))
        kernel = ops.cast(self.kernel / sigma, inputs.dtype)
        outputs = ops.conv(inputs, kernel, self.strides, self.padding)
        return outputs + ops.cast(self.bias, outputs.dtype)

    def compute_output_shape(self, input_shape):
        if self.padding == "same":
            sides = [math.ceil(n / self.strides) for n in input_shape[1:3]]
        else:
            sides = [
                (n - self.kernel_size) // self.strides + 1
                for n in input_shape[1:3]
            ]
        return (input_shape[0], *sides, self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
        }
