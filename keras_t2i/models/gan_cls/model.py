"""GAN-CLS: generative adversarial text to image synthesis.

Reed, Akata, Yan, Logeswaran, Schiele, Lee: "Generative Adversarial Text to
Image Synthesis", ICML 2016.
"""

import keras
import numpy as np
from keras import ops

from keras_t2i.layers import ProjectionHead
from keras_t2i.layers import compact_trunk
from keras_t2i.losses import gan_cls_discriminator_loss
from keras_t2i.losses import gan_cls_generator_loss
from keras_t2i.losses import gan_cls_matrix_discriminator_loss
from keras_t2i.losses import gan_discriminator_loss
from keras_t2i.losses import mode_seeking_loss
from keras_t2i.losses import other_class
from keras_t2i.losses import twice
from keras_t2i.losses import wrong_partners
from keras_t2i.models.gan_cls import networks
from keras_t2i.models.gan_cls import objective
from keras_t2i.models.gan_cls import style
from keras_t2i.models.gan_cls.variants import VARIANTS
from keras_t2i.models.gan_cls.variants import check
from keras_t2i.models.text_to_image import TextToImageModel
from keras_t2i.models.text_to_image import as_captions
from keras_t2i.text import TextFeatures
from keras_t2i.training.early_warnings import spread
from keras_t2i.training.ema import start_average


@keras.saving.register_keras_serializable("keras_t2i")
class GANCLS(style.StyleTransfer, TextToImageModel):
    """Text to image by a matching-aware discriminator.

    The discriminator sees three kinds of pairs: real picture and its caption,
    real picture and a caption of another class, generated picture and the
    caption that it shows. So it judges whether the words fit, and not only
    whether the picture looks real. With `interpolate=True` the
    generator also draws captions halfway between two of the batch (GAN-INT).

    Args:
        image_size: height and width in pixels: 16, 32, 64, ... None takes it
            from the first dataset.
        variant: named settings: "default" makes the best pictures for the
            time, "reed2016" is the paper with its code, "note" the reading
            note (joint at 2 x 2, every discriminator layer normalised),
            "shapes" is narrow and made for `keras_t2i.data.shapes`.
        text_encoder: `keras_t2i.text.TextEncoder`, a name or handle that
            `keras_t2i.text.get` takes, or None for the variant's: the
            embedded MiniLM, and "bag_of_ngrams" for "shapes".
        **settings: any setting of the variant, to change it:

            - `architecture`: "compact" or "reed2016"; `latent_width`,
              `text_width`, `generator_width`, `discriminator_width`;
              `joint_size` (4 or 2) and `normalize_first` for "reed2016".
            - `cls_weight`: weight of wrong pairs in [0, 1), 0 for a plain
              GAN; `wrong_pairs`: "image" (a real picture of another class),
              "text" (a caption of another class), or "all" (all pairs of the
              batch at once; "compact" only).
            - `realism_weight`: weight of a second judgement that does not
              see the words ("compact" only), 0 for none.
            - `coarse_weight`: weight of a judgement of the picture at a quarter
              of its size, without the words, which keeps its large shapes in
              order ("compact" only), 0 for none.
            - `text_noise`: length of Gaussian noise added to each sentence
              in training, beside unit length. It fills the space between the
              captions of the data, so that a user's own wording lies in it.
            - `mode_seeking_weight`: of the term that makes pictures of one
              caption differ as their latents do; half of the captions of a
              batch are then drawn twice.
            - `matching_warmup_steps`: steps in which only realism is trained.
            - `interpolate`, `interpolation_beta`: GAN-INT.
            - `learning_rate`, `beta_1` of Adam; the rate halves every
              `learning_rate_halving_steps` (0: never); `updates`, `ema_decay`,
              `augment`, `r1_weight`, `r1_interval`, `seed` as in
              `keras_t2i.training.AdversarialModel`.

    Example:

    ```python
    train = keras_t2i.data.load("flowers/", image_size=64, batch_size=64)
    model = keras_t2i.models.GANCLS()
    model.fit(train, epochs=100)
    model.generate("a yellow flower with round petals", seed=7)
    ```
    """

    variants = VARIANTS
    check_settings = staticmethod(check)

    def optimizers(self):
        s = self.settings
        return {
            name: keras.optimizers.Adam(_learning_rate(s), beta_1=s["beta_1"])
            for name in ("discriminator", "generator")
        }

    # Networks.

    def build_networks(self):
        s = self.settings
        sentence_width = self.text_encoder.sentence_width
        make = (
            networks.compact_generator
            if s["architecture"] == "compact"
            else networks.reed2016_generator
        )
        arguments = (
            self.image_size,
            self.latent_width,
            sentence_width,
            s["generator_width"],
            s["text_width"],
        )
        self.generator = make(*arguments)
        self.generator_ema = make(*arguments)
        start_average(self.generator_ema, self.generator)
        if s["architecture"] == "compact":
            self.trunk = compact_trunk(
                self.image_size, s["discriminator_width"]
            )
            self.head = ProjectionHead()
            self.head.build([self.trunk.output_shape, (None, sentence_width)])
            if s["coarse_weight"]:
                self.coarse = networks.coarse_discriminator(
                    self.image_size, s["discriminator_width"]
                )
        else:
            self.trunk = networks.reed2016_trunk(
                self.image_size,
                s["discriminator_width"],
                s["joint_size"],
                s["normalize_first"],
            )
            self.head = networks.concatenation_head(
                self.trunk.output_shape[1:], sentence_width, s["text_width"]
            )

    def networks(self):
        discriminator = [self.trunk, self.head]
        if self.settings["coarse_weight"]:
            discriminator.append(self.coarse)
        if not self.text_encoder.frozen:
            # End to end: text is learnt where right and wrong pairs differ.
            discriminator.append(self.text_encoder)
        # The paper's order: the discriminator moves first.
        return {"discriminator": discriminator, "generator": [self.generator]}

    def averaged(self):
        return [(self.generator, self.generator_ema)]

    # Objective.

    def losses(self, batch):
        s = self.settings
        images = self.augment(batch["images"])
        sentence = self.noisy(batch["features"].sentence)
        real = self.trunk(images, training=True)  # features [B, h, w, C]

        # The generator takes a sentence as it is; D alone trains the encoder.
        given = ops.stop_gradient(sentence)
        asked = twice(given) if s["mode_seeking_weight"] else given
        count = ops.shape(asked)[0]
        if s["interpolate"]:
            between = objective.interpolated_sentences(
                given, s["interpolation_beta"]
            )
            asked = ops.concatenate([asked, between])  # [1.5 B, S]
        latents = self.draw_noise((ops.shape(asked)[0], self.latent_width))
        drawn = self.generator([latents, asked], training=True)
        drawn_spread = spread(drawn)
        generator_loss = 0.0
        if s["mode_seeking_weight"]:
            generator_loss += s["mode_seeking_weight"] * mode_seeking_loss(
                ops.split(drawn[:count], 2), ops.split(latents[:count], 2)
            )
        drawn = self.augment(drawn)
        # D never sees interpolated sentences: nothing real belongs to them.
        # `shown` is what it sees, so that its gradient passes through no more.
        if not s["interpolate"]:
            shown = fake = self.trunk(drawn, training=True)
            shown_logits = fake_logits = self.judge(fake, asked)
        else:
            shown = self.trunk(drawn[:count], training=True)
            if s["architecture"] == "reed2016":
                # As published, one batch for the batch normalisation.
                fake = self.trunk(drawn, training=True)
            else:
                between = self.trunk(drawn[count:], training=True)
                fake = ops.concatenate([shown, between])
            fake_logits = self.judge(fake, asked)
            shown_logits = self.judge(shown, asked[:count])
        weight = self.matching_weight()
        if s["wrong_pairs"] == "all":
            scores = self.head([real, sentence], all_pairs=True, training=True)
            real_logits = ops.diagonal(scores)
            discriminator_loss = gan_cls_matrix_discriminator_loss(
                scores,
                other_class(batch["class_id"]),
                shown_logits,
                weight,
            )
        else:
            real_logits = self.judge(real, sentence)
            discriminator_loss = gan_cls_discriminator_loss(
                real_logits,
                self.judge_wrong(real, sentence, batch["class_id"]),
                shown_logits,
                weight,
            )
        discriminator_loss += self.r1_penalty(
            lambda x: self.judge(self.trunk(x, training=True), sentence), images
        )
        generator_loss += gan_cls_generator_loss(fake_logits)
        if s["realism_weight"]:
            # Words alone are soon pleased by the right color. A judgement
            # without them keeps the drawing honest (as in AttnGAN, section
            # 3.2, where the two stand side by side).
            discriminator_loss += s["realism_weight"] * gan_discriminator_loss(
                self.judge(real, None), self.judge(shown, None)
            )
            generator_loss += s["realism_weight"] * gan_cls_generator_loss(
                self.judge(fake, None)
            )
        if s["coarse_weight"]:
            # At full size textures tell drawn from real, and shapes go astray.
            coarse_fake = self.coarse(drawn, training=True)
            discriminator_loss += s["coarse_weight"] * gan_discriminator_loss(
                self.coarse(images, training=True), coarse_fake[:count]
            )
            discriminator_loss += self.r1_penalty(
                lambda x: self.coarse(x, training=True), images
            )
            generator_loss += s["coarse_weight"] * gan_cls_generator_loss(
                coarse_fake
            )
        logs = {
            "real_logit": ops.mean(real_logits),
            "fake_logit": ops.mean(fake_logits),
            "drawn_spread": drawn_spread,
        }
        return {
            "discriminator": discriminator_loss,
            "generator": generator_loss,
        }, logs

    def judge(self, features, sentence):
        """Logits [B] of trunk features with sentences, row by row."""
        return self.head([features, sentence], training=True)

    def judge_wrong(self, real, sentence, class_id):
        """Real pictures with captions of another class: (logits, weights)."""
        partner, exists = wrong_partners(class_id, self.seed_generator)
        if self.settings["wrong_pairs"] == "image":
            return self.judge(ops.take(real, partner, axis=0), sentence), exists
        return self.judge(real, ops.take(sentence, partner, axis=0)), exists

    def matching_weight(self):
        """`cls_weight`, or 0 while only realism is trained."""
        weight = self.settings["cls_weight"]
        warmup = self.settings["matching_warmup_steps"]
        if not warmup:
            return weight
        started = ops.greater_equal(self.optimizer.iterations, warmup)
        return weight * ops.cast(started, "float32")

    # Use.

    def synthesize(self, latents, features, training=False):
        sentence = features.sentence
        if training:
            # Statistics of what the weights were trained on.
            sentence = self.noisy(sentence)
        return self.generator_ema([latents, sentence], training=training)

    def interpolate(self, start, end, steps=8, seed=0, end_seed=None):
        """Pictures on the way from one caption to another.

        The sentences are mixed linearly (Reed et al. 2016, section 5.3). The
        latents stay, unless `end_seed` asks to move them too, on the sphere:
        the middle of two Gaussian draws is shorter than either.

        Args:
            start, end: captions. Equal captions and an `end_seed` show what
                the noise alone does.
            steps: number of pictures, at least 2; both ends are among them.
            seed: latents of the start.
            end_seed: latents of the end; None keeps those of the start.

        Returns:
            uint8 NumPy array [steps, H, W, 3], a strip.

        Raises:
            ValueError: for fewer than two steps or an empty caption.
        """
        if steps < 2:
            raise ValueError(f"`steps` must be at least 2. Received: {steps}")
        encoded = self.text_encoder.encode(as_captions([start, end])).sentence
        position = np.linspace(0.0, 1.0, steps, dtype="float32")[:, None]
        sentence = (1.0 - position) * encoded[:1] + position * encoded[1:]
        first = self.latents_for(1, seed)
        last = first if end_seed is None else self.latents_for(1, end_seed)
        latents = _spherical(first, last, position)
        return self.draw(latents, TextFeatures(sentence, None, None))

    # Presets.

    def preset_networks(self):
        networks = {"generator": self.generator_ema}
        # A frozen one may have been trained before, alone.
        if self.text_encoder.weights:
            networks["text_encoder"] = self.text_encoder
        if self.style_encoder is not None:
            networks["style_encoder"] = self.style_encoder
        return networks

    def prepare_for_weights(self, names):
        if "style_encoder" in names:
            self.make_style_encoder()


def _learning_rate(settings):
    if not settings["learning_rate_halving_steps"]:
        return settings["learning_rate"]
    return keras.optimizers.schedules.ExponentialDecay(
        settings["learning_rate"],
        settings["learning_rate_halving_steps"],
        decay_rate=0.5,
        staircase=True,
    )


def _spherical(first, last, position):
    """Spherical interpolation between two latents [1, Z] at [N, 1]."""
    # The angle of a latent with itself would not be 0 in float32.
    first, last = first.astype("float64"), last.astype("float64")
    cosine = np.sum(first * last) / (
        np.linalg.norm(first) * np.linalg.norm(last)
    )
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    if angle < 1e-4:
        return np.repeat(first, len(position), axis=0).astype("float32")
    mixed = np.sin((1.0 - position) * angle) * first
    mixed += np.sin(position * angle) * last
    return (mixed / np.sin(angle)).astype("float32")
