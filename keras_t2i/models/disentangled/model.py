"""ModalityDisentangledT2I: content follows the text, style the noise.

Patent CN112990302B, "Model training method and apparatus based on text to
image generation, and image generation method", and the code of its authors,
DM-GAN-MDD (Feng, Niu, Li, Wang: "Modality Disentangled Discriminator for
Text-to-Image Synthesis", IEEE Transactions on Multimedia 2021).
"""

import os

import keras
from keras import ops

from keras_t2i import text as text_lib
from keras_t2i.losses import Judgement
from keras_t2i.losses import conditioning_kl_loss
from keras_t2i.losses import content_triplet_loss
from keras_t2i.losses import disentangled_discriminator_loss
from keras_t2i.losses import disentangled_generator_loss
from keras_t2i.losses import other_class
from keras_t2i.losses import style_loss
from keras_t2i.losses import twice
from keras_t2i.models.disentangled import networks
from keras_t2i.models.disentangled import objective
from keras_t2i.models.disentangled.style import StyleControl
from keras_t2i.models.disentangled.variants import VARIANTS
from keras_t2i.models.disentangled.variants import check
from keras_t2i.models.matching.model import ImageTextMatcher
from keras_t2i.models.text_to_image import TextToImageModel
from keras_t2i.training.early_warnings import spread
from keras_t2i.training.ema import start_average


@keras.saving.register_keras_serializable("keras_t2i")
class ModalityDisentangledT2I(StyleControl, TextToImageModel):
    """Text to image with a style that is the user's to choose.

    The image encoder of the discriminator parts what a picture shares with its
    text, the content, from what is the picture's own, the style. Three
    discriminators judge the style, the content beside the text, and both
    together. Two correlations name the parts: the content of a drawn picture
    is that of its text (and not of another one), its style is the noise that
    it was drawn from. So the style of any picture can be taken for the noise.

    Args:
        image_size: height and width in pixels: 16, 32, 64, ... None takes it
            from the first dataset.
        variant: named settings: "default" makes the best pictures for the
            time, "patent" is the document as it is written, "mdd" the code of
            its authors (three scales, for 256 pixels), "shapes" is narrow and
            made for `keras_t2i.data.shapes`.
        text_encoder: `keras_t2i.text.TextEncoder`, a name or handle that
            `keras_t2i.text.get` takes, or None for the variant's or the
            matcher's.
        matcher: a trained `ImageTextMatcher`, or the name or folder of a
            preset with one, if `matcher_weight` is above 0. (A dict holds the
            arguments of one whose weights a file brings.)
        **settings: any setting of the variant, to change it:

            - `num_scales`: pictures of which the last has `image_size` and
              each other one half of the next; words refine all but the first.
            - `latent_width` of noise and style, `text_width` of the content;
              `architecture`: "compact" or "published"; `generator_width`,
              `discriminator_width`; `num_residual` for "published".
            - `dc_text`: whether the discriminator of the content compares it
              with "htc", the content of the text, or with the "sentence".
            - `wrong_pairs`: real pictures with other captions that it must
              refuse: "none", "next" (of the next row) or "all" (all pairs of
              the batch at once; "compact" only).
            - `negatives` of the content triplet: pictures drawn for the
              "previous" or "next" row, or for a "random" other one; `margin`.
            - `content_weight`; `content_gradient`: in the generator's loss the
              content term moves the "pictures", or only the "text".
            - `style_weight`; `style_loss_in_generator`: True also has the
              generator show its noise; `style_adversarial_weight`.
            - `mode_seeking_weight`: of the term that makes the contents of
              pictures of one caption differ as their latents do; half of the
              captions of a batch are then drawn twice.
            - `reconstruction_weight`: of the difference of real pictures and
              those drawn for their captions in their styles, which half of the
              drawn pictures then have instead of noise;
              `content_reconstruction_weight`, beside it, of the difference
              that D_c sees between them.
            - `kl_weight`: above 0, h_tc is the mean of conditioning
              augmentation, with this weight of its divergence;
              `matcher_weight`: of the matching losses of DAMSM.
            - `text_noise`: length of Gaussian noise added to each sentence in
              training, beside unit length.
            - `learning_rate`, `beta_1` of Adam; `updates`, `ema_decay`,
              `augment`, `r1_weight`, `r1_interval`, `seed` as in
              `keras_t2i.training.AdversarialModel`.

    Example:

    ```python
    train = keras_t2i.data.load("flowers/", image_size=64, batch_size=32)
    model = keras_t2i.models.ModalityDisentangledT2I()
    model.fit(train, epochs=50)
    model.generate("a yellow flower", style_image=photo)
    content, style = model.encode(photo)
    ```
    """

    variants = VARIANTS
    check_settings = staticmethod(check)

    def __init__(
        self,
        image_size=None,
        variant="default",
        text_encoder=None,
        matcher=None,
        **settings,
    ):
        if isinstance(matcher, (str, os.PathLike)):
            matcher = ImageTextMatcher.from_preset(matcher)
        if isinstance(matcher, ImageTextMatcher):
            text_encoder = _encoder_of(matcher, text_encoder)
        # Networks are built below, once the matcher is there.
        super().__init__(None, variant, text_encoder, **settings)
        weight = self.settings["matcher_weight"]
        if (matcher is not None) != (weight > 0.0):
            raise ValueError(
                "`matcher_weight` above 0 needs a trained ImageTextMatcher as "
                "`matcher`, and a matcher needs such a weight. Give both, or "
                f"set `matcher_weight` to 0. Received: {weight} and {matcher!r}"
            )
        if isinstance(matcher, dict):
            matcher = ImageTextMatcher(
                text_encoder=self.text_encoder,
                dtype=self.dtype_policy,
                name="matcher",
                **matcher,
            )
        self.matcher = matcher
        if matcher is not None:
            matcher.check_built()
            matcher.check_words()
            # What it was trained with must stay.
            self.text_encoder.frozen = True
        # The words are for the refinement, and for the matcher.
        self.uses_words = self.settings["num_scales"] > 1 or matcher is not None
        if image_size is not None:
            self.build_for(image_size)

    def optimizers(self):
        s = self.settings
        return {
            name: keras.optimizers.Adam(s["learning_rate"], beta_1=s["beta_1"])
            for name in ("discriminator", "generator")
        }

    # Networks.

    def build_networks(self):
        s = self.settings
        sizes = networks.scale_sizes(self.image_size, s["num_scales"])
        sentence_width = self.text_encoder.sentence_width

        def text_head():
            return networks.text_head(
                sentence_width, s["text_width"], s["kl_weight"] > 0.0
            )

        def generator():
            return networks.generator(
                self.image_size, self.text_encoder.word_width, s
            )

        self.text_head, self.text_head_ema = text_head(), text_head()
        self.generator, self.generator_ema = generator(), generator()
        for network, average in self.averaged():
            start_average(average, network)
        self.image_encoders = [networks.image_encoder(n, s) for n in sizes]
        asked = s["text_width"] if s["dc_text"] == "htc" else sentence_width
        codes = [encoder.outputs for encoder in self.image_encoders]
        self.overall_heads = [networks.overall_head(c, s) for c in codes]
        self.content_heads = [networks.content_head(c, asked, s) for c in codes]
        self.style_heads = [networks.style_head(c, s) for c in codes]

    def networks(self):
        generator = [self.generator, self.text_head]
        if not self.text_encoder.frozen:
            # As the layer over it (patent, paragraph 78).
            generator.append(self.text_encoder)
        return {
            "discriminator": [
                *self.image_encoders,
                *self.overall_heads,
                *self.content_heads,
                *self.style_heads,
            ],
            "generator": generator,
        }

    def averaged(self):
        return [
            (self.generator, self.generator_ema),
            (self.text_head, self.text_head_ema),
        ]

    # Objective.

    def losses(self, batch):
        s = self.settings
        features = batch["features"]
        sentence = self.noisy(features.sentence)
        content = self.text_head(sentence, training=True)
        text = content["text"]
        # D judges with the text as it is; else G could bend it to please D.
        asked = ops.stop_gradient(text if s["dc_text"] == "htc" else sentence)
        told = self.for_drawn([text, *self.words_of(features)])
        latents = self.draw_noise((ops.shape(told[0])[0], self.latent_width))
        if s["reconstruction_weight"]:
            # Half of the drawn pictures are to be the real ones once more.
            half = (ops.shape(latents)[0] + 1) // 2
            own = batch["images"][:half]
            codes = self.image_encoders[-1](own, training=True)
            style = objective.as_noise(codes[3], latents[:half])
            latents = ops.concatenate(
                [ops.stop_gradient(style), latents[half:]]
            )
        drawn = self.generator([latents, *told], training=True)["images"]
        real = [batch["images"]]
        for _ in drawn[1:]:
            real.insert(0, objective.halved(real[0]))

        discriminator_loss = generator_loss = 0.0
        logs = {"drawn_spread": spread(drawn[-1])}
        for scale in range(len(drawn)):
            d_loss, g_loss, some_logs = self.losses_of_scale(
                scale,
                self.augment(real[scale]),
                self.augment(drawn[scale]),
                (told[0], asked, latents),
                batch["class_id"],
            )
            discriminator_loss += d_loss
            generator_loss += g_loss
            logs.update(some_logs)
        if s["reconstruction_weight"]:
            loss = objective.reconstruction_loss(own, drawn[-1][:half])
            generator_loss += s["reconstruction_weight"] * loss
            logs["reconstruction"] = loss
            # Drawn anew for the encoder: through those that are judged it
            # would learn to make drawn pictures easy to tell.
            again = self.generator(
                [style, *(each[:half] for each in told)], training=True
            )["images"][-1]
            discriminator_loss += s[
                "reconstruction_weight"
            ] * objective.reconstruction_loss(own, again)
            if s["content_reconstruction_weight"]:
                loss = objective.content_difference(
                    ops.stop_gradient(codes[0]), self.content_as_seen(again)
                )
                logs["content_reconstruction"] = loss
                loss = s["content_reconstruction_weight"] * loss
                discriminator_loss += loss
                generator_loss += loss
        if s["kl_weight"]:
            generator_loss += s["kl_weight"] * conditioning_kl_loss(
                text, content["log_variance"]
            )
        if s["matcher_weight"]:
            generator_loss += s["matcher_weight"] * self.matching_loss(
                drawn[-1], *self.for_drawn([features, batch["class_id"]])
            )
        return {
            "discriminator": discriminator_loss,
            "generator": generator_loss,
        }, logs

    def losses_of_scale(self, scale, real, fake, conditions, class_id):
        """Both losses at one scale.

        Args:
            scale: its number.
            real, fake: pictures [B, h, h, 3] and [N, h, h, 3]; N differs from
                B only where captions are drawn twice, see `for_drawn`.
            conditions: text h_tc of `fake` [N, C], the text of `real` that
                D_c is asked about [B, .], and the latents of `fake` [N, Z].
            class_id: int [B].

        Returns:
            Two scalars, and a dict of scalars for the log.
        """
        s = self.settings
        text, asked, latents = conditions
        real_codes = self.image_encoders[scale](real, training=True)
        fake_codes = self.image_encoders[scale](fake, training=True)
        fake_judgement = self.judge(scale, fake_codes, self.for_drawn(asked))
        real_judgement = self.judge(scale, real_codes, asked)
        weight = s["style_adversarial_weight"]
        discriminator_loss = disentangled_discriminator_loss(
            real_judgement,
            fake_judgement,
            self.judge_wrong(scale, real_codes, asked, class_id),
            weight,
        )
        generator_loss = disentangled_generator_loss(fake_judgement, weight)

        content_map, _, content, style = fake_codes
        if s["mode_seeking_weight"]:
            generator_loss += s["mode_seeking_weight"] * (
                objective.content_seeking_loss(content_map, latents)
            )
        of_style = style_loss(latents, style)
        of_content = self.content_loss(text, content)
        discriminator_loss += s["style_weight"] * of_style
        discriminator_loss += s["content_weight"] * of_content
        if s["style_loss_in_generator"]:
            generator_loss += s["style_weight"] * of_style
        if s["content_gradient"] == "text":
            of_content = self.content_loss(text, ops.stop_gradient(content))
        generator_loss += s["content_weight"] * of_content

        def realism(images):
            codes = self.image_encoders[scale](images, training=True)
            judgement = self.judge(scale, codes, asked)
            return judgement.overall + judgement.content

        discriminator_loss += self.r1_penalty(realism, real)
        return discriminator_loss, generator_loss, {
            "real_logit": ops.mean(real_judgement.overall),
            "fake_logit": ops.mean(fake_judgement.overall),
            "content_triplet": of_content,
            "style_correlation": -of_style,
        }

    def for_drawn(self, x):
        """Tensors [B, ...] of the batch, for the N pictures that are drawn.

        With mode seeking N = 2 ceil(B / 2): half of the captions twice.
        """
        if not self.settings["mode_seeking_weight"]:
            return x
        return keras.tree.map_structure(twice, x)

    def judge(self, scale, codes, text):
        """`Judgement` of an image encoder's codes, D_c with texts by row."""
        content_map, style_map, _, _ = codes
        return Judgement(
            self.overall_heads[scale]([content_map, style_map], training=True),
            self.content_heads[scale]([content_map, text], training=True),
            self.style_heads[scale](style_map, training=True),
        )

    def judge_wrong(self, scale, codes, text, class_id):
        """D_c of real pictures with other texts: (logits, weights) or None."""
        kind = self.settings["wrong_pairs"]
        head, content_map = self.content_heads[scale], codes[0]
        if kind == "none":
            return None
        if kind == "all":
            scores = head([content_map, text], all_pairs=True, training=True)
            return scores, other_class(class_id)
        logits = head([content_map, ops.roll(text, -1, axis=0)], training=True)
        return logits, ops.ones_like(logits)

    def content_as_seen(self, images):
        """Content map of pictures, by an image encoder that is held.

        Else what it sees would be bent to make the pictures look alike.
        """
        encoder = self.image_encoders[-1]
        held = [
            ops.stop_gradient(ops.convert_to_tensor(v))
            for v in encoder.trainable_variables
        ]
        codes, _ = encoder.stateless_call(
            held, encoder.non_trainable_variables, images, training=True
        )
        return codes[0]

    def content_loss(self, text, content):
        """Triplet of each text, its picture, and the picture of another."""
        other = objective.of_other_texts(
            content, self.settings["negatives"], self.seed_generator
        )
        return content_triplet_loss(
            text, content, other, self.settings["margin"]
        )

    def matching_loss(self, images, features, class_id):
        """Sentence and word loss that the matcher gives to pictures."""
        size = self.matcher.image_size
        if images.shape[1] != size:
            images = ops.image.resize(
                images, (size, size), antialias=images.shape[1] > size
            )
        codes = self.matcher.codes(images, features)
        return sum(
            self.matcher.matching_losses(codes, features.mask, class_id)
        )

    @property
    def drawn_words(self):
        """T, how many words of a text `synthesize` reads; 0 for none."""
        several = self.settings["num_scales"] > 1
        return self.text_encoder.max_length if several else 0

    def words_of(self, features):
        """Words and mask where the generator takes them."""
        if self.settings["num_scales"] == 1:
            return []
        return [features.words, features.mask]

    # Use.

    def synthesize(self, latents, features, training=False):
        sentence = features.sentence
        if training:
            # Statistics of what the weights were trained on.
            sentence = self.noisy(sentence)
        text = self.text_head_ema(sentence, training=training)["text"]
        inputs = [latents, text, *self.words_of(features)]
        # Keras takes no mixture of arrays and tensors.
        inputs = [ops.convert_to_tensor(each) for each in inputs]
        return self.generator_ema(inputs, training=training)["images"][-1]

    # Presets.

    def preset_networks(self):
        networks = {
            "generator": self.generator_ema,
            "text_head": self.text_head_ema,
            "image_encoder": self.image_encoders[-1],
        }
        # A frozen one may have been trained before, alone.
        if self.text_encoder.weights:
            networks["text_encoder"] = self.text_encoder
        if self.matcher is not None:
            # Training goes on with it.
            networks["matcher_images"] = self.matcher.image_tower
            networks["matcher_text"] = self.matcher.text_tower
        return networks

    def get_config(self):
        matcher = self.matcher
        if matcher is not None:
            # Made anew, with the text encoder of the model.
            matcher = {**matcher.settings, "image_size": matcher.image_size}
            # They come with the other weights: nothing to download.
            matcher["backbone_weights"] = None
        return {**super().get_config(), "matcher": matcher}

    @classmethod
    def _from_config(cls, config, custom_objects):
        # A file that is loaded names no other one.
        if not isinstance(config["matcher"], (dict, type(None))):
            raise ValueError(
                "`matcher` must be a dict or null in a configuration. "
                f"Received: {config['matcher']!r}"
            )
        return super()._from_config(config, custom_objects)


def _encoder_of(matcher, given):
    """The text encoder of a matcher, which `given` must not contradict."""
    if given is not None:
        wanted = text_lib.get(given).fingerprint
        if wanted != matcher.text_encoder.fingerprint:
            raise ValueError(
                "The text encoder is the matcher's: leave out `text_encoder`. "
                f"Received: {given!r}"
            )
    return matcher.text_encoder
