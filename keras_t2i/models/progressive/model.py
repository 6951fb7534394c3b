"""ProgressiveT2I: noise, then the sentence, then the words.

Patent CN113781598B, "Image generation method, device and storage medium", and
the code of its authors, GR-GAN (Yang, Liu, Zhang: "GR-GAN: Gradual Refinement
Text-to-Image Generation", ICME 2022).
"""

import os

import keras
import numpy as np
from keras import ops
from keras.src.saving import serialization_lib

from keras_t2i import pictures
from keras_t2i import text as text_lib
from keras_t2i.losses import conditioning_kl_loss
from keras_t2i.losses import gan_cls_discriminator_loss
from keras_t2i.losses import gan_cls_generator_loss
from keras_t2i.losses import gan_cls_matrix_discriminator_loss
from keras_t2i.losses import gan_discriminator_loss
from keras_t2i.losses import other_class
from keras_t2i.losses import wrong_partners
from keras_t2i.models.matching.model import ImageTextMatcher
from keras_t2i.models.progressive import networks
from keras_t2i.models.progressive import objective
from keras_t2i.models.progressive.variants import MATCHERS
from keras_t2i.models.progressive.variants import VARIANTS
from keras_t2i.models.progressive.variants import check
from keras_t2i.models.text_to_image import TextToImageModel
from keras_t2i.models.text_to_image import as_captions
from keras_t2i.text import TextFeatures
from keras_t2i.training import backend
from keras_t2i.training.early_warnings import spread
from keras_t2i.training.ema import start_average
from keras_t2i.training.part import Followers

# A new matcher looks at pictures of the second stage's size, where that lies
# within these.
_MATCHER_SIZES = (32, 64)


@keras.saving.register_keras_serializable("keras_t2i")
class ProgressiveT2I(TextToImageModel):
    """Text to image in three steps: from noise, by the sentence, by the words.

    The first sub-network draws a small picture from noise alone; the second
    one refines it to twice the size by the sentence, the third one again by
    the single words. Each has a discriminator of its own, and an image-text
    matcher that stays as it is tells the second and the third how well their
    pictures show the text. Each sub-network is moved by its own losses only.

    Args:
        image_size: height and width of the last picture in pixels, a multiple
            of 4 from 16 up; the stages have a quarter, a half and the whole
            of it. None takes it from the first dataset.
        variant: named settings: "default" makes the best pictures for the
            time, "patent" is the document as it is written, "gr_gan" the code
            of its authors, "shapes" is narrow and made for
            `keras_t2i.data.shapes`.
        text_encoder: `keras_t2i.text.TextEncoder`, a name or handle that
            `keras_t2i.text.get` takes, or None for the matcher's or the
            variant's.
        matcher: a trained `ImageTextMatcher`, or the name or folder of a
            preset with one; its text encoder is then the model's too. None
            trains a new one on the data when `fit` is first called; a dict
            gives the new one's arguments, such as `{"image_size": 32}`.
        **settings: any setting of the variant, to change it:

            - `stage1_condition`: True also gives stage 1 the sentence, through
              conditioning augmentation of `condition_width`, with a divergence
              loss of `kl_weight`.
            - `stage1_up_samplings`: doublings from the reshaped noise to the
              first picture, 3 in the document; None starts at 4 x 4.
            - `stage_gradients`: "isolated", each stage by its own loss, or
              "joint".
            - `fusion` of text and picture: "memory" (DM-GAN) or "attention"
              (AttnGAN).
            - `num_residual`: residual blocks in each of stages 2 and 3.
            - `mismatch_loss`: whether discriminators 2 and 3 also see real
              pictures with captions of other classes.
            - `adversarial_scale` of the generator; `stage2_sentence_weight`,
              `stage3_sentence_weight`, `stage3_word_weight` of the losses that
              the matcher gives.
            - `architecture`: "compact" or "published"; `latent_width`,
              `text_width`, `generator_width`, `discriminator_width`.
            - `num_words`: how many word positions are looked at.
            - `realism_weight`, `text_noise`: as in `GANCLS`.
            - `matcher_steps`: training steps of a matcher that is not given.
            - `optimizer` ("adam" or "adamax"), `learning_rate`, `beta_1`;
              `updates`, `ema_decay`, `augment`, `r1_weight`, `r1_interval`,
              `seed` as in `keras_t2i.training.AdversarialModel`.

    Example:

    ```python
    train = keras_t2i.data.load("flowers/", image_size=64, batch_size=32)
    model = keras_t2i.models.ProgressiveT2I()
    model.fit(train, epochs=50)
    model.generate("a yellow flower", seed=7, return_stages=True)
    ```
    """

    variants = VARIANTS
    check_settings = staticmethod(check)
    uses_words = True

    def __init__(
        self,
        image_size=None,
        variant="default",
        text_encoder=None,
        matcher=None,
        **settings,
    ):
        if isinstance(matcher, (str, os.PathLike)):
            matcher = _matcher_of_preset(matcher)
        _check_matcher(matcher, text_encoder)
        if isinstance(matcher, ImageTextMatcher):
            text_encoder = matcher.text_encoder
        # Networks are made below, after the matcher.
        super().__init__(None, variant, text_encoder, **settings)
        if not isinstance(matcher, ImageTextMatcher):
            given = MATCHERS.get(variant, {}) if matcher is None else matcher
            matcher = ImageTextMatcher(
                text_encoder=self.text_encoder,
                dtype=self.dtype_policy,
                name="matcher",
                **{"seed": self.seed, **given},
            )
        elif matcher.from_weights or matcher.step:
            # It counts as trained, here and in what is saved.
            steps = max(matcher.step, self.settings["matcher_steps"])
            matcher.optimizer.iterations.assign(steps)
        matcher.check_words()
        self.matcher = matcher
        if image_size is not None:
            self.build_for(image_size)

    def optimizers(self):
        s = self.settings
        make = {
            "adam": keras.optimizers.Adam,
            "adamax": keras.optimizers.Adamax,
        }[s["optimizer"]]
        return {
            name: make(s["learning_rate"], beta_1=s["beta_1"])
            for name in ("discriminator", "generator")
        }

    @property
    def latent_width(self):
        """Z, with the noise of the conditioning augmentation."""
        return networks.latent_width(self.settings)

    # Networks.

    def build_networks(self):
        encoder = self.text_encoder
        self.stage_sizes = networks.stage_sizes(self.image_size)
        arguments = (
            self.image_size,
            encoder.sentence_width,
            encoder.word_width,
            self.settings,
        )
        self.generator = networks.generator(*arguments)
        self.generator_ema = networks.generator(*arguments)
        start_average(self.generator_ema, self.generator)
        self.trunks = networks.trunks(self.image_size, self.settings)
        shapes = [trunk.output_shape[1:] for trunk in self.trunks]
        # Stage 1 is judged alone, 2 with the sentence, 3 with the mean word.
        self.heads = [
            networks.realism_head(shapes[0]),
            networks.matching_head(
                shapes[1], encoder.sentence_width, self.settings
            ),
            networks.matching_head(shapes[2], encoder.word_width, self.settings),
        ]
        if not self.matcher.built:
            size = int(np.clip(self.stage_sizes[1], *_MATCHER_SIZES))
            size = min(size, self.image_size)
            self.matcher.build_for(self.matcher.image_size or size)

    def networks(self):
        return {
            "discriminator": [*self.trunks, *self.heads],
            "generator": [self.generator],
        }

    def averaged(self):
        return [(self.generator, self.generator_ema)]

    def preset_networks(self):
        networks = {"generator": self.generator_ema}
        # A frozen one may have been trained before.
        if self.text_encoder.weights:
            networks["text_encoder"] = self.text_encoder
        return networks

    def get_config(self):
        # The matcher is made anew, with the text encoder of the model.
        matcher = {**self.matcher.settings, "image_size": self.matcher.image_size}
        if self.matcher.built:
            # They come with the other weights: nothing to download.
            matcher["backbone_weights"] = None
        return {**super().get_config(), "matcher": matcher}

    # The matcher.

    def all_optimizers(self):
        return [self.optimizer, self.matcher.optimizer]

    def train_before(
        self, x, y, batch_size, callbacks=None, verbose="auto", **kwargs
    ):
        """Trains the matcher on the same data, where it is not trained yet."""
        matcher, pipeline = self.matcher, backend.pipeline()
        done, steps = matcher.step, self.settings["matcher_steps"]
        history = None
        if done < steps:
            # Every step sees what it would see in a run without a stop.
            dataset = pipeline.as_dataset(x, y, batch_size)
            dataset = pipeline.endless(dataset, done)
            matcher.run_eagerly = self.run_eagerly
            history = matcher.fit(
                pipeline.resized(dataset, matcher.image_size),
                steps_per_epoch=steps - done,
                callbacks=[Followers(self, callbacks)],
                verbose=verbose,
            )
            self.stop_training = matcher.stop_training
        if not self.stop_training:
            self.text_encoder.frozen = True
        return history

    # Objective.

    def losses(self, batch):
        s = self.settings
        features = self.shortened(batch["features"])
        class_id = batch["class_id"]
        sentence, words = map(self.noisy, features[:2])
        texts = [None, sentence, objective.mean_word(words, features.mask)]
        latents = self.draw_noise((ops.shape(sentence)[0], self.latent_width))
        drawn = self.generator(
            [latents, sentence, words, features.mask], training=True
        )
        discriminator_loss = generator_loss = 0.0
        logs = {"drawn_spread": spread(drawn["images"][-1])}
        for stage, size in enumerate(self.stage_sizes):
            real = self.augment(objective.resized(batch["images"], size))
            fake = self.augment(drawn["images"][stage])
            d_loss, g_loss, logits = self.adversarial_losses(
                stage, real, fake, texts[stage], class_id
            )
            discriminator_loss += d_loss
            generator_loss += s["adversarial_scale"] * g_loss
            logs[f"stage{stage + 1}_fake"] = g_loss
        # Of the last stage.
        logs["real_logit"], logs["fake_logit"] = map(ops.mean, logits)
        generator_loss += self.matching_losses(
            drawn["images"], features, class_id, logs
        )
        if s["stage1_condition"]:
            generator_loss += s["kl_weight"] * conditioning_kl_loss(
                drawn["mean"], drawn["log_variance"]
            )
        return {
            "discriminator": discriminator_loss,
            "generator": generator_loss,
        }, logs

    def adversarial_losses(self, stage, real, fake, text, class_id):
        """Losses of discriminator and generator in one stage.

        Args:
            stage: 0, 1 or 2.
            real, fake: pictures [B, h, h, 3].
            text: [B, S], or None in the first stage.
            class_id: int [B].

        Returns:
            Two scalars, and the pair of logits [B] of real and drawn pictures.
        """
        s = self.settings
        trunk, head = self.trunks[stage], self.heads[stage]
        real_features = trunk(real, training=True)
        fake_features = trunk(fake, training=True)
        if text is None:
            real_logits = head(real_features, training=True)
            fake_logits = head(fake_features, training=True)
            loss = 0.5 * gan_discriminator_loss(real_logits, fake_logits)
        else:
            fake_logits = head([fake_features, text], training=True)
            loss, real_logits = self.matching_aware_loss(
                head, real_features, fake_logits, text, class_id
            )
        generator_loss = gan_cls_generator_loss(fake_logits)
        logits = real_logits, fake_logits
        if text is not None and s["realism_weight"]:
            # As in GANCLS: words alone are soon pleased by the right color.
            real_alone = head([real_features, None], training=True)
            fake_alone = head([fake_features, None], training=True)
            loss += s["realism_weight"] * gan_discriminator_loss(
                real_alone, fake_alone
            )
            generator_loss += s["realism_weight"] * gan_cls_generator_loss(
                fake_alone
            )

        def judge(pictures):
            features = trunk(pictures, training=True)
            inputs = features if text is None else [features, text]
            return head(inputs, training=True)

        return loss + self.r1_penalty(judge, real), generator_loss, logits

    def matching_aware_loss(self, head, real, fake_logits, text, class_id):
        """BCE(real, 1) + 1/2 [BCE(fake, 0) + BCE(wrong, 0)], or plain.

        Without wrong pairs it is 1/2 [BCE(real, 1) + BCE(fake, 0)], as the
        document has it.

        Returns:
            Scalar, and the logits [B] of real pictures.
        """
        if self.settings["architecture"] == "compact":
            scores = head([real, text], all_pairs=True, training=True)
            logits = ops.diagonal(scores)
        else:
            logits = head([real, text], training=True)
        if not self.settings["mismatch_loss"]:
            loss = 0.5 * gan_discriminator_loss(logits, fake_logits)
        elif self.settings["architecture"] == "compact":
            loss = gan_cls_matrix_discriminator_loss(
                scores, other_class(class_id), fake_logits
            )
        else:
            # The code takes the next row, whatever its class.
            partner, exists = wrong_partners(class_id, self.seed_generator)
            wrong = head([real, ops.take(text, partner, axis=0)], training=True)
            loss = gan_cls_discriminator_loss(
                logits, (wrong, exists), fake_logits
            )
        return loss, logits

    def matching_losses(self, images, features, class_id, logs):
        """What the matcher says of stages 2 and 3, weighted.

        Stage 2 is told by the sentence, stage 3 by sentence and words, 4 : 1
        (the document, paragraphs 84 to 89 and 107 to 109).
        """
        s, matcher = self.settings, self.matcher
        weights = {
            1: (s["stage2_sentence_weight"], 0.0),
            2: (s["stage3_sentence_weight"], s["stage3_word_weight"]),
        }
        texts = matcher.text_codes(features)
        total = 0.0
        for stage, (sentence_weight, word_weight) in weights.items():
            if not sentence_weight and not word_weight:
                continue
            # Moved and cut it is harder to please with a mere pattern.
            shown = self.augment(images[stage])
            shown = objective.resized(shown, matcher.image_size)
            seen = matcher.image_tower(shown, training=False)
            sentence_loss, word_loss = matcher.matching_losses(
                (*seen, *texts), features.mask, class_id
            )
            total += sentence_weight * sentence_loss
            logs[f"stage{stage + 1}_sentence"] = sentence_loss
            if word_weight:
                total += word_weight * word_loss
                logs[f"stage{stage + 1}_words"] = word_loss
        return total

    @property
    def drawn_words(self):
        """T, how many words of a text `synthesize` reads."""
        return min(self.settings["num_words"], self.text_encoder.max_length)

    def shortened(self, features):
        """The same texts with their first `num_words` words."""
        count = self.settings["num_words"]
        length = features.words.shape[1]
        if length is not None and length <= count:
            return features
        words, mask = features.words[:, :count], features.mask[:, :count]
        return TextFeatures(features.sentence, words, mask)

    def noisy(self, vectors):
        """Texts with `text_noise`."""
        if not self.settings["text_noise"]:
            return vectors
        return objective.with_noise(
            vectors, self.settings["text_noise"], self.seed_generator
        )

    # Use.

    def synthesize(self, latents, features, training=False):
        return self.drawn(latents, features, training)["images"][-1]

    def drawn(self, latents, features, training=False):
        """All that the averaged generator gives, see `networks.generator`."""
        sentence, words, mask = self.shortened(features)
        if training:
            # Statistics of what the weights were trained on.
            sentence, words = self.noisy(sentence), self.noisy(words)
        inputs = [latents, sentence, words, mask]
        return self.generator_ema(inputs, training=training)

    def generate(
        self,
        text,
        seed=None,
        truncation=None,
        num_images=1,
        batch_size=None,
        return_stages=False,
    ):
        """Draws pictures for captions.

        Args:
            text, seed, truncation, num_images, batch_size: as in every
                text-to-image model of the zoo.
            return_stages: True also returns the pictures of the stages before.

        Returns:
            uint8 NumPy array [N * num_images, H, W, 3]; with `return_stages` a
            tuple of three, of a quarter, a half and the whole of the size.

        Raises:
            ValueError: as `TextToImageModel.generate`.
        """
        if not return_stages:
            return super().generate(
                text, seed, truncation, num_images, batch_size
            )
        asked = self.asked(text, seed, truncation, num_images)
        parts = self.in_batches(self._draw_stages, *asked, batch_size)
        return tuple(np.concatenate(stage) for stage in zip(*parts))

    def attention_maps(self, text, seed=None):
        """Shows where in its picture each word of a caption was drawn.

        Args:
            text: one caption.
            seed: of the picture, as in `generate`.

        Returns:
            uint8 NumPy array [T, H, W, 3]: the generated picture once a word,
            dark where the word was not listened to. Words are those of the
            text encoder: word pieces, with its marks of start and end if it
            has them.

        Raises:
            ValueError: for several captions, or a model that was neither
                trained nor loaded.
        """
        self.check_built()
        captions = as_captions(text)
        if len(captions) != 1:
            raise ValueError(
                "Attention maps are of one caption. Received: "
                f"{len(captions)} captions"
            )
        latents, features, _ = self.asked(captions, seed, None, 1)
        drawn = self.drawn(latents, features)
        picture = np.asarray(self.to_uint8(drawn["images"][-1]))[0]
        words = self.shortened(features).mask[0] > 0
        maps = np.moveaxis(np.asarray(drawn["attention"])[0], -1, 0)[words]
        return np.stack([pictures.overlay(picture, each) for each in maps])

    @property
    def _draw_stages(self):
        if self._compiled_stages is None:

            def stages(latents, features):
                images = self.drawn(latents, features)["images"]
                return [self.to_uint8(each) for each in images]

            self._compiled_stages = backend.compiled(stages, self)
        return self._compiled_stages

    _compiled_stages = None


def _matcher_of_preset(name_or_path):
    if serialization_lib.in_safe_mode():
        raise ValueError(
            "The file names a matcher that lies elsewhere, which it must not: "
            f"{str(name_or_path)!r}"
        )
    return ImageTextMatcher.from_preset(name_or_path)


def _check_matcher(matcher, text_encoder):
    if not isinstance(matcher, (ImageTextMatcher, dict, type(None))):
        raise ValueError(
            "`matcher` is an ImageTextMatcher, the name or folder of a preset "
            "with one, a dict with the arguments of a new one, or None. "
            f"Received: {matcher!r}"
        )
    if isinstance(matcher, dict) and "text_encoder" in matcher:
        raise ValueError(
            "A new matcher takes the model's text encoder: give "
            "`text_encoder` beside `matcher`, not in it."
        )
    if isinstance(matcher, ImageTextMatcher) and text_encoder is not None:
        wanted = text_lib.get(text_encoder).fingerprint
        if wanted != matcher.text_encoder.fingerprint:
            raise ValueError(
                "The text encoder is the matcher's: leave out `text_encoder`. "
                f"Received: {text_encoder!r}"
            )
