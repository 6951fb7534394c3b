"""Convolutions whose input channels a style scales (StyleGAN2)."""

import keras
from keras import ops

from keras_t2i.layers.equalized import blur
from keras_t2i.layers.equalized import equalized
from keras_t2i.layers.upsample import Upsample


@keras.saving.register_keras_serializable("keras_t2i")
class ModulatedConv2D(keras.layers.Layer):
    """Convolution with a style for every sample.

    The kernel of sample b is  w[k, i, o] = s[b, i] w0[k, i, o],  divided by its
    norm over k and i (Karras et al. 2020, equations 1 and 3). That is computed
    by scaling what goes in by s and what comes out by the inverse norm, which
    needs one kernel for all samples and runs on phones.

    Args:
        filters: channels of the result.
        kernel_size: height and width of the kernel.
        demodulate: whether to divide by the norm.
        double: True also doubles the map: a transposed convolution of stride 2
            and a blur by [1, 3, 3, 1]; of separable ones a bilinear resizing
            between the two kernels.
        separable: True takes a kernel over channels, [i, o], and then one over
            space, [k, o], whose product stands for w0. They are those of
            Belousov 2021 (MobileStyleGAN, section 3.3) in the order of Haase
            and Amthor 2020, so that channels are mixed in the smaller map.

    Inputs: x [B, H, W, C] and style [B, C]. Output [B, H, W, filters], or of
    twice the size.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        demodulate=True,
        double=False,
        separable=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.demodulate = demodulate
        self.double = double
        self.separable = separable
        self.resize = Upsample("bilinear") if double and separable else None

    def build(self, input_shape):
        size, channels = self.kernel_size, input_shape[0][-1]
        normal = keras.initializers.RandomNormal(stddev=1.0)
        if self.separable:
            self.spatial = self.add_weight(
                shape=(size, size, self.filters, 1),
                initializer=normal,
                name="spatial",
            )
        inside = 1 if self.separable else size
        self.kernel = self.add_weight(
            shape=(inside, inside, channels, self.filters),
            initializer=normal,
            name="kernel",
        )

    def call(self, inputs, training=False):
        x, style = inputs
        kernel = equalized(self.kernel)
        energy = ops.sum(_squares(kernel), axis=(0, 1))
        x = x * style[:, None, None, :]
        if self.separable:
            spatial = equalized(self.spatial, axes=2)
            energy = energy * ops.sum(_squares(spatial), axis=(0, 1, 3))
            x = ops.conv(x, kernel, 1, "same")
            if self.double:
                x = self.resize(x, training=training)
            x = ops.depthwise_conv(x, spatial, 1, "same")
        elif self.double:
            # Here a kernel takes C last.
            turned = ops.transpose(kernel, (0, 1, 3, 2))
            x = ops.conv_transpose(x, turned, 2, "valid")
            x = blur(x, before=1, after=1, gain=4.0)
        else:
            x = ops.conv(x, kernel, 1, "same")
        if self.demodulate:
            square = ops.square(ops.cast(style, "float32"))
            norm = ops.rsqrt(ops.matmul(square, energy) + 1e-8)
            x = x * ops.cast(norm, x.dtype)[:, None, None, :]
        return x

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape[0]
        factor = 2 if self.double else 1
        return (batch, factor * height, factor * width, self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "demodulate": self.demodulate,
            "double": self.double,
            "separable": self.separable,
        }


def _squares(kernel):
    return ops.square(ops.cast(kernel, "float32"))


@keras.saving.register_keras_serializable("keras_t2i")
class AddNoise(keras.layers.Layer):
    """Adds a noise picture, with one learned strength that starts at 0.

    Inputs: x [B, H, W, C] and noise [B or 1, H, W, 1]. Output as x.
    """

    def build(self, input_shape):
        self.strength = self.add_weight(
            shape=(), initializer="zeros", name="strength"
        )

    def call(self, inputs):
        x, noise = inputs
        return x + ops.cast(noise, x.dtype) * ops.cast(self.strength, x.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape[0]


@keras.saving.register_keras_serializable("keras_t2i")
class ChannelBias(keras.layers.Layer):
    """Adds one learned number a channel. Input and output [..., C]."""

    def build(self, input_shape):
        self.bias = self.add_weight(
            shape=(input_shape[-1],), initializer="zeros", name="bias"
        )

    def call(self, inputs):
        return inputs + ops.cast(self.bias, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable("keras_t2i")
class LearnedConstant(keras.layers.Layer):
    """A learned map that every sample starts from.

    Args:
        size: height and width.
        channels: its channels.

    Input [B, ...], of which only B is read; output [B, size, size, channels].
    """

    def __init__(self, size, channels, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.channels = channels

    def build(self, input_shape):
        self.constant = self.add_weight(
            shape=(1, self.size, self.size, self.channels),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            name="constant",
        )

    def call(self, inputs):
        return ops.repeat(self.constant, ops.shape(inputs)[0], axis=0)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.size, self.size, self.channels)

    def get_config(self):
        return {
            **super().get_config(),
            "size": self.size,
            "channels": self.channels,
        }
