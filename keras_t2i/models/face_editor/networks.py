"""Networks of the face editor and of the captioner that teaches it.

Shapes are channels-last; B = batch, Z = latent width, L = styles of a picture,
F = width of the text code, N = regions, C = their width, T = word positions,
K = rows of the vocabulary.
"""

import math

import keras
from keras import layers
from keras import ops

from keras_t2i import applications
from keras_t2i.models.face_editor.axes import principal_axes

# Regions a side, at least; fewer than twice as many.
_REGIONS = 4
# How far an edit goes at most in w, in standard deviations.
_REACH = 2.0


@keras.saving.register_keras_serializable("keras_t2i")
class UnitRange(layers.Layer):
    """Maps each channel of each picture onto [0, 1] (document 003, S251).

    Inputs and output [B, h, w, C].
    """

    def call(self, inputs):
        low = ops.min(inputs, axis=(1, 2), keepdims=True)
        high = ops.max(inputs, axis=(1, 2), keepdims=True)
        return (inputs - low) / (high - low + 1e-6)


def feature_extractor(image_size, settings):
    """Convolutions of uniform stride: X <- norm(LReLU(X * k + b)).

    Document 003, step S251. Its normalization "to 0 to 1" is `UnitRange`;
    instance normalization, which its formula also names, would leave a mean
    of the last map that is the same for every picture.

    Args:
        image_size: height and width, from 16 up.
        settings: of the captioner's variant.

    Returns:
        `keras.Model` from pictures [B, H, W, 3] in [-1, 1] to float32 regions
        [B, N, C], row by row.

    Raises:
        ValueError: for pictures smaller than 16 x 16.
    """
    if image_size < 4 * _REGIONS:
        raise ValueError(
            f"`image_size` must be at least {4 * _REGIONS}. "
            f"Received: {image_size}"
        )
    images = keras.Input((image_size, image_size, 3), name="images")
    width, last = settings["image_width"], settings["feature_width"]
    if settings["backbone"] is not None:
        x = _backbone_map(images, settings)
        x = layers.Conv2D(last, 1)(x)
    else:
        x, count = images, int(math.log2(image_size / _REGIONS))
        for index in range(count):
            filters = last if index + 1 == count else width * 2**index
            x = layers.Conv2D(filters, 3, 2, "same")(x)
            x = layers.LeakyReLU(0.2)(x)
            if settings["normalization"] == "range":
                x = UnitRange()(x)
            else:
                x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    x = layers.SpatialDropout2D(settings["dropout"])(x)
    regions = layers.Reshape((-1, last), dtype="float32")(x)
    return keras.Model(images, regions, name="feature_extractor")


def _backbone_map(images, settings):
    """The last map of a network of `keras.applications`, which is held."""
    network, size, preprocess = applications.load(
        settings["backbone"], settings["backbone_weights"]
    )
    network.trainable = False
    x = layers.Resizing(size, size, dtype="float32")(images)
    x = layers.Rescaling(127.5, 127.5, dtype="float32")(x)
    return network(preprocess(x), training=False)


def decoder(num_regions, num_rows, settings):
    """What word comes next, given a picture and the words before.

        V = mean of the regions
        h_t = LSTM([word_(t-1); V], h_(t-1), m_(t-1))
        a_t = softmax(v' tanh(A regions + B h_t)),    c_t = sum of a_t regions
        p(y_t) = softmax(W tanh(C c_t + D h_t))

    Document 003, step S252: log p(y_t | y_<t, I) = f(h_t, c_t), in the form of
    Lu et al. 2017, "Knowing When to Look", section 2.1.

    Args:
        num_regions: N.
        num_rows: K.
        settings: of the captioner's variant.

    Returns:
        `keras.Model` from (regions [B, N, C], words int [B, T], each the word
        before) to float32 logits [B, T, K].
    """
    width = settings["hidden_width"]
    regions = keras.Input(
        (num_regions, settings["feature_width"]), name="regions"
    )
    words = keras.Input((None,), dtype="int32", name="words")
    vector = layers.GlobalAveragePooling1D()(regions)  # V
    seen = layers.Dense(width, activation="relu", name="seen")(vector)
    embedded = layers.Embedding(
        num_rows, settings["word_width"], name="embedding"
    )(words)
    states = layers.LSTM(width, return_sequences=True, name="lstm")(
        Beside()([embedded, seen]),
        initial_state=[
            layers.Dense(width, activation="tanh", name=name)(vector)
            for name in ("first_h", "first_m")
        ],
    )
    keys = layers.Dense(width, use_bias=False, name="keys")(regions)
    queries = layers.Dense(width, name="query")(states)
    attention = layers.AdditiveAttention(name="attention")
    context = attention([queries, regions, keys])  # c_t
    x = layers.Dense(width, name="of_context")(context)
    x = ops.tanh(x + layers.Dense(width, name="of_state")(states))
    x = layers.Dropout(settings["dropout"])(x)
    logits = layers.Dense(num_rows, dtype="float32", name="logits")(x)
    return keras.Model([regions, words], logits, name="decoder")


@keras.saving.register_keras_serializable("keras_t2i")
class Beside(layers.Layer):
    """Puts a vector [B, C] beside every word [B, T, W]: [B, T, W + C]."""

    def call(self, inputs):
        words, vector = inputs
        shape = (ops.shape(words)[0], ops.shape(words)[1], vector.shape[-1])
        vector = ops.broadcast_to(vector[:, None], shape)
        return ops.concatenate([words, vector], axis=-1)

    def compute_output_shape(self, input_shape):
        words, vector = input_shape
        return (*words[:2], words[2] + vector[1])


@keras.saving.register_keras_serializable("keras_t2i")
class LatentFusion(layers.Layer):
    """Moves a latent by what a text says (document 003, step S23).

    The argument of the document's w' = tanh(.) is lost. With the latent x, the
    code f of the text and a bias b that starts at zero, it is here

        "add":     tanh(x + f + b)
        "affine":  tanh(x f + b)

    in Z, where the document feeds its mapping network. In W, tanh bounds the
    way and not the place, each style has a part of its own, and w is measured
    from its mean along the principal axes A of all w, in standard deviations
    s, u = (w - mean) A / s:

        "add":     w' = w + 2 s (tanh(u + P f + b) - tanh(u + b)) A'
        "affine":  w' = w + 2 s tanh(u P f + b) A'

    so that in the first form a text that says nothing changes nothing, and
    what faces differ in among each other is what texts move first. A long way
    where w hardly varies draws what convinces judges and no eye.

    Args:
        fusion: "add" or "affine".
        latent_space: "z" or "w".

    Inputs: latents [B, Z] ("z") or [B, L, Z] ("w"), and codes [B, F], where F
    = Z in "z". Output: as the latents.
    """

    def __init__(self, fusion, latent_space, **kwargs):
        super().__init__(**kwargs)
        self.fusion = fusion
        self.latent_space = latent_space

    def build(self, latents_shape, codes_shape):
        width = latents_shape[-1]
        self.bias = self.add_weight(
            shape=(width,), initializer="zeros", name="bias"
        )
        if self.latent_space == "w":
            self.projection = self.add_weight(
                shape=(codes_shape[-1], latents_shape[1], width),
                initializer=keras.initializers.RandomNormal(
                    stddev=0.1 * codes_shape[-1] ** -0.5
                ),
                name="projection",
            )
            self.mean = self.add_weight(
                shape=(width,),
                initializer="zeros",
                trainable=False,
                name="mean",
            )
            self.axes = self.add_weight(
                shape=(width, width),
                initializer="identity",
                trainable=False,
                name="axes",
            )
            self.deviation = self.add_weight(
                shape=(width,),
                initializer="ones",
                trainable=False,
                name="deviation",
            )

    def measure(self, w):
        """Takes mean, axes and standard deviations of styles w [N, Z], in W."""
        mean, axes, deviation = principal_axes(ops.convert_to_numpy(w))
        self.mean.assign(mean)
        self.axes.assign(axes)
        self.deviation.assign(deviation)

    def place(self, latents):
        """Latents as the distance of an edit is measured: u in W."""
        if self.latent_space == "z":
            return latents
        return ops.matmul(latents - self.mean, self.axes) / self.deviation

    def call(self, latents, codes):
        if self.latent_space == "z":
            if self.fusion == "affine":
                return ops.tanh(latents * codes + self.bias)
            return ops.tanh(latents + codes + self.bias)
        codes = ops.einsum("bf,flz->blz", codes, self.projection)
        place = self.place(latents)
        if self.fusion == "affine":
            way = ops.tanh(place * codes + self.bias)
        else:
            start = place + self.bias
            way = ops.tanh(start + codes) - ops.tanh(start)
        return latents + ops.matmul(
            _REACH * self.deviation * way, ops.transpose(self.axes)
        )

    def compute_output_shape(self, latents_shape, codes_shape):
        return latents_shape

    def get_config(self):
        return {
            **super().get_config(),
            "fusion": self.fusion,
            "latent_space": self.latent_space,
        }
