"""ImageTextMatcher: how well do a picture and a sentence fit?

The deep attentional multimodal similarity model (DAMSM) of Xu, Zhang, Huang,
Zhang, Gan, Huang, He: "AttnGAN: Fine-Grained Text to Image Generation with
Attentional Generative Adversarial Networks", CVPR 2018.
"""

import keras
import numpy as np
from keras import ops

from keras_t2i import losses
from keras_t2i import pictures
from keras_t2i.metrics.distances import unit
from keras_t2i.models.matching import networks
from keras_t2i.models.matching.variants import VARIANTS
from keras_t2i.models.matching.variants import check
from keras_t2i.models.preset_model import PresetModel
from keras_t2i.models.text_to_image import as_captions


@keras.saving.register_keras_serializable("keras_t2i")
class ImageTextMatcher(PresetModel):
    """Brings pictures and captions into one space, whole and in parts.

    An image tower gives a code of the picture and codes of its regions; a
    text tower, over the features of a text encoder, codes of the sentence and
    of its words. Training lets pictures find their captions among those of
    the batch, and the reverse, by the sentence and by the words.

    Args:
        image_size: height and width in pixels, from 16 up. None takes it
            from the first dataset.
        variant: named settings: "default"; "attngan" with the optimizer and
            the BiLSTM of AttnGAN's code; "judge", which has another image
            tower, looks at no words, and is made for `keras-t2i evaluate`; "shapes",
            narrow and made for `keras_t2i.data.shapes`.
        text_encoder: `keras_t2i.text.TextEncoder`, a name or handle that
            `keras_t2i.text.get` takes, or None for the variant's: the
            embedded MiniLM for the default. One that is not frozen, such as
            "bilstm", is trained too.
        **settings: any setting of the variant, to change it:

            - `embedding_width`: of the common space; `image_width`: channels
              of the first convolution; `architecture`: "strided" or "pooled".
            - `backbone`: a network of `keras.applications` by name, such as
              "InceptionV3" as in DAMSM, in place of the compact networks that
              are trained here; `backbone_weights`: "imagenet" (which Keras
              downloads unless it has them), a path, or None.
            - `num_words`: how many word positions are looked at.
            - `dropout`: share of the picture's vector that training drops
              before its code (of the networks that are trained here).
            - `sentence_weight`, `word_weight`: of the two losses; `gamma1`,
              `gamma2`, `gamma3` as in `keras_t2i.losses.word_matching_loss`.
              Without weight the words are left alone, and a picture may come
              with several captions, whose sentences are averaged.
            - `learning_rate`, `beta_1`, `weight_decay` of Adam; `decay_steps`,
              in which the rate falls to 0 along a cosine, or None; `augment`, `seed` as in
              `keras_t2i.training.AdversarialModel`.

    Example:

    ```python
    train = keras_t2i.data.load("flowers/", image_size=64, batch_size=64)
    matcher = keras_t2i.models.ImageTextMatcher()
    matcher.fit(train, epochs=20)
    matcher.retrieve("a yellow flower with round petals", images, count=5)
    ```
    """

    variants = VARIANTS
    check_settings = staticmethod(check)

    @property
    def uses_words(self):
        return self.settings["word_weight"] > 0.0

    def optimizers(self):
        s = self.settings
        rate = s["learning_rate"]
        if s["decay_steps"] is not None:
            rate = keras.optimizers.schedules.CosineDecay(
                rate, s["decay_steps"]
            )
        adam = keras.optimizers.Adam(
            rate,
            beta_1=s["beta_1"],
            weight_decay=s["weight_decay"] or None,
        )
        return {"matcher": adam}

    # Networks.

    def build_networks(self):
        s = self.settings
        if s["backbone"] is None:
            self.image_tower = networks.TOWERS[s["architecture"]](
                self.image_size,
                s["image_width"],
                s["embedding_width"],
                s["dropout"],
                self.uses_words,
            )
        else:
            self.image_tower = networks.backbone_tower(
                self.image_size,
                s["backbone"],
                s["backbone_weights"],
                s["embedding_width"],
                self.uses_words,
            )
        self.text_tower = networks.text_tower(
            self.text_encoder.sentence_width,
            self.text_encoder.word_width if self.uses_words else None,
            s["embedding_width"],
        )

    def networks(self):
        matcher = [self.image_tower, self.text_tower]
        if not self.text_encoder.frozen:
            matcher.append(self.text_encoder)
        return {"matcher": matcher}

    def averaged(self):
        return []

    def preset_networks(self):
        networks = {
            "image_tower": self.image_tower,
            "text_tower": self.text_tower,
        }
        # A frozen one may have been trained before.
        if self.text_encoder.weights:
            networks["text_encoder"] = self.text_encoder
        return networks

    def get_config(self):
        config = super().get_config()
        if self.built:
            # They come with the other weights: nothing to download.
            config["backbone_weights"] = None
        return config

    # Objective.

    def losses(self, batch):
        s = self.settings
        images = self.augment(batch["images"])
        features, class_id = batch["features"], batch["class_id"]
        codes = self.codes(images, features, training=True)
        logs = {"retrieval": _retrieval(codes, class_id)}
        if self.uses_words:
            sentence_loss, word_loss = self.matching_losses(
                codes, features.mask, class_id
            )
            logs["word_loss"] = word_loss
        else:
            sentence_loss, word_loss = self.sentence_loss(codes, class_id), 0.0
        logs["sentence_loss"] = sentence_loss
        loss = s["sentence_weight"] * sentence_loss + s["word_weight"] * word_loss
        return {"matcher": loss}, logs

    def codes(self, images, features, training=False):
        """What both towers make of pictures and texts.

        Args:
            images: float [B, H, W, 3] in [-1, 1], of the model's size.
            features: `TextFeatures` of B captions.

        Returns:
            float32 tensors: image codes [B, D], regions [B, N, D], sentence
            codes [B, D], codes [B, T, D] of the first `num_words` words. A
            matcher that does not look at words has None for the second and
            the fourth.
        """
        image_codes = self.image_codes(images, training)
        return *image_codes, *self.text_codes(features, training)

    def image_codes(self, images, training=False):
        """The half of `codes` that is about pictures."""
        seen = self.image_tower(images, training=training)
        return seen if self.uses_words else (seen, None)

    def text_codes(self, features, training=False):
        """The half of `codes` that is about texts."""
        if not self.uses_words:
            return self.text_tower(features.sentence, training=training), None
        words = features.words[:, : self.settings["num_words"]]
        return self.text_tower([features.sentence, words], training=training)

    def matching_losses(self, codes, mask, class_id):
        """Sentence and word loss of a batch; a generator can minimize them too.

        Args:
            codes: from `codes`.
            mask: [B, T] of the `TextFeatures`.
            class_id: int [B]. Pairs of one class are left out.

        Returns:
            Two scalars.

        Raises:
            ValueError: if the matcher does not look at words.
        """
        self.check_words()
        s = self.settings
        _, regions, _, words = codes
        word_loss = losses.word_matching_loss(
            regions,
            words,
            mask[:, : s["num_words"]],
            class_id,
            s["gamma1"],
            s["gamma2"],
            s["gamma3"],
        )
        return self.sentence_loss(codes, class_id), word_loss

    def sentence_loss(self, codes, class_id):
        """The first of `matching_losses`."""
        return losses.sentence_matching_loss(
            codes[0], codes[2], class_id, self.settings["gamma3"]
        )

    def check_words(self):
        """Raises ValueError if the matcher does not look at words."""
        if not self.uses_words:
            raise ValueError(
                "This ImageTextMatcher does not look at words: it was made with "
                "`word_weight` 0, as those of the variant \"judge\" are. Train "
                "one with a `word_weight` above 0, such as the default."
            )

    # Use.

    def embed_images(self, images, batch_size=64):
        """Codes of pictures.

        Args:
            images: uint8 [M, H, W, 3], or one picture [H, W, 3], of the
                model's size.
            batch_size: pictures looked at together.

        Returns:
            float32 NumPy array [M, D], rows of length 1.

        Raises:
            ValueError: for pictures of another size or type, or a model that
                was neither trained nor loaded.
        """
        images = self.scaled_pictures(images)
        parts = [
            self.image_codes(images[i : i + batch_size])[0]
            for i in range(0, len(images), batch_size)
        ]
        return _unit_rows(parts)

    def embed_text(self, text, batch_size=64):
        """Codes of sentences.

        Args:
            text: one caption, a list of N, or a dataset of captions.
            batch_size: captions read together.

        Returns:
            float32 NumPy array [N, D], rows of length 1.

        Raises:
            ValueError: for an empty caption, or a model that was neither
                trained nor loaded.
        """
        self.check_built()
        captions = as_captions(text)
        features = self.text_encoder.encode(captions)
        parts = []
        for i in range(0, len(captions), batch_size):
            rows = slice(i, i + batch_size)
            part = type(features)(*(f[rows] for f in features))
            parts.append(self.text_codes(part)[0])
        return _unit_rows(parts)

    def similarity(self, text, images):
        """Cosines of sentences and pictures.

        Args:
            text: one caption, or a list of N.
            images: uint8 [M, H, W, 3], or one picture.

        Returns:
            float32 NumPy array [N, M] in [-1, 1].
        """
        return self.embed_text(text) @ self.embed_images(images).T

    def retrieve(self, text, images, count=5):
        """The pictures that fit a caption best.

        Args:
            text: one caption, or a list of N.
            images: uint8 [M, H, W, 3].
            count: pictures for each caption, at most M.

        Returns:
            int NumPy array [N, count]: rows of `images`, the best first.

        Raises:
            ValueError: for a count below 1 or above M.
        """
        similarity = self.similarity(text, images)
        if not 1 <= count <= similarity.shape[1]:
            raise ValueError(
                f"`count` must lie in 1 to {similarity.shape[1]}, the number "
                f"of pictures. Received: {count}"
            )
        return np.argsort(-similarity, axis=1, kind="stable")[:, :count]

    def attention_maps(self, text, image):
        """Shows where in a picture each word of a caption looks.

        Args:
            text: one caption.
            image: uint8 [H, W, 3].

        Returns:
            uint8 NumPy array [T, H, W, 3]: the picture once a word, dark where
            the word does not look. Words are those of the text encoder: word
            pieces, with its marks of start and end if it has them.

        Raises:
            ValueError: for several captions or pictures, or if the matcher
                does not look at words.
        """
        self.check_words()
        captions, images = as_captions(text), self.scaled_pictures(image)
        if len(captions) != 1 or len(images) != 1:
            raise ValueError(
                "Attention maps are of one caption and one picture. Received: "
                f"{len(captions)} captions, {len(images)} pictures"
            )
        features = self.text_encoder.encode(captions)
        _, regions, _, words = self.codes(images, features)
        mask = features.mask[:, : self.settings["num_words"]]
        _, attention = losses.word_region_attention(
            regions, words, mask, self.settings["gamma1"]
        )
        maps = np.asarray(attention)[0, 0].T[mask[0] > 0]  # [T, N]
        side = round(maps.shape[1] ** 0.5)
        picture = np.asarray(image).reshape(images.shape[1:])
        return np.stack(
            [pictures.overlay(picture, m.reshape(side, side)) for m in maps]
        )


def _retrieval(codes, class_id):
    """Share of captions whose best picture of the batch is of their class."""
    image_code, _, sentence_code, _ = codes
    cosines = ops.matmul(
        ops.normalize(sentence_code), ops.transpose(ops.normalize(image_code))
    )
    best = ops.take(class_id, ops.argmax(cosines, axis=1))
    return ops.mean(ops.cast(ops.equal(best, class_id), "float32"))


def _unit_rows(parts):
    return unit(np.concatenate([np.asarray(p) for p in parts])).astype("float32")
