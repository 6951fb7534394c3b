"""Mapping, synthesis and discriminator of StyleGAN2.

Shapes are channels-last; B = batch, Z = latent width, L = layers that take a
style, r = height and width of a map.
"""

import math
import numbers

import keras
from keras import layers
from keras import ops

from keras_t2i.layers import MinibatchDeviation
from keras_t2i.layers import Upsample
from keras_t2i.layers.equalized import EqualizedConv2D
from keras_t2i.layers.equalized import EqualizedDense
from keras_t2i.layers.equalized import leaky_relu
from keras_t2i.layers.modulation import AddNoise
from keras_t2i.layers.modulation import ChannelBias
from keras_t2i.layers.modulation import LearnedConstant
from keras_t2i.layers.modulation import ModulatedConv2D

_START = 4  # Height and width of the learned constant.


def resolutions(image_size):
    """Sizes of the maps: 4, 8, ..., the picture's.

    Raises:
        ValueError: if the size is no power of two of at least 8.
    """
    whole = isinstance(image_size, numbers.Integral)
    if not whole or image_size < 8 or image_size & (image_size - 1):
        raise ValueError(
            "`image_size` must be a power of two of at least 8, such as 64. "
            f"Received: {image_size!r}"
        )
    return [2**k for k in range(2, int(math.log2(image_size)) + 1)]


def num_styles(image_size):
    """L: one style a convolution, and one for the last picture.

    A picture on the way shares the style of the next convolution.
    """
    return 2 * len(resolutions(image_size))


def noise_shapes(image_size):
    """Shape [r, r, 1] of the noise of each convolution, in order."""
    sizes = resolutions(image_size)
    return [(r, r, 1) for r in [sizes[0]] + [r for r in sizes[1:] for _ in "ab"]]


def _channels(base, most, r):
    return max(1, min(base // r, most))


def mapping(settings):
    """`keras.Model` from latents z [B, Z] to w [B, Z].

    Eight dense layers that learn at a hundredth of the rate (Karras et al.
    2019, section 2 and appendix C).
    """
    width = settings["latent_width"]
    z = keras.Input((width,), name="latents")
    x = z * ops.rsqrt(ops.mean(ops.square(z), axis=-1, keepdims=True) + 1e-8)
    for number in range(settings["mapping_layers"]):
        # In float32: small differences of w decide the picture.
        x = EqualizedDense(
            width,
            rate=settings["mapping_rate"],
            dtype="float32",
            name=f"dense{number}",
        )(x)
        x = leaky_relu(x)
    return keras.Model(z, x, name="mapping")


def synthesis(image_size, settings):
    """Styles -> picture, as a sum of pictures of all sizes.

    Returns:
        `keras.Model` from [w [B, L, Z], and noise [B or 1, r, r, 1] for each of
        `noise_shapes`] to float32 pictures [B, H, W, 3], about in [-1, 1].
    """
    sizes = resolutions(image_size)
    w = keras.Input((num_styles(image_size), settings["latent_width"]), name="w")
    noises = [keras.Input(shape) for shape in noise_shapes(image_size)]
    styles = [ops.squeeze(s, 1) for s in ops.split(w, w.shape[1], axis=1)]
    separable = settings["separable"]

    def styled(x, filters, style, noise, name, double=False):
        style = EqualizedDense(x.shape[-1], bias=1.0, name=f"{name}_style")(style)
        x = ModulatedConv2D(
            filters, 3, double=double, separable=separable, name=name
        )([x, style])
        x = AddNoise(name=f"{name}_noise")([x, noise])
        return leaky_relu(ChannelBias(name=f"{name}_bias")(x))

    def picture(x, style, name):
        style = EqualizedDense(x.shape[-1], bias=1.0, name=f"{name}_style")(style)
        y = ModulatedConv2D(3, 1, demodulate=False, name=name)([x, style])
        return ChannelBias(dtype="float32", name=f"{name}_bias")(y)

    def width(r):
        most = settings["max_channels"]
        return _channels(settings["generator_channels"], most, r)

    x = LearnedConstant(_START, width(_START), name="constant")(w[:, 0])
    x = styled(x, width(_START), styles[0], noises[0], "conv4")
    image = picture(x, styles[1], "picture4")
    for number, r in enumerate(sizes[1:]):
        first = 2 * number + 1
        here = noises[first : first + 2]
        x = styled(
            x, width(r), styles[first], here[0], f"conv{r}_up", double=True
        )
        x = styled(x, width(r), styles[first + 1], here[1], f"conv{r}")
        # The published networks blur pictures with zeros beyond the border.
        upsample = Upsample("bilinear", zeros=not separable, dtype="float32")
        image = upsample(image)
        image = image + picture(x, styles[first + 2], f"picture{r}")
    return keras.Model([w, *noises], image, name="synthesis")


def discriminator(image_size, settings):
    """`keras.Model` from pictures [B, H, W, 3] to float32 logits [B].

    Residual blocks, each to half the size (Karras et al. 2020, section 4.1).
    """

    def width(r):
        most = settings["max_channels"]
        return _channels(settings["discriminator_channels"], most, r)

    images = keras.Input((image_size, image_size, 3), name="images")
    sizes = resolutions(image_size)
    x = leaky_relu(EqualizedConv2D(width(image_size), 1)(images))
    for r in reversed(sizes[1:]):
        past = EqualizedConv2D(width(r // 2), 1, halve=True, use_bias=False)(x)
        x = leaky_relu(EqualizedConv2D(width(r), 3)(x))
        x = leaky_relu(EqualizedConv2D(width(r // 2), 3, halve=True)(x))
        x = (x + past) * (1.0 / 2.0**0.5)
    x = MinibatchDeviation()(x)
    x = leaky_relu(EqualizedConv2D(width(_START), 3)(x))
    x = layers.Flatten()(x)
    x = leaky_relu(EqualizedDense(width(_START))(x))
    logits = EqualizedDense(1, dtype="float32")(x)
    logits = layers.Reshape((), dtype="float32")(logits)
    return keras.Model(images, logits, name="discriminator")
