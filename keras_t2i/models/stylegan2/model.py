"""StyleGAN2: pictures of one kind, such as faces, from noise.

Karras et al. 2020, "Analyzing and improving the image quality of StyleGAN".
"""

import keras
import numpy as np
from keras import ops

from keras_t2i.data import Batches
from keras_t2i.losses import binary_cross_entropy
from keras_t2i.losses import gan_discriminator_loss
from keras_t2i.models.drawing import batches_of
from keras_t2i.models.drawing import latents_and_truncation
from keras_t2i.models.preset_model import PresetModel
from keras_t2i.models.settings import check_whole_numbers
from keras_t2i.models.stylegan2 import networks
from keras_t2i.models.stylegan2 import nvlabs
from keras_t2i.models.stylegan2 import objective
from keras_t2i.models.stylegan2.variants import VARIANTS
from keras_t2i.models.stylegan2.variants import check
from keras_t2i.training import backend
from keras_t2i.training.early_warnings import spread
from keras_t2i.training.ema import start_average
from keras_t2i.training.gradients import input_gradient
from keras_t2i.training.latents import row_latents

# Rate at which the mean of w follows the averaged mapping.
_MEAN_RATE = 0.05
# Noise pictures of `generate`: always the same, so that only w decides.
_NOISE_SEED = 2020


@keras.saving.register_keras_serializable("keras_t2i")
class StyleGAN2(PresetModel):
    """Draws pictures from noise, with styles that can be mixed.

    A mapping network turns latents z into w, which is less entangled; each
    convolution of the synthesis network takes its style from a w, and adds
    noise of its own for what is left to chance. Captions are not used.

    Args:
        image_size: height and width in pixels, a power of two from 8 up; None
            takes it from the first dataset.
        variant: named settings: "default" makes the best pictures for the
            time on a CPU, "efficient" is for phones, "stylegan2" is
            configuration F of the paper.
        **settings: any setting of the variant, to change it:

            - `latent_width` of z and w; `mapping_layers`, and
              `mapping_rate`, their learning rate beside that of others.
            - `generator_channels`, `discriminator_channels`: a map of r x r
              has that over r channels, and at most `max_channels`.
            - `separable`: convolutions over space and channels apart, and
              bilinear doubling instead of transposed convolution.
            - `style_mixing`: share of pictures drawn from two latents.
            - `path_length_weight`, `path_length_interval` (steps between two
              penalties), `path_length_decay` (rate of the mean length).
            - `learning_rate`, `beta_1`, `beta_2` of Adam; `updates`,
              `ema_decay`, `augment`, `r1_weight`, `r1_interval`, `seed` as in
              `keras_t2i.training.AdversarialModel`.

    Example:

    ```python
    faces = keras_t2i.data.load("faces/", image_size=64, batch_size=32)
    model = keras_t2i.models.StyleGAN2()
    model.fit(faces, epochs=50)
    model.generate(16, seed=7, truncation=0.7)
    ```
    """

    variants = VARIANTS
    check_settings = staticmethod(check)

    def __init__(self, image_size=None, variant="default", **settings):
        super().__init__(image_size, variant, **settings)

    def optimizers(self):
        s = self.settings

        def adam(weight, interval):
            # For a loss that is there at every n-th step only (Karras et al.
            # 2020, appendix B).
            share = interval / (interval + 1.0) if weight else 1.0
            return keras.optimizers.Adam(
                s["learning_rate"] * share,
                beta_1=s["beta_1"] ** share,
                beta_2=s["beta_2"] ** share,
                epsilon=1e-8,
            )

        return {
            "discriminator": adam(s["r1_weight"], s["r1_interval"]),
            "generator": adam(
                s["path_length_weight"], s["path_length_interval"]
            ),
        }

    # Networks.

    def build_networks(self):
        s = self.settings
        self.mapping, self.mapping_ema = [networks.mapping(s) for _ in "ab"]
        self.synthesis, self.synthesis_ema = [
            networks.synthesis(self.image_size, s) for _ in "ab"
        ]
        for network, average in self.averaged():
            start_average(average, network)
        self.discriminator = networks.discriminator(self.image_size, s)
        self.means = Means(s["latent_width"])
        self.means.build()
        self.noise = [
            row_latents(_NOISE_SEED, [number], int(np.prod(shape))).reshape(
                1, *shape
            )
            for number, shape in enumerate(networks.noise_shapes(self.image_size))
        ]

    def networks(self):
        return {
            "discriminator": [self.discriminator],
            "generator": [self.mapping, self.synthesis],
        }

    def averaged(self):
        return [
            (self.mapping, self.mapping_ema),
            (self.synthesis, self.synthesis_ema),
        ]

    @property
    def num_styles(self):
        """L: styles of one picture, from coarse to fine."""
        return networks.num_styles(self.image_size)

    @classmethod
    def from_nvlabs(cls, path):
        """A model with the averaged generator of a published network pickle.

        Files of stylegan2-ada-pytorch, of stylegan3 in its configuration
        stylegan2, and of the TensorFlow code before them are read, unless
        they take labels. Nothing in the file is run: its arrays are found by
        a reader that knows numbers and refuses all else. What the file may be
        used for is said by those who publish it.

        Two things are ours: the noise pictures that `generate` holds, and
        float32 throughout, so that values are not bounded as float16 needs.
        The discriminator starts anew.

        Args:
            path: of the `.pkl` file.

        Returns:
            `StyleGAN2` of variant "stylegan2", ready to `generate`, and to
            save as a preset.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is damaged or unsafe, or holds another network.
        """
        return nvlabs.load(cls, path)

    # Training.

    def fit(self, x=None, y=None, batch_size=None, epochs=1, **kwargs):
        """Trains on pictures. Arguments beyond these are Keras's.

        Args:
            x: uint8 [N, H, W, 3]; a `tf.data.Dataset` of batches of such
                pictures; or what text-to-image models take, whose captions
                are not used.
            y: uint8 [N, H, W, 3], with captions in `x`.
            batch_size: for arrays; default 64.
            epochs: passes over the data.

        Returns:
            `keras.callbacks.History`.

        Raises:
            ValueError: if the data has another form or picture size.
        """
        if hasattr(x, "element_spec"):
            x = backend.pipeline().with_empty_captions(x)
        elif y is None and not isinstance(x, (Batches, type(None))):
            x, y = [""] * len(x), x
        return super().fit(x, y, batch_size, epochs, **kwargs)

    # Objective.

    def losses(self, batch):
        # Phase 1: pictures are drawn, and judged beside real ones.
        real = self.augment(batch["images"])
        count = ops.shape(real)[0]
        w = self.styles_of_noise(count)
        noise = [
            self.draw_noise((count, *shape))
            for shape in networks.noise_shapes(self.image_size)
        ]
        drawn = self.synthesis([w, *noise], training=True)
        real_logits = self.discriminator(real, training=True)
        fake_logits = self.discriminator(self.augment(drawn), training=True)
        discriminator_loss = gan_discriminator_loss(real_logits, fake_logits)
        generator_loss = ops.mean(binary_cross_entropy(fake_logits, 1.0))
        # Phase 2: R1 for the discriminator.
        discriminator_loss += self.r1_penalty(
            lambda x: self.discriminator(x, training=True), real
        )
        # Phase 3: path length for the generator.
        generator_loss += self.path_length_penalty(w, noise)
        logs = {
            "real_logit": ops.mean(real_logits),
            "fake_logit": ops.mean(fake_logits),
            "drawn_spread": spread(drawn),
            "path_length": ops.copy(self.means.path_length),
        }
        return {
            "discriminator": discriminator_loss,
            "generator": generator_loss,
        }, logs

    def styles_of_noise(self, count):
        """w [count, L, Z] of new latents, some mixed of two."""
        shape = (count, self.settings["latent_width"])
        first = self._repeated(self.mapping(self.draw_noise(shape)))
        if not self.settings["style_mixing"]:
            return first
        second = self._repeated(self.mapping(self.draw_noise(shape)))
        mixes, at = [
            keras.random.uniform((count,), seed=self.seed_generator)
            for _ in "ab"
        ]
        at = 1 + ops.cast(at * (self.num_styles - 1), "int32")
        whole = ops.full_like(at, self.num_styles)
        at = ops.where(mixes < self.settings["style_mixing"], at, whole)
        return objective.mixed_styles(first, second, at)

    def path_length_penalty(self, w, noise):
        """Lazy: at every `path_length_interval`-th step, on half a batch.

        Args:
            w, noise: what the pictures of this step were drawn from.

        Returns:
            Scalar, already multiplied by the interval; 0 between.
        """
        s = self.settings
        if not s["path_length_weight"]:
            return 0.0
        half = (ops.shape(w)[0] + 1) // 2
        w, noise = w[:half], [each[:half] for each in noise]
        # Drawn here: the state of the seed must not change in a branch.
        size = self.image_size
        y = self.draw_noise((half, size, size, 3)) / float(size)
        mean = ops.convert_to_tensor(self.means.path_length)

        def penalty():
            gradients = input_gradient(
                lambda w: y * self.synthesis([w, *noise], training=True), w
            )
            lengths = objective.path_lengths(ops.cast(gradients, "float32"))
            found = ops.stop_gradient(ops.mean(lengths))
            target = mean + s["path_length_decay"] * (found - mean)
            scale = s["path_length_weight"] * s["path_length_interval"]
            return scale * objective.path_length_loss(lengths, target), target

        due = ops.equal(
            self.optimizer.iterations % s["path_length_interval"], 0
        )
        loss, target = ops.cond(
            due, penalty, lambda: (ops.zeros((), "float32"), mean)
        )
        self.means.path_length.assign(target)
        return loss

    def refresh_averages(self, batch):
        # The mean of w, which truncation draws to, is that of the average.
        count = ops.shape(batch["images"])[0]
        z = self.draw_noise((count, self.settings["latent_width"]))
        w, mean = ops.mean(self.mapping_ema(z), axis=0), self.means.w
        mean.assign(mean + _MEAN_RATE * (w - mean))

    def _repeated(self, w):
        return ops.repeat(w[:, None], self.num_styles, axis=1)

    # Use.

    def call(self, inputs, training=False):
        """Float pictures [B, H, W, 3] in [-1, 1] of latents z [B, Z]."""
        return self.synthesize(self._repeated(self.mapping_ema(inputs)))

    def synthesize(self, w):
        """Float pictures of styles w [B, L, Z], with the noise held."""
        # Keras takes no mixture of arrays and tensors.
        inputs = [ops.convert_to_tensor(each) for each in (w, *self.noise)]
        return self.synthesis_ema(inputs, training=False)

    def styles_for(self, count, seed=None, truncation=None):
        """w of `generate`.

        Args:
            count, seed, truncation: as in `generate`.

        Returns:
            float32 NumPy array [count, L, Z].
        """
        self.check_built()
        z, scale = latents_and_truncation(
            count, self.settings["latent_width"], seed, truncation
        )
        return np.asarray(self.styles(z, scale))

    def styles(self, z, truncation):
        """Styles w [B, L, Z] of latents.

        Args:
            z: [B, Z].
            truncation: a number, or [B, 1]; see `generate`.
        """
        w, mean = self.mapping_ema(z), ops.convert_to_tensor(self.means.w)
        return self._repeated(mean + truncation * (w - mean))

    def generate(
        self, num_images=1, seed=None, truncation=None, batch_size=None
    ):
        """Draws pictures.

        Args:
            num_images: how many.
            seed: integer. The same seed gives the same bytes; picture i
                depends on (seed, i) alone. None draws a new one.
            truncation: in (0, 1]; below 1 styles are drawn to their mean:
                more typical, less varied (Karras et al. 2019, section 2).
                None means 1.
            batch_size: pictures drawn at once; default 64.

        Returns:
            uint8 NumPy array [num_images, H, W, 3].

        Raises:
            ValueError: for a number out of its range, or a model that was
                neither trained nor loaded.
        """
        check_whole_numbers({"num_images": num_images}, {"num_images": 1})
        return self.draw(
            self.styles_for(num_images, seed, truncation), batch_size
        )

    def draw(self, w, batch_size=None):
        """Pictures of styles.

        Args:
            w: [N, L, Z], such as `styles_for` gives.
            batch_size: pictures drawn at once; default 64.

        Returns:
            uint8 NumPy array [N, H, W, 3].
        """
        self.check_built()
        w = np.asarray(w, "float32")
        expected = (self.num_styles, self.settings["latent_width"])
        if w.ndim != 3 or w.shape[1:] != expected:
            raise ValueError(
                f"Styles must be [N, {expected[0]}, {expected[1]}]. "
                f"Received: {list(w.shape)}"
            )
        parts = [
            np.asarray(self._draw_batch(w[part]))
            for part in batches_of(len(w), batch_size)
        ]
        return np.concatenate(parts)

    def mix_styles(self, coarse, fine, crossover=None, truncation=None):
        """Shape of one picture with the colors of another.

        Args:
            coarse: M integers, seeds of the pictures (each the first of its
                seed) that give the styles of the coarse layers.
            fine: N seeds, of the others.
            crossover: how many layers are coarse, from 0 to L; default half.
            truncation: as in `generate`.

        Returns:
            uint8 NumPy array [M * N, H, W, 3], row by row of `coarse`.

        Raises:
            ValueError: for a crossover out of its range.
        """
        self.check_built()
        crossover = self.num_styles // 2 if crossover is None else crossover
        if not 0 <= crossover <= self.num_styles:
            raise ValueError(
                f"`crossover` must lie in [0, {self.num_styles}]. "
                f"Received: {crossover}"
            )
        first, second = [
            np.concatenate([self.styles_for(1, seed, truncation) for seed in some])
            for some in (coarse, fine)
        ]
        mixed = np.repeat(first, len(second), axis=0)
        mixed[:, crossover:] = np.tile(second, (len(first), 1, 1))[:, crossover:]
        return self.draw(mixed)

    def interpolate(self, seeds, steps=8, truncation=None, closed=False):
        """Pictures on the way from one to the next, straight in w.

        Args:
            seeds: at least two seeds, of the pictures passed through.
            steps: pictures from one to the next.
            truncation: as in `generate`.
            closed: True goes on to the first again, as a GIF wants it.

        Returns:
            uint8 NumPy array [N, H, W, 3]: a strip, or frames for
            `keras_t2i.pictures.save_gif`.

        Raises:
            ValueError: for fewer than two seeds or one step.
        """
        if len(seeds) < 2 or steps < 1:
            raise ValueError(
                "Give at least two seeds and one step. Received: "
                f"seeds={seeds!r}, steps={steps}"
            )
        w = np.concatenate([self.styles_for(1, s, truncation) for s in seeds])
        following = np.roll(w, -1, axis=0)
        if not closed:
            w, following, last = w[:-1], following[:-1], w[-1:]
        share = np.linspace(0.0, 1.0, steps, endpoint=False, dtype="float32")
        share = share[None, :, None, None]
        path = w[:, None] + share * (following - w)[:, None]
        path = path.reshape(-1, *w.shape[1:])
        return self.draw(path if closed else np.concatenate([path, last]))

    @property
    def _draw_batch(self):
        if self._compiled_draw is None:

            def draw(w):
                return self.to_uint8(self.synthesize(w))

            self._compiled_draw = backend.compiled(draw, self)
        return self._compiled_draw

    _compiled_draw = None

    # Presets.

    def preset_networks(self):
        return {
            "mapping": self.mapping_ema,
            "synthesis": self.synthesis_ema,
            "means": self.means,
        }


@keras.saving.register_keras_serializable("keras_t2i")
class Means(keras.layers.Layer):
    """What training keeps: the mean of w [Z] and of the path lengths."""

    def __init__(self, width, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.width = width

    def build(self, input_shape=None):
        self.w = self.add_weight(
            shape=(self.width,), initializer="zeros", trainable=False, name="w"
        )
        self.path_length = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="path_length"
        )
        self.built = True
