"""The networks of GAN-CLS.

`reed2016_*` follow the paper and its code (methods, section 6.2). `compact_*`
do the same job for less computation on a CPU: they are narrower, sentence and
noise steer every block of the generator, and one matrix product in the
discriminator judges all pairs of a batch.

Shapes are channels-last; B = batch, S = sentence width, Z = latent width.
"""

import keras
from keras import layers

from keras_t2i.layers import Upsample
from keras_t2i.layers import compact_trunk
from keras_t2i.layers import standardize
from keras_t2i.layers import steered_conv
from keras_t2i.layers import up_samplings


# The paper's networks.


def conv(filters, size, strides=1, padding="same"):
    # Bias-free, N(0, 0.02): the Torch code zeroes all convolution biases.
    return layers.Conv2D(
        filters,
        size,
        strides,
        padding,
        use_bias=False,
        kernel_initializer=keras.initializers.RandomNormal(0.0, 0.02),
    )


def batch_norm(x):
    return layers.BatchNormalization(
        momentum=0.9,
        epsilon=1e-5,
        gamma_initializer=keras.initializers.RandomNormal(1.0, 0.02),
    )(x)


def leaky_relu(x):
    return layers.LeakyReLU(0.2)(x)


def _residual(x, bottleneck, activation):
    """{1x1, 3x3, 3x3} with batch normalisation, added to its input."""
    channels = x.shape[-1]
    h = activation(batch_norm(conv(bottleneck, 1)(x)))
    h = activation(batch_norm(conv(bottleneck, 3)(h)))
    h = batch_norm(conv(channels, 3)(h))
    return activation(layers.Add()([x, h]))


def reed2016_generator(image_size, latent_width, sentence_width, width, text_width):
    """[z; text] -> 4 x 4 -> transposed convolutions -> picture.

    Returns:
        `keras.Model` from (latents [B, Z], sentence [B, S]) to float32
        [B, H, W, 3] in [-1, 1].
    """
    doublings = up_samplings(image_size)
    latents = keras.Input((latent_width,), name="latents")
    sentence = keras.Input((sentence_width,), name="sentence")
    text = leaky_relu(layers.Dense(text_width)(sentence))
    x = layers.Concatenate()([latents, text])

    channels = 8 * width
    x = layers.Dense(
        4 * 4 * channels,
        use_bias=False,
        kernel_initializer=keras.initializers.RandomNormal(0.0, 0.02),
    )(x)
    x = batch_norm(layers.Reshape((4, 4, channels))(x))
    x = _residual(x, channels // 4, layers.ReLU())  # [B, 4, 4, 8W]
    for index in range(doublings - 1):
        channels //= 2
        x = batch_norm(_conv_transpose(channels)(x))
        # The second residual stands at 8 x 8; higher maps have none.
        if index == 0:
            x = _residual(x, channels // 4, layers.ReLU())
        else:
            x = layers.ReLU()(x)
    x = _conv_transpose(3)(x)  # [B, H, W, 3]
    images = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model([latents, sentence], images, name="generator")


def _conv_transpose(filters):
    return layers.Conv2DTranspose(
        filters,
        4,
        2,
        "same",
        use_bias=False,
        kernel_initializer=keras.initializers.RandomNormal(0.0, 0.02),
    )


def reed2016_trunk(image_size, width, joint_size, normalize_first):
    """Strided convolutions from a picture to [B, joint, joint, 8W].

    Args:
        joint_size: 4 as published, or 2 as in the reading note, which adds a
            fifth strided convolution.
        normalize_first: the note normalises every layer, the paper's code all
            but the first.
    """
    images = keras.Input((image_size, image_size, 3), name="images")
    x = images
    doublings = up_samplings(image_size)
    for index in range(doublings):
        x = conv(width * min(2**index, 8), 4, 2)(x)
        if index or normalize_first:
            x = batch_norm(x)
        if index < doublings - 1:
            x = leaky_relu(x)
    x = _residual(x, x.shape[-1] // 4, layers.LeakyReLU(0.2))  # [B, 4, 4, 8W]
    if joint_size == 2:
        x = leaky_relu(batch_norm(conv(x.shape[-1], 4, 2)(x)))
    return keras.Model(images, x, name="discriminator_trunk")


def concatenation_head(feature_shape, sentence_width, text_width):
    """Joins picture features and sentence; judges pair by pair.

    Returns:
        `keras.Model` from (features [B, h, w, C], sentence [B, S]) to float32
        logits [B].
    """
    features = keras.Input(feature_shape, name="features")
    sentence = keras.Input((sentence_width,), name="sentence")
    height, width, channels = feature_shape
    text = leaky_relu(batch_norm(layers.Dense(text_width)(sentence)))
    text = layers.RepeatVector(height * width)(text)
    text = layers.Reshape((height, width, text_width))(text)
    x = layers.Concatenate()([features, text])
    x = leaky_relu(batch_norm(conv(channels, 1)(x)))
    x = conv(1, height, padding="valid")(x)  # [B, 1, 1, 1]
    logits = layers.Reshape((), dtype="float32")(x)
    return keras.Model([features, sentence], logits, name="discriminator_head")


# The compact networks.


def compact_generator(image_size, latent_width, sentence_width, width, text_width):
    """[z; text] -> 4 x 4, and again the scale and shift of every convolution.

    Each doubling is a 3 x 3 convolution that halves the channels before the
    map is enlarged, where it costs a quarter, and one after it. Up-sampling by
    repetition leaves no checkerboards. Sentence and noise give every batch
    normalisation its scale and shift, so that each resolution hears the words
    (as in DF-GAN, Tao et al. 2022).

    Returns:
        `keras.Model` from (latents [B, Z], sentence [B, S]) to float32
        [B, H, W, 3] in [-1, 1].
    """
    doublings = up_samplings(image_size)
    latents = keras.Input((latent_width,), name="latents")
    sentence = keras.Input((sentence_width,), name="sentence")
    text = leaky_relu(layers.Dense(text_width)(standardize(sentence)))
    joint = layers.Concatenate()([latents, text])
    condition = leaky_relu(layers.Dense(2 * text_width)(joint))

    # For 64 pixels: 8W at 4 and 8, 4W at 16, 2W at 32, W at 64.
    channels = [width * min(2**n, 8) for n in reversed(range(doublings))]
    x = layers.Dense(4 * 4 * channels[0], use_bias=False)(joint)
    x = layers.Reshape((4, 4, channels[0]))(x)
    x = layers.ReLU()(batch_norm(x))
    for filters in channels:
        x = steered_conv(x, filters, condition)
        x = Upsample()(x)
        x = steered_conv(x, filters, condition)
    x = layers.Conv2D(3, 3, padding="same")(x)
    images = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model([latents, sentence], images, name="generator")


def coarse_discriminator(image_size, width):
    """Judges a picture at a quarter of its size, where only shapes are left.

    Twice as wide as the discriminator beside it: on few pixels width is cheap.

    Returns:
        `keras.Model` from pictures [B, H, W, 3] to float32 logits [B].
    """
    images = keras.Input((image_size, image_size, 3), name="images")
    x = layers.AveragePooling2D(4)(images)
    # Layer by layer: files of Keras warn of networks in networks.
    for layer in compact_trunk(image_size // 4, 2 * width).layers[1:]:
        x = layer(x)
    logits = layers.Dense(1, dtype="float32")(layers.Flatten()(x))
    logits = layers.Reshape((), dtype="float32")(logits)
    return keras.Model(images, logits, name="coarse_discriminator")
