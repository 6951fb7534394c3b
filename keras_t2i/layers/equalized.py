"""Layers with equalized learning rate, by which StyleGAN is built.

Weights start as standard normal numbers and are scaled at every call (Karras
et al. 2018, "Progressive growing of GANs", section 4.1), so that Adam moves
all layers at one relative speed.
"""

import math

import keras
from keras import ops

_GAIN = 2.0**0.5  # Of a leaky ReLU, which halves the variance.


def leaky_relu(x):
    """Leaky ReLU of slope 0.2 that keeps the variance."""
    return ops.leaky_relu(x, 0.2) * _GAIN


def equalized(kernel, axes=None):
    """A kernel divided by the root of the number of weights that are summed.

    Args:
        kernel: tensor whose shape is known.
        axes: how many of its first axes are summed over; None means all but
            the last.
    """
    return kernel * (1.0 / math.sqrt(math.prod(kernel.shape[: axes or -1])))


@keras.saving.register_keras_serializable("keras_t2i")
class EqualizedDense(keras.layers.Layer):
    """Dense layer with equalized learning rate.

    Args:
        units: width of the result.
        bias: first value of the bias.
        rate: learning rate beside that of other layers; weights start at its
            inverse.

    Input [B, C], output [B, units].
    """

    def __init__(self, units, bias=0.0, rate=1.0, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.bias_start = bias
        self.rate = rate

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units),
            initializer=keras.initializers.RandomNormal(stddev=1 / self.rate),
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=(self.units,),
            initializer=keras.initializers.Constant(self.bias_start / self.rate),
            name="bias",
        )

    def call(self, inputs):
        kernel = equalized(self.kernel) * self.rate
        return ops.matmul(inputs, kernel) + self.bias * self.rate

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "bias": self.bias_start,
            "rate": self.rate,
        }


@keras.saving.register_keras_serializable("keras_t2i")
class EqualizedConv2D(keras.layers.Layer):
    """3 x 3 or 1 x 1 convolution with equalized learning rate.

    Args:
        filters: channels of the result.
        kernel_size: height and width of the kernel.
        halve: True also halves the map: a blur by [1, 3, 3, 1] and a stride of
            2 (Karras et al. 2020, StyleGAN2, appendix B).
        use_bias: whether a bias is added.

    Input [B, H, W, C], output [B, H, W, filters], or of half the size.
    """

    def __init__(
        self, filters, kernel_size, halve=False, use_bias=True, **kwargs
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.halve = halve
        self.use_bias = use_bias

    def build(self, input_shape):
        size = self.kernel_size
        self.kernel = self.add_weight(
            shape=(size, size, input_shape[-1], self.filters),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            name="kernel",
        )
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(self.filters,), initializer="zeros", name="bias"
            )

    def call(self, inputs):
        kernel = equalized(self.kernel)
        x = inputs
        if self.halve:
            # What the blur takes from the border, and half of the kernel.
            margin = self.kernel_size // 2 + 1
            x = blur(x, before=margin, after=margin)
            x = ops.conv(x, kernel, 2, "valid")
        else:
            x = ops.conv(x, kernel, 1, "same")
        return x + self.bias if self.use_bias else x

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        factor = 2 if self.halve else 1
        return (batch, height // factor, width // factor, self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "halve": self.halve,
            "use_bias": self.use_bias,
        }


def blur(images, before, after, gain=1.0):
    """Low-pass filter [1, 3, 3, 1] / 8 on both axes.

    Args:
        images: [B, H, W, C].
        before, after: rows and columns of zeros added before and after; the
            result has 3 fewer than H + `before` + `after`.
        gain: factor of all values.

    Returns:
        Tensor [B, H + before + after - 3, W + before + after - 3, C].
    """
    channels = images.shape[-1]
    padding = (before, after)
    images = ops.pad(images, ((0, 0), padding, padding, (0, 0)))
    taps = ops.convert_to_tensor([1.0, 3.0, 3.0, 1.0], images.dtype) / 8.0
    for shape in ((4, 1, 1, 1), (1, 4, 1, 1)):
        kernel = ops.tile(ops.reshape(taps, shape), (1, 1, channels, 1))
        images = ops.depthwise_conv(images, kernel, 1, "valid")
    return images * gain


def doubled(images, zeros=False):
    """Pictures of twice the size, by bilinear interpolation.

    Repeated rows and columns, then [1, 2, 1] / 4 on both axes, which can be
    differentiated twice, as the path length needs; resizing operations cannot
    on TensorFlow.

    Args:
        images: [B, H, W, C].
        zeros: True takes what is beyond the border for zeros, as a blur of
            spread values does; else it is as the border.

    Returns:
        Tensor [B, 2 H, 2 W, C]; without `zeros` equal to `ops.image.resize`.
    """
    channels = images.shape[-1]
    images = ops.repeat(ops.repeat(images, 2, axis=1), 2, axis=2)
    # As resizing has it, one more of the outermost rows and columns.
    margins = ((0, 0), (1, 1), (1, 1), (0, 0))
    images = ops.pad(images, margins, "constant" if zeros else "symmetric")
    taps = ops.convert_to_tensor([1.0, 2.0, 1.0], images.dtype) / 4.0
    kernel = ops.reshape(taps[:, None] * taps, (3, 3, 1, 1))
    kernel = ops.tile(kernel, (1, 1, channels, 1))
    return ops.depthwise_conv(images, kernel, 1, "valid")
