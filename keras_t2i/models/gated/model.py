"""GatedT2I: one stage, gated convolutions, a projection discriminator.

The published application on text-image synthesis with gated convolutions
(Wang, Li, Si, 2023) fixes the steps and the losses and leaves sizes and
formulas open; those are of XMC-GAN (Zhang, Koh, Baldridge, Lee, Yang:
"Cross-Modal Contrastive Learning for Text-to-Image Generation", CVPR 2021).
"""

import itertools

import keras
import numpy as np
from keras import ops

from keras_t2i import losses
from keras_t2i.models.gated import networks
from keras_t2i.models.gated.keywords import KeywordTable
from keras_t2i.models.gated.keywords import heaviest
from keras_t2i.models.gated.keywords import weigh
from keras_t2i.models.gated.variants import VARIANTS
from keras_t2i.models.gated.variants import check
from keras_t2i.models.text_to_image import TextToImageModel
from keras_t2i.models.text_to_image import as_captions
from keras_t2i.training import backend
from keras_t2i.training.early_warnings import spread
from keras_t2i.training.ema import start_average

# Of pairs for the discriminator, of pictures alone, and for the generator.
_ADVERSARIAL = {
    "hinge": (
        losses.hinge_cls_matrix_discriminator_loss,
        losses.hinge_discriminator_loss,
        losses.hinge_generator_loss,
    ),
    "bce": (
        losses.gan_cls_matrix_discriminator_loss,
        losses.gan_discriminator_loss,
        losses.gan_cls_generator_loss,
    ),
}


@keras.saving.register_keras_serializable("keras_t2i")
class GatedT2I(TextToImageModel):
    """Text to image in one stage of gated convolutions.

    Features of the text and noise become a latent code, which gated
    convolutions and a decoder turn into a picture. The discriminator judges by
    a multilayer perceptron over its global feature plus the product of that
    with the sentence. Two contrastive losses move both networks: regions of
    the picture find the keywords of their caption, and the whole picture its
    sentence, on real pictures for the discriminator and on generated ones for
    the generator.

    Args:
        image_size: height and width in pixels: 16, 32, 64, ... None takes it
            from the first dataset.
        variant: named settings: "default" makes the best pictures for the
            time at 64 pixels, "patent" is the document with the sizes of
            XMC-GAN, for 128 and 256 pixels, "shapes" is narrow and made for
            `keras_t2i.data.shapes`.
        text_encoder: `keras_t2i.text.TextEncoder`, a name or handle that
            `keras_t2i.text.get` takes (any BERT of TF Hub), or None for the
            variant's: the embedded MiniLM, and "bag_of_ngrams" for "shapes".
        **settings: any setting of the variant, to change it:

            - `noise`: "concat" puts noise of `latent_width` beside the
              sentence; "add" adds noise of `noise_scale` to it.
            - `gates` of the convolutions: "full", "pointwise" (a ninth of the
              cost) or "none" (plain convolutions).
            - `word_attention`: whether the decoder listens to single words,
              at 16 x 16.
            - `adversarial_loss`: "hinge" or "bce"; `cls_weight` of wrong
              pairs in [0, 1), all of a batch, and `realism_weight` of a
              second judgement that does not see the words, as in `GANCLS`;
              the document has neither.
            - `region_weight`, `global_weight`: of the two contrastive losses,
              0 for none; `temperature`; `gamma1` to `gamma3` as in
              `keras_t2i.losses.region_contrastive_loss`.
            - `keywords` of the region loss: "weighted", the `num_keywords`
              words of a caption that tell most about its picture, see
              `KeywordTable`; or "all", all words alike.
            - `architecture`: "compact" or "patent"; `text_width`,
              `generator_width`, `discriminator_width`, `global_width`,
              `region_width`.
            - `text_noise`: length of Gaussian noise added to each sentence in
              training, beside unit length; `mode_seeking_weight`: of the term
              that makes pictures of one caption differ as their latents do;
              half of the captions of a batch are then drawn twice.
            - `generator_learning_rate`, `discriminator_learning_rate`,
              `beta_1` of Adam; `updates`, `ema_decay`, `augment`,
              `r1_weight`, `r1_interval`, `seed` as in
              `keras_t2i.training.AdversarialModel`.

    Example:

    ```python
    train = keras_t2i.data.load("flowers/", image_size=64, batch_size=32)
    model = keras_t2i.models.GatedT2I()
    model.fit(train, epochs=50)
    model.generate("a yellow flower with round petals", seed=7)
    model.keywords("a yellow flower with round petals")
    ```
    """

    variants = VARIANTS
    check_settings = staticmethod(check)

    def optimizers(self):
        s = self.settings
        return {
            name: keras.optimizers.Adam(
                s[f"{name}_learning_rate"], beta_1=s["beta_1"]
            )
            for name in ("discriminator", "generator")
        }

    @property
    def latent_width(self):
        if self.settings["noise"] == "add":
            return self.text_encoder.sentence_width
        return self.settings["latent_width"]

    @property
    def uses_words(self):
        s = self.settings
        return bool(s["region_weight"]) or s["word_attention"]

    # Networks.

    def build_networks(self):
        s, encoder = self.settings, self.text_encoder
        arguments = (
            self.image_size,
            self.latent_width,
            encoder.sentence_width,
            encoder.word_width,
            s,
        )
        self.generator = networks.generator(*arguments)
        self.generator_ema = networks.generator(*arguments)
        start_average(self.generator_ema, self.generator)
        self.discriminator = networks.discriminator(
            self.image_size, encoder.word_width, s
        )
        global_width = self.discriminator.output["global"].shape[-1]
        self.sentence_head = networks.sentence_head(
            encoder.sentence_width, global_width, s
        )
        self.contrast_head = None
        if s["global_weight"] and s["architecture"] == "compact":
            self.contrast_head = networks.sentence_head(
                encoder.sentence_width,
                self.discriminator.output["contrast"].shape[-1],
                s,
            )
        self.word_head = None
        if s["region_weight"]:
            self.word_head = networks.word_head(encoder.word_width, s)
        self.keyword_table = KeywordTable()

    def networks(self):
        discriminator = [self.discriminator, self.sentence_head]
        for head in (self.contrast_head, self.word_head):
            if head is not None:
                discriminator.append(head)
        if not self.text_encoder.frozen:
            discriminator.append(self.text_encoder)
        return {"discriminator": discriminator, "generator": [self.generator]}

    def averaged(self):
        return [(self.generator, self.generator_ema)]

    def preset_networks(self):
        networks = {
            "generator": self.generator_ema,
            "keyword_table": self.keyword_table,
        }
        # A frozen one may have been trained before, alone.
        if self.text_encoder.weights:
            networks["text_encoder"] = self.text_encoder
        return networks

    # Keywords.

    def batches(self, dataset, progress=False):
        pipeline = backend.pipeline()
        if not self.keyword_table.counted:
            self.count_keywords(pipeline.captions_by_picture(dataset))
        # On JAX layers lack their weights while `fit` runs.
        table = self.keyword_table.values()
        return pipeline.with_features(
            dataset,
            self.text_encoder,
            self.uses_words,
            progress,
            (lambda captions: self.keyword_weights(captions, table))
            if self.settings["region_weight"]
            else None,
        )

    def count_keywords(self, pictures):
        """Learns from captions which words are keywords; `fit` calls it.

        Args:
            pictures: list of the captions, str or bytes, of each picture.
        """
        captions = list(dict.fromkeys(itertools.chain.from_iterable(pictures)))
        words = {
            caption: sum(row, ())
            for caption, row in zip(
                captions, self.text_encoder.spelled(captions)
            )
        }
        self.keyword_table.count(
            [[words[caption] for caption in some] for some in pictures]
        )

    def keyword_weights(self, captions, table):
        """How much each word position counts in the region loss.

        Args:
            captions: list of N str or bytes.
            table: from `KeywordTable.values`.

        Returns:
            float32 NumPy array [N, T], 0 for what is no keyword.
        """
        spelled = self.text_encoder.spelled(captions)
        if self.settings["keywords"] == "all":
            return np.array(
                [[bool(words) for words in row] for row in spelled], "float32"
            )
        return heaviest(weigh(spelled, table), self.settings["num_keywords"])

    def keywords(self, text):
        """The words of a caption that the region loss looks for.

        Args:
            text: one caption.

        Returns:
            list of (word, weight) in the order of the caption; the weights
            sum to 1. Where a position of the text encoder stands for several
            words, they come together.

        Raises:
            ValueError: for several captions, or a model that has not counted
                the words of any data yet.
        """
        self.check_built()
        captions = as_captions(text)
        if len(captions) != 1:
            raise ValueError(
                "Keywords are of one caption. Received: "
                f"{len(captions)} captions"
            )
        if not self.keyword_table.counted:
            raise ValueError(
                "The model has not counted the words of any data yet. Call "
                "`fit`, or load trained weights with `from_preset`."
            )
        table = self.keyword_table.values()
        weights = self.keyword_weights(captions, table)[0]
        words = self.text_encoder.spelled(captions)[0]
        share = weights / max(weights.sum(), 1e-9)
        return [
            (" ".join(words[t]), float(share[t])) for t in np.flatnonzero(share)
        ]

    # Objective.

    def _unpack(self, data):
        return {**super()._unpack(data), "weights": data[0].get("weights")}

    def losses(self, batch):
        s = self.settings
        sentence = self.noisy(batch["features"].sentence)
        images = self.augment(batch["images"])
        real = self.discriminator(images, training=True)
        # What is judged beside a picture: the sentence and the keywords.
        text = self.sentence_head(sentence, training=True)
        contrast = text
        if self.contrast_head is not None:
            contrast = self.contrast_head(sentence, training=True)
        words = self.keyword_features(batch)
        said = contrast, words, batch["class_id"]

        # What is drawn: the captions of the batch, or half of them twice.
        asked = batch["features"]._replace(sentence=sentence)
        drawn_text, drawn_said = text, said
        if s["mode_seeking_weight"]:
            asked, drawn_text, drawn_said = _each(
                losses.twice, (asked, text, said)
            )
        latents = self.draw_noise(
            (ops.shape(asked.sentence)[0], self.latent_width)
        )
        # The generator takes texts as they are; D alone trains their encoder.
        asked = _each(ops.stop_gradient, asked)
        drawn = self.draw_with(self.generator, latents, asked, training=True)
        fake = self.discriminator(self.augment(drawn), training=True)

        of_pairs, of_pictures, of_generator = _ADVERSARIAL[
            s["adversarial_loss"]
        ]
        scores = judge_all(real, text)
        fake_logits = judge(fake, drawn_text)
        discriminator_loss = of_pairs(
            scores,
            losses.other_class(batch["class_id"]),
            fake_logits,
            s["cls_weight"],
        )
        discriminator_loss += self.r1_penalty(
            lambda x: judge(self.discriminator(x, training=True), text), images
        )
        generator_loss = of_generator(fake_logits)
        if s["realism_weight"]:
            # Without the words: see `GANCLS.losses`.
            discriminator_loss += s["realism_weight"] * of_pictures(
                real["realism"], fake["realism"]
            )
            generator_loss += s["realism_weight"] * of_generator(
                fake["realism"]
            )
        if s["mode_seeking_weight"]:
            pairs = ops.split(drawn, 2), ops.split(latents, 2)
            sameness = losses.mode_seeking_loss(*pairs)
            generator_loss += s["mode_seeking_weight"] * sameness
        logs = {
            "real_logit": ops.mean(ops.diagonal(scores)),
            "fake_logit": ops.mean(fake_logits),
            "drawn_spread": spread(drawn),
        }
        # Both losses move both networks (paragraph 11): the discriminator by
        # real pictures, the generator by its own.
        real_parts = self.image_losses(real, *said)
        fake_parts = self.image_losses(fake, *drawn_said)
        for name in real_parts:
            weight = s[f"{name}_weight"]
            discriminator_loss += weight * real_parts[name]
            generator_loss += weight * fake_parts[name]
            logs[f"{name}_real"] = real_parts[name]
            logs[f"{name}_fake"] = fake_parts[name]
        return {
            "discriminator": discriminator_loss,
            "generator": generator_loss,
        }, logs

    def image_losses(self, seen, contrast, words, class_id):
        """The losses of paragraphs 28 and 29, those whose weight is not 0.

        Args:
            seen: what the discriminator gives for B pictures.
            contrast: [B, E], what the sentences are beside `seen["contrast"]`.
            words: pair of [B, K, R] of the word head and weights [B, K], or
                None.
            class_id: int [B].

        Returns:
            dict with some of "region" and "global", scalars.
        """
        s = self.settings
        found = {}
        if s["region_weight"]:
            found["region"] = losses.region_contrastive_loss(
                seen["regions"],
                *words,
                class_id,
                s["gamma1"],
                s["gamma2"],
                s["gamma3"],
            )
        if s["global_weight"]:
            found["global"] = losses.global_contrastive_loss(
                seen["contrast"], contrast, class_id, s["temperature"]
            )
        return found

    def keyword_features(self, batch):
        """Features [B, K, R] and weights [B, K] of the keywords alone.

        None without a region loss.
        """
        if not self.settings["region_weight"]:
            return None
        words, weights = batch["features"].words, batch["weights"]
        if self.settings["keywords"] == "weighted":
            count = min(self.settings["num_keywords"], weights.shape[1])
            weights, positions = ops.top_k(weights, count)
            words = ops.take_along_axis(words, positions[..., None], axis=1)
        return self.word_head(words, training=True), weights

    # Use.

    @property
    def drawn_words(self):
        """T, how many words of a text `synthesize` reads; 0 for none."""
        listens = self.settings["word_attention"]
        return self.text_encoder.max_length if listens else 0

    def draw_with(self, generator, latents, features, training=False):
        """Float pictures [B, H, W, 3] of one of the two generators."""
        inputs = [latents, features.sentence]
        if self.settings["word_attention"]:
            inputs += [features.words, features.mask]
        return generator(inputs, training=training)

    def synthesize(self, latents, features, training=False):
        if training:
            # Statistics of what the weights were trained on.
            features = features._replace(sentence=self.noisy(features.sentence))
        return self.draw_with(self.generator_ema, latents, features, training)


def judge(seen, text):
    """Logits [B]: multilayer perceptron plus interaction (paragraphs 32-34).

    Args:
        seen: what the discriminator gives for B pictures.
        text: [B, C] of the sentence head.
    """
    return seen["realism"] + ops.sum(seen["global"] * text, axis=-1)


def judge_all(seen, text):
    """Logits [B, B] of every picture with every sentence."""
    matching = ops.matmul(seen["global"], ops.transpose(text))
    return seen["realism"][:, None] + matching


def _each(function, tensors):
    """The function of every tensor in nested tuples; None stays."""
    return keras.tree.map_structure(
        lambda x: None if x is None else function(x), tensors
    )
