"""From a photograph to the latents of a generator (document 003, step S31).

A VGG-style encoder guesses the styles w of a picture at once; optimisation
then moves them until the generator draws that picture.
"""

import functools
import math
import types

import keras
import numpy as np
from keras import layers
from keras import ops

from keras_t2i import applications
from keras_t2i.layers import up_samplings
from keras_t2i.models.face_editor.axes import principal_axes
from keras_t2i.models.settings import check_whole_numbers
from keras_t2i.training import backend
from keras_t2i.training.gradients import input_gradient
from keras_t2i.training.model import seeded

# Latents that the mean and the spread of w are measured on.
_SAMPLES = 1024


class PhotoEncoder:
    """Guesses the styles from which a `StyleGAN2` would draw a picture.

    It learns from what the generator itself draws, of which the styles are
    known.

    Args:
        generator: `keras_t2i.models.StyleGAN2` with weights. It stays as it
            is.
        width: channels of the first convolutions.
        seed: of the first weights and of what `fit` draws.

    Example:

    ```python
    encoder = PhotoEncoder(generator)
    encoder.fit(steps=2000)
    generator.draw(encoder.encode(photos))
    ```
    """

    def __init__(self, generator, width=16, seed=0):
        generator.check_built()
        self.generator = generator
        self.width = width
        self.seed = seed
        with generator.own_defaults(), seeded(seed):
            self.network = encoder_network(
                generator.image_size,
                generator.num_styles,
                generator.settings["latent_width"],
                width,
            )
        self.scale = self.network.get_layer("scale")
        self.steps_made = 0

    @property
    def trained(self):
        """Whether `fit` was called, or weights of such an encoder loaded."""
        return bool(np.any(ops.convert_to_numpy(self.scale.mean)))

    def fit(self, steps=2000, batch_size=32, learning_rate=1e-3, **kwargs):
        """Trains on the generator's own pictures. Calling it again goes on.

        The loss is the mean squared error of w, in standard deviations of
        each coordinate.

        Args:
            steps: training steps.
            batch_size: pictures a step.
            learning_rate: of Adam; it falls to 0 along a cosine.
            **kwargs: for `keras.Model.fit`, such as `callbacks`.

        Returns:
            `keras.callbacks.History`.
        """
        if not self.steps_made:
            self.scale.adapt(self.generator)
        rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
        self.network.compile(
            keras.optimizers.Adam(rate),
            loss=self.scale.squared_error,
            jit_compile="auto" if backend.prefers_xla() else False,
        )
        pictures = DrawnStyles(
            self.generator, batch_size, self.seed, self.steps_made
        )
        self.steps_made += steps
        return self.network.fit(
            pictures, steps_per_epoch=steps, shuffle=False, **kwargs
        )

    def encode(self, images, batch_size=64):
        """Styles of pictures.

        Args:
            images: uint8 [B, H, W, 3], or one picture [H, W, 3], of the
                generator's size.
            batch_size: pictures looked at together.

        Returns:
            float32 NumPy array [B, L, Z].

        Raises:
            ValueError: for pictures of another size or type.
        """
        images = self.generator.scaled_pictures(images)
        parts = [
            np.asarray(self.network(images[i : i + batch_size], training=False))
            for i in range(0, len(images), batch_size)
        ]
        return np.concatenate(parts)


def encoder_network(image_size, num_styles, latent_width, width=16):
    """Pairs of 3 x 3 convolutions between poolings, as in VGG, and a head.

    Simonyan and Zisserman 2015, with normalisation, for the sake of few steps.

    Returns:
        `keras.Model` from float [B, H, W, 3] in [-1, 1] to float32 w
        [B, L, Z].
    """
    images = keras.Input((image_size, image_size, 3), name="images")
    x = images
    for index in range(up_samplings(image_size)):
        for _ in "ab":
            x = layers.Conv2D(
                width * min(2**index, 8), 3, padding="same", use_bias=False
            )(x)
            x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
            x = layers.ReLU()(x)
        x = layers.MaxPooling2D(2)(x)
    # Few channels, for the sake of phones that have to load the head.
    x = layers.Conv2D(4 * width, 1)(x)
    x = layers.Flatten()(x)
    # What it learns from is drawn with one w for all layers.
    w = layers.Dense(latent_width, dtype="float32")(x)
    w = layers.RepeatVector(num_styles, dtype="float32")(w)
    w = StyleScale(dtype="float32", name="scale")(w)
    return keras.Model(images, w, name="photo_encoder")


@keras.saving.register_keras_serializable("keras_t2i")
class StyleScale(layers.Layer):
    """Gives standardized styles [B, L, Z] the mean and spread of w."""

    def build(self, input_shape):
        shape = (input_shape[-1],)
        self.mean = self.add_weight(
            shape=shape, initializer="zeros", trainable=False, name="mean"
        )
        self.deviation = self.add_weight(
            shape=shape, initializer="ones", trainable=False, name="deviation"
        )

    def adapt(self, generator):
        """Takes both from the w of a `StyleGAN2`."""
        w = style_samples(generator)
        self.mean.assign(w.mean(axis=0))
        self.deviation.assign(w.std(axis=0) + 1e-6)

    def call(self, inputs):
        return self.mean + self.deviation * inputs

    def squared_error(self, w, found):
        """Mean of ((w - found) / deviation)^2, the loss of an encoder."""
        return ops.mean(ops.square((w - found) / self.deviation), axis=(1, 2))


def style_samples(generator):
    """float32 NumPy array [N, Z]: styles w that stand for all."""
    return generator.styles_for(_SAMPLES, seed=0)[:, 0]


class DrawnStyles(keras.utils.PyDataset):
    """Endless batches of what a generator draws, with w as labels.

    Args:
        generator: `StyleGAN2`.
        batch_size: B.
        seed: whole number.
        start_step: number of the first batch; a batch depends on the seed and
            on its number alone.
    """

    num_batches = None

    def __init__(self, generator, batch_size, seed=0, start_step=0):
        super().__init__()
        self.generator = generator
        self.batch_size = batch_size
        self.seed = seed
        self.start_step = start_step

    def __getitem__(self, index):
        # The first 2^32 seeds are left to users.
        number = (self.seed + 1) * 2**32 + self.start_step + index
        w = self.generator.styles_for(self.batch_size, seed=number)
        pictures = self.generator.draw(w, self.batch_size)
        return pictures.astype("float32") / 127.5 - 1.0, w


def optimize_latents(
    generator,
    features,
    images,
    start=None,
    steps=50,
    learning_rate=0.1,
    pixel_weight=1.0,
    perceptual_weight=1.0,
    spread_weight=0.001,
):
    """Moves styles until the generator draws given pictures.

    For each picture x, Adam lowers

        pixel_weight * mean (G(w) - x)^2
        + perceptual_weight * mean over maps k of |f_k(G(w)) - f_k(x)|^2
        + spread_weight * mean u^2,

    the second by the unit vectors of the maps of a network, as in LPIPS
    (Zhang et al. 2018), the third to stay where the generator was trained:
    u is w along the principal axes of all w, in standard deviations.
    The noise of the generator is held. The same arguments give the same
    result; a picture's does not depend on the others.

    Args:
        generator: `keras_t2i.models.StyleGAN2` with weights.
        features: `keras_t2i.models.FaceFeatures` of the same picture size;
            or the name of a network of `keras.applications`, such as "VGG16",
            with the weights of ImageNet, which Keras downloads unless it has
            them.
        images: uint8 [B, H, W, 3], or one picture [H, W, 3], of the
            generator's size.
        start: w [B, L, Z] to start from, such as `PhotoEncoder.encode` gives;
            None starts from the mean of w.
        steps: how often w is moved; 0 returns `start`.
        learning_rate: of Adam, in u; falls to 0 along a cosine.
        pixel_weight, perceptual_weight, spread_weight: see above.

    Returns:
        float32 NumPy array [B, L, Z].

    Raises:
        ValueError: for pictures or styles of another shape, or steps below 0.
    """
    check_whole_numbers({"steps": steps}, {"steps": 0})
    images = generator.scaled_pictures(images)
    mean, axes, deviation = principal_axes(style_samples(generator))
    shape = (len(images), generator.num_styles, len(mean))
    if start is None:
        start = np.broadcast_to(mean, shape)
    w = np.asarray(start, "float32")
    if w.shape != shape:
        raise ValueError(
            f"`start` must be {list(shape)}, one w for each picture. "
            f"Received: {list(w.shape)}"
        )
    network, step = _compiled_step(
        generator, features, pixel_weight, perceptual_weight, spread_weight
    )
    wanted = network(images, training=False)
    u = (w - mean) @ axes / deviation
    state = [ops.convert_to_tensor(x) for x in (u, 0.0 * u, 0.0 * u)]
    to_w = (axes * deviation).T
    fixed = [ops.convert_to_tensor(x) for x in (mean, to_w, images, *wanted)]
    for number in range(steps):
        rate = learning_rate * 0.5 * (1.0 + math.cos(math.pi * number / steps))
        numbers = [ops.convert_to_tensor(float(x)) for x in (rate, number + 1)]
        state = step(*state, *numbers, *fixed)
    return w + (np.asarray(state[0]) - u) @ to_w


# Compiling takes seconds, and an editor inverts photograph after photograph.
@functools.lru_cache(maxsize=2)
def _compiled_step(
    generator, features, pixel_weight, perceptual_weight, spread_weight
):
    """The network of `perceptual_maps`, and the step of `optimize_latents`."""
    network = perceptual_maps(features, generator.image_size)

    def loss(u, mean, to_w, images, wanted):
        drawn = generator.synthesize(mean + ops.matmul(u, to_w))
        pixels = ops.mean(ops.square(drawn - images), axis=(1, 2, 3))
        # A squared distance of two unit vectors for each place of a map.
        maps = sum(
            ops.mean(ops.sum(ops.square(x - y), axis=3), axis=(1, 2))
            for x, y in zip(network(drawn, training=False), wanted)
        )
        spread = ops.mean(ops.square(u), axis=(1, 2))
        return (
            pixel_weight * pixels
            + perceptual_weight * maps / len(wanted)
            + spread_weight * spread
        )

    def step(u, first, second, rate, number, mean, to_w, images, *wanted):
        gradient = input_gradient(
            lambda u: loss(u, mean, to_w, images, wanted), u
        )
        # Adam (Kingma and Ba 2015, algorithm 1).
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * ops.square(gradient)
        upward = first / (1.0 - ops.power(0.9, number))
        scale = ops.sqrt(second / (1.0 - ops.power(0.999, number))) + 1e-8
        return u - rate * upward / scale, first, second

    read = types.SimpleNamespace(
        variables=[*generator.synthesis_ema.variables, *network.variables]
    )
    return network, backend.compiled(step, read)


def perceptual_maps(features, image_size):
    """A network whose maps are near each other for pictures that look alike.

    Args:
        features: as in `optimize_latents`.
        image_size: height and width of the pictures.

    Returns:
        `keras.Model` from pictures [B, H, W, 3] in [-1, 1] to a list of maps
        [B, h, w, C], in which the vector of every place has length 1.

    Raises:
        ValueError: for features of another picture size, an unknown name, or
            weights that cannot be had.
    """
    if not isinstance(features, str):
        if features.image_size != image_size:
            raise ValueError(
                f"The features are for pictures of {features.image_size} "
                f"pixels, the generator draws {image_size}. Train FaceFeatures "
                f"with `image_size={image_size}`."
            )
        return features.perceptual_network
    network, size, preprocess = applications.load(features)
    by_size = {
        layer.output.shape[1]: layer.output
        for layer in network.layers
        if isinstance(layer, layers.Activation | layers.Conv2D | layers.ReLU)
    }
    images = keras.Input((image_size, image_size, 3))
    x = layers.Resizing(size, size, dtype="float32")(images)
    x = layers.Rescaling(127.5, 127.5, dtype="float32")(x)
    maps = keras.Model(network.input, list(by_size.values()))(preprocess(x))
    maps = [layers.UnitNormalization(dtype="float32")(x) for x in maps]
    return keras.Model(images, maps)
