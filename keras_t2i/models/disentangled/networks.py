"""The networks of ModalityDisentangledT2I.

`published_*` follow the code of the method's authors (methods, section 3.1),
`compact_*` do the same job for less computation on a CPU: text and noise steer
every convolution of the generator, nothing is normalised in the discriminator,
and one matrix product judges all pairs of a batch.

Shapes are channels-last; B = batch, S = sentence width, C = text width, which
is that of the content of a picture, Z = latent width, which is that of its
style, T = word positions, D = width of a word.
"""

import math
import numbers

import keras
from keras import layers
from keras import ops

from keras_t2i.layers import DynamicMemory
from keras_t2i.layers import MinibatchDeviation
from keras_t2i.layers import ProjectionHead
from keras_t2i.layers import SpectralConv2D
from keras_t2i.layers import Upsample
from keras_t2i.layers import standardize
from keras_t2i.layers import steered_conv


def scale_sizes(image_size, num_scales):
    """Sizes of the pictures, each twice as large as the one before.

    Args:
        image_size: of the last.
        num_scales: how many.

    Returns:
        List of `num_scales` whole numbers; 256 in three scales is 64, 128, 256.

    Raises:
        ValueError: if the size is no power of two from 16 up, or the first
            picture would be smaller than 4 x 4.
    """
    whole = isinstance(image_size, numbers.Integral)
    if not whole or image_size < 16 or image_size & (image_size - 1):
        raise ValueError(
            "`image_size` must be 16, 32, 64, 128 or a further power of two. "
            f"Received: {image_size!r}"
        )
    sizes = [image_size // 2**n for n in reversed(range(num_scales))]
    if sizes[0] < 4:
        raise ValueError(
            f"{num_scales} scales of a picture of {image_size} x {image_size} "
            "would start below 4 x 4. Set a smaller `num_scales`."
        )
    return sizes


def text_head(sentence_width, text_width, with_variance):
    """Sentence -> h_tc, the content that a text asks for.

    One dense layer. The code takes that of conditioning augmentation, whose
    mean it uses without drawing; its variance only enters a loss.

    Returns:
        `keras.Model` from [B, S] to a dict of float32 `text` [B, C], which is
        h_tc, and `log_variance` [B, C] where there is one.
    """
    sentence = keras.Input((sentence_width,), name="sentence")
    x = standardize(sentence)
    if not with_variance:
        content = layers.Dense(text_width, dtype="float32")(x)
        return keras.Model(sentence, {"text": content}, name="text_head")
    x = _glu(layers.Dense(4 * text_width, dtype="float32")(x))
    mean, log_variance = ops.split(x, 2, axis=-1)
    return keras.Model(
        sentence, {"text": mean, "log_variance": log_variance}, name="text_head"
    )


# Generators.


def generator(image_size, word_width, settings):
    """Text and noise -> a picture at every scale.

    Above the first scale every map is refined by what the words say about it
    (DM-GAN) before it grows.

    Returns:
        `keras.Model` from [latents [B, Z], h_tc [B, C]], and with several
        scales also words [B, T, D] and mask [B, T], to a dict of `images`, a
        list of float32 pictures [B, h, h, 3] in [-1, 1], the smallest first.
    """
    sizes = scale_sizes(image_size, settings["num_scales"])
    inputs = [
        keras.Input((settings["latent_width"],), name="latents"),
        keras.Input((settings["text_width"],), name="text"),
    ]
    words = []
    if len(sizes) > 1:
        words = [
            keras.Input((None, word_width), name="words"),
            keras.Input((None,), name="mask"),
        ]
    make = (
        _compact_pictures
        if settings["architecture"] == "compact"
        else _published_pictures
    )
    images = make(*inputs, words, sizes, settings)
    return keras.Model(
        [*inputs, *words], {"images": images}, name="generator"
    )


def _compact_pictures(latents, text, words, sizes, settings):
    doublings = int(math.log2(sizes[-1] / 4))
    # The wider of the two must not drown the other.
    balance = math.sqrt(latents.shape[-1] / text.shape[-1])
    joint = layers.Concatenate()([latents, layers.Rescaling(balance)(text)])
    condition = _leaky(layers.Dense(2 * settings["text_width"])(joint))
    # For 64 pixels: 8W at 4 and 8, 4W at 16, 2W at 32, W at 64.
    width = settings["generator_width"]
    channels = [width * min(2**n, 8) for n in reversed(range(doublings))]
    x = layers.Dense(4 * 4 * channels[0], use_bias=False)(joint)
    x = layers.Reshape((4, 4, channels[0]))(x)
    x = layers.ReLU()(_batch_norm(x))
    images = []
    for index in range(doublings + 1):
        if index:
            # Halved before it is enlarged, where it costs a quarter.
            x = steered_conv(x, channels[index - 1], condition)
            x = Upsample()(x)
            y = steered_conv(x, channels[index - 1], condition)
            x = layers.Add()([x, y])
        if 4 * 2**index in sizes:
            images.append(_to_picture(x))
            if index < doublings:
                x, _ = DynamicMemory(2 * x.shape[-1])([x, *words])
    return images


def _published_pictures(latents, text, words, sizes, settings):
    joint = layers.Concatenate()([latents, text])
    width = settings["generator_width"]
    doublings = int(math.log2(sizes[0] / 4))
    channels = width * 2**doublings
    x = layers.Dense(2 * 4 * 4 * channels, **_PUBLISHED)(joint)
    x = layers.Reshape((4, 4, channels))(_glu(_batch_norm(x)))
    for _ in range(doublings):
        channels //= 2
        x = _up_block(x, channels)
        if len(sizes) == 1:
            # The document has residual layers too, the code's first scale
            # none.
            x = _residual(x)
    images = [_to_picture(x, **_PUBLISHED)]
    for _ in sizes[1:]:
        x, _ = DynamicMemory(2 * width)([x, *words])
        x = layers.Concatenate()([x, x])  # [B, h, h, 2W]
        for _ in range(settings["num_residual"]):
            x = _residual(x)
        x = _up_block(x, width)
        images.append(_to_picture(x, **_PUBLISHED))
    return images


# Image encoders: the trunks of the discriminators.


def image_encoder(image_size, settings):
    """A picture -> what it shares with texts, and what is its own.

    Returns:
        `keras.Model` from pictures [B, h, h, 3] to a list of the content map
        and the style map, both [B, 4, 4, .], and the vectors of both, float32
        h_c [B, C] and h_s [B, Z].
    """
    make = (
        _compact_codes
        if settings["architecture"] == "compact"
        else _published_codes
    )
    images = keras.Input((image_size, image_size, 3), name="images")
    return keras.Model(images, make(images, settings), name="image_encoder")


def _compact_codes(images, settings):
    width = settings["discriminator_width"]
    # The first convolution keeps the size: textures show at full resolution.
    x = _plain_conv(images, width // 2, 3)
    for index in range(int(math.log2(images.shape[1] / 4))):
        x = _plain_conv(x, width * min(2**index, 4), 4, 2)
    content_map = _plain_conv(x, 3 * width, 3)
    style_map = _plain_conv(x, width, 3)
    content, style = (
        layers.Dense(units, dtype="float32")(layers.Flatten()(x))
        for x, units in (
            (content_map, settings["text_width"]),
            (style_map, settings["latent_width"]),
        )
    )
    return [content_map, style_map, content, style]


def _published_codes(images, settings):
    """The last Z channels are the style as they are, the others the content.

    Of both the vector is the mean over the map.
    """
    width = settings["discriminator_width"]
    channels = width
    x = images
    for index in range(int(math.log2(images.shape[1] / 4))):
        channels = width * 2**index
        x = _spectral_conv(x, channels, 4, 2)
    # From 128 pixels on, channels above 8W are brought back one by one.
    while channels > 8 * width:
        channels //= 2
        x = _spectral_conv(x, channels, 3)
    if channels < 8 * width:
        x = _spectral_conv(x, 8 * width, 3)
    style_map = x[..., -settings["latent_width"] :]
    content_map = x[..., : -settings["latent_width"]]
    content_map = _spectral_conv(content_map, settings["text_width"], 3)
    content, style = (
        layers.GlobalAveragePooling2D(dtype="float32")(x)
        for x in (content_map, style_map)
    )
    return [content_map, style_map, content, style]


# Discriminators, over the maps of an image encoder.


def overall_head(codes, settings):
    """D_i: content map and style map -> float32 logits [B]."""
    maps = [keras.Input(code.shape[1:]) for code in codes[:2]]
    x = layers.Concatenate()(maps)
    if settings["architecture"] == "compact":
        # Here and not in the encoder: a picture's code is its own.
        x = MinibatchDeviation()(x)
        x = _plain_conv(x, 4 * settings["discriminator_width"], 3)
    else:
        x = _spectral_conv(x, 4 * settings["discriminator_width"], 3)
    return keras.Model(maps, _logits(x), name="overall_head")


def style_head(codes, settings):
    """D_s: style map -> float32 logits [B]."""
    style_map = keras.Input(codes[1].shape[1:])
    if settings["architecture"] == "compact":
        x = _plain_conv(style_map, settings["discriminator_width"], 3)
    else:
        x = _spectral_conv(style_map, 4 * settings["discriminator_width"], 3)
    return keras.Model(style_map, _logits(x), name="style_head")


def content_head(codes, text_width, settings):
    """D_c: called with [content map, text [B, text_width]] -> logits [B]."""
    shape = codes[0].shape[1:]
    if settings["architecture"] == "compact":
        head = ProjectionHead()
        head.build([(None, *shape), (None, text_width)])
        return head
    content_map = keras.Input(shape)
    text = keras.Input((text_width,))
    spread = layers.Reshape((1, 1, text_width))(text)
    spread = layers.UpSampling2D(shape[:2])(spread)
    x = layers.Concatenate()([content_map, spread])
    x = _spectral_conv(x, 8 * settings["discriminator_width"], 3)
    return keras.Model([content_map, text], _logits(x), name="content_head")


# Blocks.


def _logits(x):
    x = layers.Dense(1, dtype="float32")(layers.Flatten()(x))
    return layers.Reshape((), dtype="float32")(x)


def _leaky(x):
    return layers.LeakyReLU(0.2)(x)


def _plain_conv(x, filters, size, strides=1):
    return _leaky(
        layers.Conv2D(
            filters, size, strides, "same", kernel_initializer="he_normal"
        )(x)
    )


def _spectral_conv(x, filters, size, strides=1):
    return _leaky(SpectralConv2D(filters, size, strides)(x))


_PUBLISHED = {"use_bias": False, "kernel_initializer": "orthogonal"}


def _to_picture(x, **options):
    x = layers.Conv2D(3, 3, padding="same", **options)(x)
    return layers.Activation("tanh", dtype="float32")(x)


def _conv(x, filters):
    return layers.Conv2D(filters, 3, padding="same", **_PUBLISHED)(x)


def _batch_norm(x):
    return layers.BatchNormalization(
        momentum=0.9,
        epsilon=1e-5,
        gamma_initializer=keras.initializers.RandomNormal(1.0, 0.02),
    )(x)


def _glu(x):
    """Gated linear unit: half of the channels, gated by the other half."""
    value, gate = ops.split(x, 2, axis=-1)
    return value * ops.sigmoid(gate)


def _up_block(x, filters):
    x = Upsample()(x)
    return _glu(_batch_norm(_conv(x, 2 * filters)))


def _residual(x):
    channels = x.shape[-1]
    y = _glu(_batch_norm(_conv(x, 2 * channels)))
    return layers.Add()([x, _batch_norm(_conv(y, channels))])
