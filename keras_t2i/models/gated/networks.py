"""The networks of GatedT2I.

`patent_*` follow the methods, section 4.2, for 128 to 256 pixels; `compact_*`
keep the same steps for less computation on a CPU.

Shapes are channels-last; B = batch, S = sentence width, Z = latent width, T =
words, D = word width, W = settings["generator_width"] or
settings["discriminator_width"], C = width of the global feature, N = regions,
R = width of their features.
"""

import keras
from keras import layers
from keras import ops

from keras_t2i.layers import SpectralConv2D
from keras_t2i.layers import Upsample
from keras_t2i.layers import compact_trunk
from keras_t2i.layers import standardize
from keras_t2i.layers import steered_batch_norm
from keras_t2i.layers import up_samplings
from keras_t2i.layers.memory import word_attention

# How sharply a position picks its words, as in XMC-GAN.
_SHARPNESS = 15.0
# Height of the map that listens to the words.
_LISTENING = 16


# Generator.


def generator(image_size, latent_width, sentence_width, word_width, settings):
    """Text with noise -> latent code -> gated code -> picture.

    The steps are those of the document, paragraphs 13 to 17.

    Args:
        image_size: height and width, 16, 32, 64, ...
        latent_width, sentence_width, word_width: Z, S and D.
        settings: dict, see `variants`.

    Returns:
        `keras.Model` from [latents [B, Z], sentence [B, S]], with
        `word_attention` also words [B, T, D] and mask [B, T], to float32
        [B, H, W, 3] in [-1, 1].
    """
    s = settings
    latents = keras.Input((latent_width,), name="latents")
    sentence = keras.Input((sentence_width,), name="sentence")
    inputs = [latents, sentence]
    if s["word_attention"]:
        inputs.append(keras.Input((None, word_width), name="words"))
        inputs.append(keras.Input((None,), name="mask"))

    noised = _with_noise(standardize(sentence), latents, s)
    # The encoder; its first layer also steers every normalisation.
    condition = _leaky(layers.Dense(s["text_width"])(noised))
    channels = decoder_channels(image_size, s)
    x = layers.Dense(4 * 4 * channels[0])(condition)
    x = layers.Reshape((4, 4, channels[0]))(x)
    for _ in range(2):
        x = gated_conv(x, channels[0], s["gates"], _batch_norm)

    def steered(features):
        return steered_batch_norm(features, condition)

    for filters in channels[1:]:
        if s["architecture"] == "compact" and filters < x.shape[-1]:
            # Channels are halved before the map is enlarged, where a
            # convolution costs a quarter.
            x = gated_conv(x, filters, s["gates"], steered)
        x = Upsample()(x)
        x = gated_conv(x, filters, s["gates"], steered)
        if s["word_attention"] and x.shape[1] == _LISTENING:
            x = layers.Concatenate()([x, WordContext()([x, *inputs[2:]])])
    x = layers.Conv2D(3, 3, padding="same")(x)
    images = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(inputs, images, name="generator")


def decoder_channels(image_size, settings):
    """Channels at 4, 8, 16, ... up to the size of the picture.

    "compact": W at the full size, twice as many at half of it, up to 6 W.
    "patent": 8 W up to 16 x 16, half as many at every doubling after.
    """
    doublings = up_samplings(image_size)
    width = settings["generator_width"]
    if settings["architecture"] == "compact":
        powers = [min(2**n, 6) for n in reversed(range(doublings))]
        return [width * p for p in (powers[0], *powers)]
    return [8 * width // 2 ** max(0, n - 2) for n in range(doublings + 1)]


def _with_noise(sentence, latents, settings):
    """[s; z], or s + sigma * z where z is as wide as s."""
    if settings["noise"] == "concat":
        return layers.Concatenate(dtype="float32")([sentence, latents])
    return sentence + settings["noise_scale"] * latents


def gated_conv(x, filters, gates, normalize):
    """3 x 3 convolution whose every output has a gate of its own.

        LeakyReLU(normalize(features)) * sigmoid(gates)

    (Yu et al. 2019, "Free-Form Image Inpainting with Gated Convolution".)

    Args:
        x: symbolic tensor [B, H, W, C].
        filters: channels of the result.
        gates: "full": gates come from a 3 x 3 convolution too; "pointwise":
            from a 1 x 1 convolution, which costs a ninth (Yi et al. 2020,
            "Contextual Residual Aggregation"); "none": a plain convolution.
        normalize: callable of a symbolic tensor. It stands before the
            activation, as a text that sets scale and shift of a map can then
            also cut it off.

    Returns:
        Symbolic tensor [B, H, W, filters].
    """
    if gates == "full":
        both = layers.Conv2D(2 * filters, 3, padding="same")(x)
        features, gate = ops.split(both, 2, axis=-1)
    else:
        features = layers.Conv2D(filters, 3, padding="same")(x)
    features = _leaky(normalize(features))
    if gates == "none":
        return features
    if gates == "pointwise":
        gate = layers.Conv2D(filters, 1)(x)
    return layers.Multiply()([features, layers.Activation("sigmoid")(gate)])


def _batch_norm(x):
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)


def _leaky(x, dtype=None):
    return layers.LeakyReLU(0.2, dtype=dtype)(x)


@keras.saving.register_keras_serializable("keras_t2i")
class WordContext(layers.Layer):
    """What the words say to every position of a map (XMC-GAN, section 4.3).

    Each position picks words by softmax(15 * cosine) and gets their mixture,
    projected to as many channels as the map has.

    Call with a list of the map [B, H, W, C], words [B, T, D] and mask [B, T];
    returns [B, H, W, C].
    """

    def build(self, input_shape):
        map_shape, words_shape, _ = input_shape
        channels, width = map_shape[-1], words_shape[-1]
        self.query = layers.Dense(width, dtype=self.dtype_policy)
        self.query.build((None, channels))
        self.value = layers.Dense(channels, dtype=self.dtype_policy)
        self.value.build((None, width))

    def call(self, inputs):
        x, words, mask = inputs
        query = _SHARPNESS * ops.normalize(self.query(x), axis=-1)
        attention = word_attention(query, ops.normalize(words, axis=-1), mask)
        values = self.value(words)  # [B, T, C]
        return ops.einsum(
            "bhwt,btc->bhwc", ops.cast(attention, values.dtype), values
        )

    def compute_output_shape(self, input_shape):
        return input_shape[0]


# Discriminator.


def discriminator(image_size, word_width, settings):
    """A picture's global feature and regions, and how real it looks.

    Nothing in it mixes the pictures of a batch but the deviation among them,
    which real and generated ones shall not share: calling it with each of
    them is what the document's connection of both (paragraph 31) computes.

    Args:
        image_size: height and width, 16, 32, 64, ...
        word_width: D, what R is where `region_width` is None.
        settings: dict, see `variants`.

    Returns:
        `keras.Model` from pictures [B, H, W, 3] to a dict of float32 tensors:
        `global` [B, C]; `realism` [B], the logit of the multilayer perceptron
        over it; `regions` [B, N, R], row by row, if there is a region loss;
        and `contrast` [B, E], what the global loss compares, if there is one.
        In the patent architecture that is the global feature itself.
    """
    s = settings
    make = (
        _compact_features
        if s["architecture"] == "compact"
        else _patent_features
    )
    region_width = s["region_width"] or word_width
    images, regions, features, contrast, dense = make(
        image_size, s["discriminator_width"], region_width, s["global_width"]
    )
    hidden = _leaky(dense(features.shape[-1])(features), "float32")
    outputs = {
        "global": features,
        "realism": layers.Reshape((), dtype="float32")(dense(1)(hidden)),
    }
    if s["region_weight"]:
        outputs["regions"] = layers.Reshape(
            (-1, region_width), dtype="float32"
        )(regions)
    if s["global_weight"]:
        outputs["contrast"] = contrast
    return keras.Model(images, outputs, name="discriminator")


def _compact_features(image_size, width, region_width, global_width):
    """64 regions of 8 x 8, and a global feature that knows where things are."""
    up_samplings(image_size)  # Refuses other sizes.
    trunk = compact_trunk(image_size, width)
    eight = [x.output for x in trunk.layers if x.output.shape[1] == 8][-1]
    regions = _float32_dense(region_width)(eight)
    flat = layers.Flatten()(trunk.output)
    features = _leaky(_float32_dense(global_width)(flat), "float32")
    # The judgement pushes the global feature of generated pictures away from
    # their sentence. The global loss has a feature of its own, which only real
    # pairs train.
    contrast = _float32_dense(region_width)(flat)
    return trunk.input, regions, features, contrast, _float32_dense


def _float32_dense(units):
    return layers.Dense(units, dtype="float32")


def _patent_features(image_size, width, region_width, global_width):
    """The residual trunk of XMC-GAN, spectrally normalised.

    Regions are its map of 16 x 16 (of 8 x 8 for pictures of 16); the global
    feature is the sum over the last map, whose width the trunk decides.
    """
    images = keras.Input((image_size, image_size, 3), name="images")
    factors = trunk_factors(image_size)
    x = images
    for number, factor in enumerate(factors):
        x = _residual(x, width * factor, first=not number, down=True)
        if x.shape[1] == min(_LISTENING, image_size // 2):
            regions = SpectralConv2D(region_width, 1, dtype="float32")(x)
    x = _residual(x, width * max(factors[-1], 16 * (len(factors) > 4)))
    x = layers.Activation("relu", dtype="float32")(x)
    features = ops.sum(x, axis=(1, 2))
    return images, regions, features, features, SpectralDense


def trunk_factors(image_size):
    """Channels of the halvings over W: 1, 2, 4, 8, 16 for 128 pixels.

    As in XMC-GAN, 8 stands twice for 256 pixels.
    """
    count = up_samplings(image_size)
    factors = [min(2**n, 8) for n in range(count)]
    if count > 4:
        factors[-1] = 16
    return factors


def _residual(x, filters, first=False, down=False):
    """Two convolutions and a way around them; `down` halves the map."""
    h = x if first else layers.ReLU()(x)
    h = layers.ReLU()(SpectralConv2D(filters, 3)(h))
    h = SpectralConv2D(filters, 3)(h)
    if down:
        h = layers.AveragePooling2D(2)(h)
    if down and first:  # Before the convolution it is the same, and cheaper.
        x = layers.AveragePooling2D(2)(x)
    if first or x.shape[-1] != filters:
        x = SpectralConv2D(filters, 1)(x)
    if down and not first:
        x = layers.AveragePooling2D(2)(x)
    return layers.Add()([h, x])


@keras.saving.register_keras_serializable("keras_t2i")
class SpectralDense(SpectralConv2D):
    """Dense layer with a spectral norm near 1: [B, K] -> float32 [B, units]."""

    def __init__(self, units, **kwargs):
        super().__init__(units, 1, **{"dtype": "float32", **kwargs})

    def build(self, input_shape):
        super().build((None, 1, 1, input_shape[-1]))

    def call(self, inputs, training=False):
        outputs = super().call(inputs[:, None, None], training=training)
        return outputs[:, 0, 0]

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.filters)

    def get_config(self):
        config = super().get_config()
        for key in ("filters", "kernel_size", "strides", "padding"):
            config.pop(key)
        return {**config, "units": self.filters}


def sentence_head(sentence_width, global_width, settings):
    """The sentence as the global feature sees it: [B, S] -> float32 [B, C]."""
    sentence = keras.Input((sentence_width,), name="sentence")
    if settings["architecture"] == "compact":
        x = _float32_dense(global_width)(standardize(sentence))
        # Of C terms, so that their sum has a variance near 1.
        x = layers.Rescaling(global_width**-0.5, dtype="float32")(x)
    else:
        x = SpectralDense(global_width)(sentence)
    return keras.Model(sentence, x, name="sentence_head")


def word_head(word_width, settings):
    """Words as the regions see them: [B, T, D] -> float32 [B, T, R].

    Without `region_width` the regions are as wide as the words, which then
    stay as they are.
    """
    words = keras.Input((None, word_width), name="words")
    if settings["region_width"] is None:
        x = layers.Activation("linear", dtype="float32")(words)
    else:
        x = layers.LayerNormalization(dtype="float32")(words)
        x = _float32_dense(settings["region_width"])(x)
    return keras.Model(words, x, name="word_head")
