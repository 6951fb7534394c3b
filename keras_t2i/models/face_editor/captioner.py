"""ImageCaptioner: a picture in words.

The image captioning network of document 003 (steps S25 and S26).
"""

import keras
import numpy as np
from keras import ops

from keras_t2i import losses
from keras_t2i.models.face_editor import networks
from keras_t2i.models.face_editor.objective import Decay
from keras_t2i.models.face_editor.objective import before_and_after
from keras_t2i.models.face_editor.variants import CAPTIONERS
from keras_t2i.models.face_editor.variants import check_captioner
from keras_t2i.models.preset_model import PresetModel
from keras_t2i.models.text_to_image import as_captions
from keras_t2i.text.lexicon import END
from keras_t2i.text.lexicon import START
from keras_t2i.training import backend


@keras.saving.register_keras_serializable("keras_t2i")
class ImageCaptioner(PresetModel):
    """Says in words of its vocabulary what a picture shows.

    Convolutions turn the picture into regions; an LSTM that sees their mean
    and looks at single ones gives the probability of each next word.

    Args:
        image_size: height and width in pixels, from 16 up. None takes it from
            the first dataset.
        variant: named settings: "default", narrow and regularized; "patent",
            the widths that document 003 states.
        text_encoder: `keras_t2i.text.CaptionReader`, whose vocabulary it
            speaks; None for that of faces.
        **settings: any setting of the variant, to change it:

            - `image_width`: channels of the first map; `feature_width` of the
              last; `word_width` of the embedding; `hidden_width` of the LSTM;
              `dropout`.
            - `normalization` of the maps: "batch", or "range" (to 0 to 1).
            - `backbone`: a network of `keras.applications` by name, such as
              "MobileNetV2", "ResNet50" or "VGG16", in place of the
              convolutions that are trained here; `backbone_weights`:
              "imagenet" (which Keras downloads unless it has them), a path,
              or None.
            - `learning_rate` of Adam; its `schedule`: "cosine" to zero in
              `decay_steps`, "step" (a tenth after so many, not below 1e-6),
              or "constant"; `l2_weight` of the sum of squares of all weights.
            - `augment`, `seed` as in `keras_t2i.training.AdversarialModel`.

    Example:

    ```python
    faces = keras_t2i.data.load("faces/", image_size=64, batch_size=64)
    captioner = keras_t2i.models.ImageCaptioner()
    captioner.fit(faces, epochs=15)
    captioner.caption(images)
    ```
    """

    variants = CAPTIONERS
    check_settings = staticmethod(check_captioner)

    def optimizers(self):
        return {"captioner": keras.optimizers.Adam(Decay.of(self.settings))}

    # Networks.

    def build_networks(self):
        s = self.settings
        self.extractor = networks.feature_extractor(self.image_size, s)
        self.decoder = networks.decoder(
            self.extractor.output_shape[1], self.lexicon.num_rows, s
        )

    @property
    def lexicon(self):
        return self.text_encoder.lexicon

    def networks(self):
        return {"captioner": [self.extractor, self.decoder]}

    def averaged(self):
        return []

    def preset_networks(self):
        return {"extractor": self.extractor, "decoder": self.decoder}

    def get_config(self):
        config = super().get_config()
        if self.built:
            # They come with the other weights: nothing to download.
            config["backbone_weights"] = None
        return config

    # Objective.

    def _unpack(self, data):
        x, y = data
        images = ops.cast(y, "float32") / 127.5 - 1.0
        return {"images": images, "tokens": x["tokens"]}

    def losses(self, batch):
        before, after = before_and_after(batch["tokens"]["words"])
        regions = self.extractor(self.augment(batch["images"]), training=True)
        logits = self.decoder([regions, before], training=True)
        found = losses.word_log_likelihoods(logits, after)
        is_word = ops.cast(ops.not_equal(after, 0), "float32")
        best = ops.equal(ops.argmax(logits, axis=-1), ops.cast(after, "int64"))
        best = ops.cast(best, "float32") * is_word
        logs = {
            "word_loss": -ops.sum(found) / ops.sum(is_word),
            "word_accuracy": ops.sum(best) / ops.sum(is_word),
        }
        loss = losses.caption_loss(logits, after)
        if self.settings["l2_weight"]:
            variables = self.variables_by_network()["captioner"]
            loss += self.settings["l2_weight"] * losses.l2_penalty(variables)
        return {"captioner": loss}, logs

    def log_likelihoods(self, images, words, training=False):
        """log p(y_t | y_<t, I), with gradients to the pictures.

        Args:
            images: float [B, H, W, 3] in [-1, 1].
            words: int [B, T], rows of the vocabulary, 0 where there is none.

        Returns:
            [B, T + 1]: of the words, and of the mark that ends them.
        """
        before, after = before_and_after(words)
        regions = self.extractor(images, training=training)
        logits = self.decoder([regions, before], training=training)
        return losses.word_log_likelihoods(logits, after)

    # Use.

    def caption(self, images, batch_size=64):
        """The likeliest words, one after the other.

        Args:
            images: uint8 [N, H, W, 3], or one picture [H, W, 3], of the
                model's size.
            batch_size: pictures looked at together.

        Returns:
            list of N strings.

        Raises:
            ValueError: for pictures of another size or type, or a model that
                was neither trained nor loaded.
        """
        images = self.scaled_pictures(images)
        found = []
        for start in range(0, len(images), batch_size):
            found += self._captions(images[start : start + batch_size])
        return found

    def _captions(self, images):
        length = self.text_encoder.max_length
        regions = self._look(images)
        words = np.zeros((len(images), length + 1), "int32")
        words[:, 0] = START
        for t in range(length):
            logits = np.array(self._say(regions, words[:, :length]))[:, t]
            logits[:, [0, START]] = -np.inf
            words[:, t + 1] = np.where(
                np.isin(words[:, t], (0, END)), 0, np.argmax(logits, axis=-1)
            )
            if np.all(np.isin(words[:, t + 1], (0, END))):
                break
        return [self.lexicon.spelled(row) for row in words]

    def likelihood(self, text, images):
        """How likely captions are, as the mean of log p over their words.

        Args:
            text: one caption, or a list of N.
            images: uint8 [N, H, W, 3]; one picture goes with every caption.

        Returns:
            float32 NumPy array [N].

        Raises:
            ValueError: for a caption without a word of the vocabulary, or
                pictures of another number, size or type.
        """
        images = self.scaled_pictures(images)
        captions = as_captions(text)
        words = np.asarray(self.text_encoder.tokenize(captions)["words"])
        if not np.all(np.any(words, axis=1)):
            raise ValueError(
                "A caption has no word of the vocabulary. Received: "
                f"{captions[int(np.argmin(np.any(words, axis=1)))]!r}"
            )
        if len(images) == 1:
            images = np.repeat(images, len(words), axis=0)
        if len(images) != len(words):
            raise ValueError(
                "Captions and pictures must be equally many. Received: "
                f"{len(words)} captions, {len(images)} pictures"
            )
        found = np.asarray(self.log_likelihoods(images, words))
        return found.sum(axis=1) / (1 + np.count_nonzero(words, axis=1))

    def held_out(self, dataset):
        """How well pictures that it never saw are put into words.

        Args:
            dataset: from `keras_t2i.data.load(..., training=False)`.

        Returns:
            dict: `word_log_likelihood`, the mean of log p over the words of
            the first caption of each picture; `named`, the share of what the
            model says of a picture (its attributes, in whatever words) that
            one of the picture's own captions says too.
        """
        images = np.concatenate([np.asarray(y) for _, y in dataset])
        own = [as_captions(list(texts)) for texts in dataset.source.texts]
        first = [texts[0] for texts in own]
        found = [
            self.likelihood(first[i : i + 64], images[i : i + 64])
            for i in range(0, len(images), 64)
        ]
        right = total = 0
        for said, texts in zip(self.caption(images), own):
            names = self._names([said])
            right += len(names & self._names(texts))
            total += len(names)
        return {
            "word_log_likelihood": float(np.mean(np.concatenate(found))),
            "named": right / max(total, 1),
        }

    def _names(self, texts):
        return {n for t in texts for n in self.lexicon.read(t).names} - {0}

    @property
    def _look(self):
        if self._compiled_look is None:
            self._compiled_look = backend.compiled(
                lambda images: self.extractor(images, training=False), self
            )
        return self._compiled_look

    @property
    def _say(self):
        if self._compiled_say is None:
            self._compiled_say = backend.compiled(
                lambda *inputs: self.decoder(list(inputs), training=False), self
            )
        return self._compiled_say

    _compiled_look = None
    _compiled_say = None
