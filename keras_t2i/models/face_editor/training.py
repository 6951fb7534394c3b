"""How an editor of faces learns what texts mean."""

import functools

import keras
import numpy as np
from keras import ops

from keras_t2i import losses
from keras_t2i.models.face_editor.objective import before_and_after
from keras_t2i.models.face_editor.objective import words_about
from keras_t2i.training import backend
from keras_t2i.training.part import Followers

# Training sees faces from so typical ones to any, as `truncation` has it.
_LEAST_TRUNCATION = 0.5
# Share of the texts in training that deny what they name.
_DENIED = 0.25


class EditorTraining:
    """The part of `TextFaceEditor` that is trained.

    What `fit` trains before the editor itself, and the two objectives.
    """

    def all_optimizers(self):
        return [self.optimizer, self.captioner.optimizer]

    def train_before(
        self, x, y, batch_size, callbacks=None, verbose="auto", **kwargs
    ):
        """Trains encoder and captioner, where they are not trained yet."""
        if self.from_weights:
            return None
        steps = self.settings["encoder_steps"]
        if steps and self.encoder is not None and not self.encoder.trained:
            self.encoder.fit(steps, verbose=verbose)
        captioner, pipeline = self.captioner, backend.pipeline()
        done, steps = captioner.step, self.settings["captioner_steps"]
        if done >= steps:
            return None
        # Every step sees what it would see in a run without a stop.
        dataset = pipeline.as_dataset(x, y, batch_size)
        captioner.run_eagerly = self.run_eagerly
        history = captioner.fit(
            pipeline.endless(dataset, done),
            steps_per_epoch=steps - done,
            callbacks=[Followers(self, callbacks)],
            verbose=verbose,
        )
        self.stop_training = captioner.stop_training
        return history

    def build_from(self, dataset):
        super().build_from(dataset)
        if not np.any(ops.convert_to_numpy(self.phrasing.share.value)):
            pipeline = backend.pipeline()
            self.collect(pipeline.captions_by_picture(dataset))

    def collect(self, pictures):
        """Learns from captions what there is to name; `fit` calls it.

        Args:
            pictures: list of the captions, str or bytes, of each picture.

        Raises:
            ValueError: if they name nothing of the vocabulary.
        """
        texts = [
            text.decode("utf-8", "replace") if isinstance(text, bytes) else text
            for some in pictures
            for text in some
        ]
        self.phrasing.collect(texts, self.lexicon)
        if not self.known_attributes:
            raise ValueError(
                "The captions name nothing of a face that the vocabulary "
                f"holds, such as smiling or glasses. Received: {texts[:2]}. "
                "Captions in other words need a text encoder with a "
                "`lexicon` of their own."
            )

    # Objective.

    def _unpack(self, data):
        x, _ = data
        return {"tokens": x["tokens"]}

    def losses(self, batch):
        if self.joint:
            return self.joint_losses(batch["tokens"]["words"])
        return self.anchored_losses(batch["tokens"])

    def joint_losses(self, words):
        """The document: captions of random latents, and a new captioner.

        Args:
            words: int [B, T], rows of the vocabulary.
        """
        s = self.settings
        start = self.random_latents(ops.shape(words)[0])
        codes = self.text_encoder({"words": words}, training=True).sentence
        drawn = self.picture(self.fusion(start, codes))
        before, after = before_and_after(words)
        regions = self.captioner.extractor(drawn, training=True)
        logits = self.captioner.decoder([regions, before], training=True)
        caption_loss = losses.caption_loss(logits, after)
        logs = {"caption_loss": caption_loss}
        loss = s["caption_weight"] * caption_loss
        return {"editor": loss + self.l2_penalty()}, logs

    def anchored_losses(self, tokens):
        """What is named changes, all else stays.

        Args:
            tokens: `words` and `names` [B, T] of captions of other faces, as
                probes for what shall stay.
        """
        s, edits, seed = self.settings, self.edits, self.seed_generator
        count = ops.shape(tokens["words"])[0]
        start = self.random_latents(count)
        words, chosen = edits.drawn(
            count, self.phrasing.known(), s["most_names"], seed
        )
        present = ops.cast(
            keras.random.uniform((count,), seed=seed) >= _DENIED, "float32"
        )
        codes = self.text_encoder({"words": words}, training=True).sentence
        end = self.moved(start, codes, 2.0 * present - 1.0)
        # Both moved alike: a picture that fools its judges does so in place.
        pair = [ops.stop_gradient(self.picture(start)), self.picture(end)]
        before, after = ops.split(
            self.augment(ops.concatenate(pair, axis=-1)), 2, axis=-1
        )

        # The captioner reads what was named, and all else as before.
        say = self.captioner.log_likelihoods
        words, names = self.phrasing.examples(chosen, seed)
        named_words = losses.named_words_loss(
            say(after, words)[:, :-1], words_about(names, chosen), present
        )
        words, names = tokens["words"], tokens["names"]
        kept_words = losses.kept_words_loss(
            ops.stop_gradient(say(before, words)[:, :-1]),
            say(after, words)[:, :-1],
            words_about(names, edits.kept(chosen)),
        )
        place = self.fusion.place
        distance = losses.latent_distance(place(start), place(end))
        logs = {
            "named_words": named_words,
            "kept_words": kept_words,
            "distance": distance,
        }
        loss = (
            s["caption_weight"] * named_words
            + s["kept_words_weight"] * kept_words
            + s["distance_weight"] * distance
        )
        if self.features is not None:
            loss += self.feature_losses(before, after, chosen, present, logs)
        return {"editor": loss + self.l2_penalty()}, logs

    def feature_losses(self, before, after, chosen, present, logs):
        """What `features` says of an edit, weighted."""
        s = self.settings
        was, who_was = [
            ops.stop_gradient(x) for x in self._look(before, training=False)
        ]
        shows, who = self._look(after, training=False)
        target, named, kept = self.edits.wanted(chosen, present)
        named_loss, kept_loss = losses.attribute_change_loss(
            was, shows, target, named, kept
        )
        identity = losses.identity_loss(who_was, who)
        logs["named_attributes"] = named_loss
        logs["kept_attributes"] = kept_loss
        logs["identity"] = identity
        return (
            s["attribute_weight"] * named_loss
            + s["kept_attributes_weight"] * kept_loss
            + s["identity_weight"] * identity
        )

    @functools.cached_property
    def _look(self):
        """Both networks of `features` as one, whose trunk runs once."""
        parts = (
            self.features.attribute_network,
            self.features.identity_network,
        )
        return keras.Model(parts[0].inputs, [part.output for part in parts])

    def l2_penalty(self):
        if not self.settings["l2_weight"]:
            return 0.0
        variables = self.variables_by_network()["editor"]
        return self.settings["l2_weight"] * losses.l2_penalty(variables)

    def random_latents(self, count):
        """Latents of new faces, of the space that is edited."""
        width = self.generator.settings["latent_width"]
        if self.settings["latent_space"] == "z":
            return self.draw_noise((count, width))
        mean = ops.convert_to_tensor(self.generator.means.w)
        w = self.generator.mapping_ema(self.draw_noise((2 * count, width)))
        share = keras.random.uniform(
            (2 * count, 1), _LEAST_TRUNCATION, 1.0, seed=self.seed_generator
        )
        coarse, fine = ops.split(mean + share * (w - mean), 2)
        # Half of the faces have one w, half a second one from some layer on:
        # a photograph is found as styles of which no two are alike.
        styles = self.generator.num_styles
        first = keras.random.randint(
            (count, 1), -styles, styles, seed=self.seed_generator
        )
        mixed = ops.logical_and(first > 0, ops.arange(styles)[None] >= first)
        return ops.where(mixed[..., None], fine[:, None], coarse[:, None])
