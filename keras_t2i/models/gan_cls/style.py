"""Style transfer by inverting the generator (Reed et al. 2016, section 4.4)."""

import keras
import numpy as np
from keras import layers

from keras_t2i.models.gan_cls import networks
from keras_t2i.models.text_to_image import as_captions
from keras_t2i.text import TextFeatures
from keras_t2i.training import backend


class StyleTransfer:
    """The part of `GANCLS` that reads the style of a picture.

    The latents hold what the words leave open: pose, background, size. A
    style encoder S that finds them in a picture lets other words be drawn
    in its style.
    """

    # A network once `fit_style_encoder` was called or a preset brought one.
    style_encoder = None

    def fit_style_encoder(
        self, x, steps=2000, batch_size=64, learning_rate=1e-3, **kwargs
    ):
        """Trains the style encoder S that inverts the generator.

        S learns E |z - S(G(z, text))|^2 on pictures that the frozen generator
        draws for the captions (Reed et al. 2016, section 4.4). Calling it
        again goes on with the same S.

        Args:
            x: captions, or a dataset with captions; the pictures of a dataset
                are not used.
            steps: training steps.
            batch_size: pictures a step.
            learning_rate: of Adam, for the first call. The usual 2e-4 with
                beta_1 = 0.5 is much slower.
            **kwargs: for `keras.Model.fit`, such as `callbacks`.

        Returns:
            `keras.callbacks.History`.

        Raises:
            ValueError: for an untrained model or an empty caption.
        """
        self.check_built()
        sentence = self.text_encoder.encode(as_captions(x)).sentence
        if self.style_encoder is None:
            self.make_style_encoder()
        if not self.style_encoder.compiled:
            self.style_encoder.compile(
                keras.optimizers.Adam(learning_rate),
                loss="mse",
                jit_compile="auto" if backend.prefers_xla() else False,
            )
        draw = backend.compiled(self._draw_float, self.generator_ema)
        pairs = DrawnPictures(
            draw,
            sentence,
            self.latent_width,
            batch_size,
            # A second call goes on with new noise.
            start_step=int(self.style_encoder.optimizer.iterations),
        )
        return self.style_encoder.fit(
            pairs, steps_per_epoch=steps, shuffle=False, **kwargs
        )

    def encode_style(self, images):
        """Latents of pictures: pose, background and whatever text leaves open.

        Args:
            images: uint8 [N, H, W, 3], or one picture [H, W, 3], of the
                model's size.

        Returns:
            float32 NumPy array [N, latent_width].

        Raises:
            ValueError: if there is no style encoder, or for another size.
        """
        if self.style_encoder is None:
            raise ValueError(
                "This model has no style encoder yet. Call "
                "`fit_style_encoder(captions)` once after training."
            )
        scaled = self.scaled_pictures(images)
        return np.asarray(self.style_encoder(scaled, training=False))

    def transfer_style(self, style_image, text):
        """Draws a caption in the style of a picture: G(S(picture), text).

        S gives the mean of all latents that could have made the picture,
        which is shorter than any of them; so its estimate is stretched to
        the length sqrt(Z) of the latents that the generator knows.

        Args:
            style_image: uint8 [H, W, 3], or N of them.
            text: one caption for all, or N.

        Returns:
            uint8 NumPy array [N, H, W, 3].
        """
        latents = self.encode_style(style_image)
        length = np.linalg.norm(latents, axis=1, keepdims=True)
        stretch = np.sqrt(self.latent_width) / np.maximum(length, 1e-6)
        latents = (latents * stretch).astype("float32")
        features = self.text_encoder.encode(as_captions(text))
        rows = np.arange(len(latents))
        if len(features.sentence) == 1:
            rows = np.zeros_like(rows)
        elif len(features.sentence) != len(latents):
            raise ValueError(
                "Give one caption for all pictures, or one for each. Received: "
                f"{len(features.sentence)} captions, {len(latents)} pictures"
            )
        return self.draw(latents, features, rows)

    def make_style_encoder(self):
        """Makes S with new weights."""
        with self.own_defaults():
            self.style_encoder = style_encoder(
                self.image_size,
                self.latent_width,
                self.settings["style_encoder_width"],
            )

    def _draw_float(self, latents, sentence):
        return self.synthesize(latents, TextFeatures(sentence, None, None))


def style_encoder(image_size, latent_width, width=64):
    """Picture -> latents, by strided convolutions (methods, section 6.4).

    Returns:
        `keras.Model` from float [B, H, W, 3] in [-1, 1] to float32 [B, Z].
    """
    images = keras.Input((image_size, image_size, 3), name="images")
    x = images
    for index in range(networks.up_samplings(image_size)):
        x = networks.conv(width * min(2**index, 8), 4, 2)(x)
        x = networks.leaky_relu(networks.batch_norm(x) if index else x)
    x = layers.Flatten()(x)
    latents = layers.Dense(latent_width, dtype="float32")(x)
    return keras.Model(images, latents, name="style_encoder")


class DrawnPictures(keras.utils.PyDataset):
    """Endless batches of what a generator draws, with the latents as labels.

    Args:
        draw: callable from (latents [B, Z], sentence [B, S]) to float
            pictures [B, H, W, 3].
        sentence: float32 NumPy array [N, S] of captions.
        latent_width: Z.
        batch_size: B.
        start_step: number of the first batch; a batch depends on its number
            alone.
    """

    # 0.02 of noise on the text, so that S does not read it off the picture.
    _SPREAD = 0.02

    num_batches = None

    def __init__(self, draw, sentence, latent_width, batch_size, start_step=0):
        super().__init__()
        self.draw = draw
        self.sentence = sentence
        self.latent_width = latent_width
        self.batch_size = batch_size
        self.start_step = start_step

    def __getitem__(self, index):
        random = np.random.default_rng(self.start_step + index)
        rows = random.integers(len(self.sentence), size=self.batch_size)
        latents = random.standard_normal((self.batch_size, self.latent_width))
        text = self.sentence[rows]
        text = text + self._SPREAD * random.standard_normal(text.shape)
        latents, text = latents.astype("float32"), text.astype("float32")
        return np.asarray(self.draw(latents, text)), latents
