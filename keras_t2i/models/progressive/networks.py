"""The networks of ProgressiveT2I: three generators and three discriminators.

`published_*` follow the document and the code of GR-GAN (methods, sections
1.3 to 1.6 and 2.1). `compact_*` keep the same three steps for less computation
on a CPU.

Shapes are channels-last; B = batch, Z = latent width, S = sentence width, T =
word positions, D = word width, W = settings["generator_width"], h = feature
map of a stage.
"""

import math
import numbers

import keras
from keras import layers
from keras import ops

from keras_t2i.layers import DynamicMemory
from keras_t2i.layers import ProjectionHead
from keras_t2i.layers import SpectralConv2D
from keras_t2i.layers import Upsample
from keras_t2i.layers import WordAttention
from keras_t2i.layers import compact_trunk
from keras_t2i.layers import standardize
from keras_t2i.layers import steered_conv


def stage_sizes(image_size):
    """Sizes of the three pictures: a quarter, a half, and the whole.

    Raises:
        ValueError: if the size cannot be halved twice, or is below 16.
    """
    whole = isinstance(image_size, numbers.Integral)
    if not whole or image_size < 16 or image_size % 4:
        raise ValueError(
            "`image_size` must be a multiple of 4 of at least 16, such as 64: "
            "the pictures of the stages have a quarter and a half of it. "
            f"Received: {image_size!r}"
        )
    return image_size // 4, image_size // 2, image_size


def latent_width(settings):
    """Z with the noise of the conditioning augmentation, if there is one."""
    condition = settings["condition_width"] * settings["stage1_condition"]
    return settings["latent_width"] + condition


def generator(image_size, sentence_width, word_width, settings):
    """Noise -> picture -> larger picture of the sentence -> of the words.

    Args:
        image_size: height and width of the last picture.
        sentence_width, word_width: S and D.
        settings: dict, see `variants`.

    Returns:
        `keras.Model` from (latents [B, `latent_width(settings)`], sentence
        [B, S], words [B, T, D], mask [B, T]) to a dict: `images`, three float32
        [B, h, w, 3] in [-1, 1]; `attention`, float32 [B, h, w, T] of the last
        stage; with `stage1_condition` also `mean` and `log_variance` [B, C].
        Its layers `stage1` to `stage3` share no weights.
    """
    s = settings
    latents = keras.Input((latent_width(s),), name="latents")
    sentence = keras.Input((sentence_width,), name="sentence")
    words = keras.Input((None, word_width), name="words")
    mask = keras.Input((None,), name="mask")
    outputs = {}
    z = latents
    if s["stage1_condition"]:
        z, outputs["mean"], outputs["log_variance"] = _augmented(
            latents, sentence, s
        )
    first_size, *_ = stage_sizes(image_size)
    compact = s["architecture"] == "compact"
    first = compact_first_stage if compact else published_first_stage
    following = compact_stage if compact else published_stage
    h, image = first(first_size, z.shape[-1], s)(z)
    images = [image]

    # The sentence is a text of one word.
    one = ops.ones_like(sentence[:, :1])
    texts = [(sentence[:, None], one), (words, mask)]
    # What steers the compact stages: the latents, and the sentence.
    steering = [latents, sentence] if compact else []
    for number, text in enumerate(texts, start=2):
        if s["stage_gradients"] == "isolated":
            h = ops.stop_gradient(h)  # Later losses cannot change it.
        inputs = [h, *text, *steering]
        stage = following(f"stage{number}", [x.shape[1:] for x in inputs], s)
        h, image, attention = stage(inputs)
        images.append(image)
    outputs |= {"images": images, "attention": attention}
    return keras.Model([latents, sentence, words, mask], outputs, name="generator")


def _augmented(latents, sentence, settings):
    """Conditioning augmentation: [z; c] with c ~ N(mean, variance).

    The noise of c is the last part of the latents.
    """
    condition = settings["condition_width"]
    noise, noise_of_c = ops.split(latents, [settings["latent_width"]], axis=-1)
    x = _glu(layers.Dense(4 * condition, dtype="float32")(sentence))
    mean, log_variance = ops.split(x, 2, axis=-1)
    c = mean + ops.exp(0.5 * log_variance) * noise_of_c
    z = layers.Concatenate()([noise, c])
    return z, mean, log_variance


def first_map(size, settings):
    """Height of the map that the noise becomes, and the doublings after it."""
    at_most = settings["stage1_up_samplings"]
    doublings = 0
    start = size
    while start % 2 == 0 and (
        start > 4 if at_most is None else doublings < at_most
    ):
        start //= 2
        doublings += 1
    return start, doublings


def _to_picture(h, **options):
    x = layers.Conv2D(3, 3, padding="same", **options)(h)
    return layers.Activation("tanh", dtype="float32")(x)


# The compact networks.


def compact_first_stage(size, latent_width, settings):
    """z [B, Z] -> small map -> (h [B, h, w, 4W], picture).

    The noise also steers every convolution.
    """
    z = keras.Input((latent_width,), name="z")
    condition = _hidden(z, 2 * settings["text_width"])
    start, doublings = first_map(size, settings)
    width = 4 * settings["generator_width"]
    channels = [width * min(2**n, 2) for n in reversed(range(doublings + 1))]
    x = layers.Dense(start * start * channels[0], use_bias=False)(z)
    x = layers.Reshape((start, start, channels[0]))(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    x = layers.ReLU()(x)
    for filters in channels[1:]:
        x = steered_conv(x, filters, condition)
        x = Upsample()(x)
        x = steered_conv(x, filters, condition)
    return keras.Model(z, [x, _to_picture(x)], name="stage1")


def compact_stage(name, shapes, settings):
    """(h, words or the sentence, mask) -> (h of twice the size, picture).

    Sentence and noise steer every convolution. Channels are halved before the
    map is enlarged, where it costs a quarter.

    Returns:
        `keras.Model` from [h, words [B, T, D], mask [B, T], latents [B, Z],
        sentence [B, S]] to [h, picture, attention].
    """
    inputs = [keras.Input(shape) for shape in shapes]
    h, words, mask, z, sentence = inputs
    text = _hidden(standardize(sentence), settings["text_width"])
    joint = layers.Concatenate()([z, text])
    condition = _hidden(joint, 2 * settings["text_width"])
    x, attention = _fused(h, words, mask, settings)
    channels = h.shape[-1]
    if x.shape[-1] != channels:
        x = steered_conv(x, channels, condition)
    for _ in range(settings["num_residual"]):
        y = steered_conv(x, channels, condition)
        x = layers.Add()([x, steered_conv(y, channels, condition)])
    x = steered_conv(x, channels // 2, condition)
    x = Upsample()(x)
    x = steered_conv(x, channels // 2, condition)
    return keras.Model(inputs, [x, _to_picture(x), attention], name=name)


def _hidden(x, width):
    return layers.LeakyReLU(0.2)(layers.Dense(width)(x))


# The published networks.


def published_first_stage(size, latent_width, settings):
    """z [B, Z] -> (h [B, h, w, W], picture), by convolutions with gates.

    The document reconstructs the noise and enlarges it three times; the code
    starts at 4 x 4, where four up-samplings lead to 64.
    """
    z = keras.Input((latent_width,), name="z")
    start, doublings = first_map(size, settings)
    channels = settings["generator_width"] * 2**doublings
    x = _dense(2 * start * start * channels)(z)
    x = _glu(_batch_norm(x))
    x = layers.Reshape((start, start, channels))(x)
    for _ in range(doublings):
        channels //= 2
        x = _up_block(x, channels)
    return keras.Model(
        z, [x, _to_picture(x, **_options())], name="stage1"
    )


def published_stage(name, shapes, settings):
    """Fusion, residual blocks, one up-sampling.

    Returns:
        `keras.Model` from [h, words [B, T, D], mask [B, T]] to [h of twice the
        size, picture, attention].
    """
    inputs = [keras.Input(shape) for shape in shapes]
    h, words, mask = inputs
    x, attention = _fused(h, words, mask, settings)
    if settings["fusion"] == "memory":
        x = layers.Concatenate()([x, x])
    channels = x.shape[-1]
    for _ in range(settings["num_residual"]):
        y = _glu(_batch_norm(_conv(2 * channels)(x)))
        x = layers.Add()([x, _batch_norm(_conv(channels)(y))])
    x = _up_block(x, h.shape[-1])
    picture = _to_picture(x, **_options())
    return keras.Model(inputs, [x, picture, attention], name=name)


def _up_block(x, filters):
    x = Upsample()(x)
    return _glu(_batch_norm(_conv(2 * filters)(x)))


def _options():
    return {"use_bias": False, "kernel_initializer": "orthogonal"}


def _conv(filters):
    return layers.Conv2D(filters, 3, padding="same", **_options())


def _dense(units):
    return layers.Dense(units, **_options())


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


# Both.


def _fused(h, words, mask, settings):
    """The map with what the words add to it, and where they were read."""
    if settings["fusion"] == "memory":
        return DynamicMemory(2 * h.shape[-1])([h, words, mask])
    mixture, attention = WordAttention()([h, words, mask])
    return layers.Concatenate()([h, mixture]), attention


# Discriminators.


def trunks(image_size, settings):
    """Three networks from a stage's pictures to features."""
    sizes, width = stage_sizes(image_size), settings["discriminator_width"]
    if settings["architecture"] == "published":
        return [published_trunk(size, width) for size in sizes]
    # What stage 1 draws, the others build on, and it alone is told no words.
    # Width costs little there; with W discriminator 1 stayed near chance.
    widths = 2 * width, width, width
    return [compact_trunk(*each) for each in zip(sizes, widths)]


def published_trunk(image_size, width):
    """Strided convolutions with spectral normalisation, down to 4 x 4.

    Above 8 W channels two or more convolutions bring them back to 8 W.
    """
    images = keras.Input((image_size, image_size, 3), name="images")
    x = images
    channels = width
    for index in range(max(1, int(math.log2(image_size / 4)))):
        channels = width * 2**index
        x = _spectral_conv(x, channels, 4, 2)
    while channels > 8 * width:
        channels //= 2
        x = _spectral_conv(x, channels, 3)
    return keras.Model(images, x, name="discriminator_trunk")


def _spectral_conv(x, filters, size, strides=1):
    return layers.LeakyReLU(0.2)(SpectralConv2D(filters, size, strides)(x))


def realism_head(features_shape):
    """Judges a picture alone: features -> float32 logits [B]."""
    features = keras.Input(features_shape, name="features")
    logits = layers.Dense(1, dtype="float32")(layers.Flatten()(features))
    logits = layers.Reshape((), dtype="float32")(logits)
    return keras.Model(features, logits, name="realism_head")


def matching_head(features_shape, text_width, settings):
    """Judges a picture with a text [B, S]; called with [features, text]."""
    if settings["architecture"] == "compact":
        head = ProjectionHead()
        head.build([(None, *features_shape), (None, text_width)])
        return head
    features = keras.Input(features_shape, name="features")
    text = keras.Input((text_width,), name="text")
    height, width, channels = features_shape
    spread = layers.RepeatVector(height * width)(text)
    spread = layers.Reshape((height, width, text_width))(spread)
    x = layers.Concatenate()([features, spread])
    x = _spectral_conv(x, channels, 3)
    logits = layers.Dense(1, dtype="float32")(layers.Flatten()(x))
    logits = layers.Reshape((), dtype="float32")(logits)
    return keras.Model([features, text], logits, name="matching_head")
