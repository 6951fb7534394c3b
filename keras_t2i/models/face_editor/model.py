"""TextFaceEditor: changes a face by what a text says.

Document 003 of the specification, a patent application on face pictures that
change by a description, and a form of it whose edits are anchored in captions
of real faces.
"""

import collections
import functools
import os
import secrets
import warnings

import keras
import numpy as np
from keras import ops
from keras.src.saving import serialization_lib

from keras_t2i import losses
from keras_t2i.models.face_editor import networks
from keras_t2i.models.face_editor.alignment import align_face
from keras_t2i.models.face_editor.captioner import ImageCaptioner
from keras_t2i.models.face_editor.inversion import PhotoEncoder
from keras_t2i.models.face_editor.inversion import optimize_latents
from keras_t2i.models.face_editor.objective import Decay
from keras_t2i.models.face_editor.objective import Edits
from keras_t2i.models.face_editor.objective import Phrasing
from keras_t2i.models.face_editor.objective import before_and_after
from keras_t2i.models.face_editor.objective import words_about
from keras_t2i.models.face_editor.variants import CAPTIONER_OF
from keras_t2i.models.face_editor.variants import EDITORS
from keras_t2i.models.face_editor.variants import check_editor
from keras_t2i.models.face_features.model import FaceFeatures
from keras_t2i.models.preset_model import PresetModel
from keras_t2i.models.settings import check_whole_numbers
from keras_t2i.models.stylegan2.model import StyleGAN2
from keras_t2i.models.text_to_image import as_captions
from keras_t2i.text import CaptionReader
from keras_t2i.text import FOFETextEncoder
from keras_t2i.training import backend
from keras_t2i.training.latents import row_latents
from keras_t2i.training.model import seeded
from keras_t2i.training.part import Followers

# Latents whose mean and spread stand for all.
_MEASURED = 4096
# Training sees faces from so typical ones to any, as `truncation` has it.
_LEAST_TRUNCATION = 0.5
# Share of the texts in training that deny what they name.
_DENIED = 0.25

Edit = collections.namedtuple("Edit", "image latents similarity before rest")
Edit.__doc__ = """An edited face.

Attributes:
    image: uint8 `[H, W, 3]`, or `[N, H, W, 3]` of N latents.
    latents: float32 `[L, Z]` or `[N, L, Z]`, to edit further.
    similarity: how much the person still is who it was before: the cosine of
        the vectors that `FaceFeatures` gives to both pictures, a float or
        `[N]`. None without `features`.
    before: uint8 as `image`, drawn from the latents before the edit.
    rest: list of the words that the editor did not understand.
"""


@keras.saving.register_keras_serializable("keras_t2i")
class TextFaceEditor(PresetModel):
    """Changes a face by a sentence, and leaves the rest of it alone.

    A text becomes a code (FOFE, then an LSTM in both directions), the code
    moves the latent of a face, and a trained StyleGAN2, which stays as it is,
    draws it. What teaches the text code is a captioner that says what it sees
    in the drawn face.

    In the variant "patent", as the document has it, the captioner learns from
    the same drawn faces at the same time, so that both may agree on any sign.
    In the default it has learned from real captioned faces, and is held; a
    text of training names a few attributes, and what it does not name shall
    stay: the likelihood of other words, other attributes, the person, the
    latent. Texts are English or Chinese; both are read by one vocabulary.

    Args:
        image_size: None; or height and width of what the generator draws.
        variant: named settings: "default" is anchored in real faces, "patent"
            the document as it is written.
        generator: a trained `StyleGAN2`, or the name or folder of a preset
            with one.
        features: a trained `FaceFeatures`, or a preset, for how much a person
            stays the same, and for attributes in training. None goes without.
        encoder: an `inversion.PhotoEncoder` of the generator, which guesses
            the latents of photographs; a dict gives the arguments of a new
            one, which `fit` trains first on what the generator draws.
        captioner: a trained `ImageCaptioner`, or a preset. None trains a new
            one when `fit` is first called; a dict gives its arguments.
        text_encoder: `keras_t2i.text.FOFETextEncoder`; None makes one as wide
            as the latents.
        **settings: any setting of the variant, to change it:

            - `latent_space`: "w", each layer's style apart, or "z";
              `fusion`: "add" or "affine", see `networks.LatentFusion`.
            - `captioner_steps` of a captioner that is not given; 0 trains it
              together with the text encoder, on drawn faces and whole
              captions. `encoder_steps` of an encoder that is not given; 0
              makes none, and photographs cannot be edited.
            - `caption_weight` of the likelihood of the words that name what
              was edited, `kept_words_weight` of other words;
              `attribute_weight`, `kept_attributes_weight` of the attributes
              that `features` sees; `identity_weight`; `distance_weight` of the
              way in latent space; `l2_weight` of all trained weights.
            - `most_names`: how many attributes a text of training names.
            - `learning_rate` of Adam; its `schedule`, `decay_steps` as in
              `ImageCaptioner`.
            - `augment` of the drawn faces that are judged, "translation" or
              "cutout"; `seed` as in `keras_t2i.training.AdversarialModel`.

    Raises:
        ValueError: without a trained generator, or for parts of other sizes.

    Example:

    ```python
    faces = keras_t2i.data.load("faces/", image_size=64, batch_size=32)
    editor = keras_t2i.models.TextFaceEditor(generator="runs/stylegan2/model")
    editor.fit(faces, epochs=10)
    editor.generate("smiling, black hair, glasses", seed=7)
    ```
    """

    variants = EDITORS
    check_settings = staticmethod(check_editor)

    def __init__(
        self,
        image_size=None,
        variant="default",
        text_encoder=None,
        generator=None,
        features=None,
        encoder=None,
        captioner=None,
        **settings,
    ):
        generator = _part("generator", generator, StyleGAN2)
        features = _part("features", features, FaceFeatures)
        if not isinstance(captioner, dict):
            captioner = _part("captioner", captioner, ImageCaptioner)
        if generator is None:
            raise ValueError(
                "A TextFaceEditor changes faces that a trained StyleGAN2 "
                "draws. Give it as `generator`, or a preset that holds one "
                "(--with generator=PRESET)."
            )
        generator.check_built()
        _check_sizes(generator.image_size, image_size, features, captioner)
        if text_encoder in (None, "fofe"):
            known = captioner if isinstance(captioner, ImageCaptioner) else None
            with seeded(f"text encoder {settings.get('seed', 0)}"):
                text_encoder = FOFETextEncoder(
                    generator.settings["latent_width"],
                    lexicon=known and known.lexicon.get_config(),
                )
        _check_reader(text_encoder)
        super().__init__(None, variant, text_encoder, **settings)
        if not isinstance(captioner, ImageCaptioner):
            if captioner is None:
                captioner = CAPTIONER_OF.get(variant, {})
            captioner = ImageCaptioner(
                text_encoder=_reader_of(text_encoder),
                dtype=self.dtype_policy,
                name="captioner",
                **{"seed": self.seed, **captioner},
            )
        elif captioner.from_weights or captioner.step:
            steps = max(captioner.step, self.settings["captioner_steps"])
            captioner.optimizer.iterations.assign(steps)
        self.generator = generator
        self.features = features
        self.captioner = captioner
        if encoder is None and self.settings["encoder_steps"]:
            encoder = {}
        if isinstance(encoder, dict):
            encoder = PhotoEncoder(generator, **{"seed": self.seed, **encoder})
        self.encoder = encoder
        # Keras keeps the weights of what it finds among the attributes.
        self.encoder_network = encoder and encoder.network
        self.build_for(generator.image_size)

    def optimizers(self):
        return {"editor": keras.optimizers.Adam(Decay.of(self.settings))}

    @property
    def lexicon(self):
        return self.text_encoder.lexicon

    @property
    def joint(self):
        """Whether the captioner learns with the editor, as in the document."""
        return not self.settings["captioner_steps"]

    # Networks.

    def build_networks(self):
        s, width = self.settings, self.generator.settings["latent_width"]
        if s["latent_space"] == "z":
            if self.text_encoder.sentence_width != width:
                raise ValueError(
                    "In Z the text code must be as wide as the latents, "
                    f"{width}. Received: a text encoder of width "
                    f"{self.text_encoder.sentence_width}"
                )
            shape = (None, width)
        else:
            shape = (None, self.generator.num_styles, width)
        self.fusion = networks.LatentFusion(
            s["fusion"], s["latent_space"], dtype="float32"
        )
        self.fusion.build(shape, (None, self.text_encoder.sentence_width))
        if s["latent_space"] == "w":
            z = row_latents(0, range(_MEASURED), width)
            self.fusion.measure(self.generator.mapping_ema(z))
        if not self.captioner.built:
            self.captioner.build_for(self.image_size)
        self.phrasing = Phrasing(
            len(self.lexicon.names), self.captioner.text_encoder.max_length
        )
        names = () if self.features is None else self.features.attribute_names
        self.edits = Edits(self.lexicon, names)

    def networks(self):
        editor = [self.text_encoder, self.fusion]
        if self.joint:
            editor += self.captioner.networks()["captioner"]
        return {"editor": editor}

    def averaged(self):
        return []

    def preset_networks(self):
        networks = {
            "text_encoder": self.text_encoder,
            "fusion": self.fusion,
            "phrasing": self.phrasing,
        }
        for name, part in self._parts().items():
            for inner, network in part.preset_networks().items():
                networks[f"{name}.{inner}"] = network
        if self.encoder is not None:
            networks["encoder"] = self.encoder_network
        return networks

    def _parts(self):
        parts = {"generator": self.generator, "captioner": self.captioner}
        if self.features is not None:
            parts["features"] = self.features
        return parts

    def get_config(self):
        # The parts are made anew; their weights come with the others.
        parts = {
            name: {**part.settings, "image_size": part.image_size}
            for name, part in self._parts().items()
        }
        if self.captioner.settings["backbone"]:
            parts["captioner"]["backbone_weights"] = None
        if self.encoder is not None:
            parts["encoder"] = {"width": self.encoder.width}
        return {**super().get_config(), **parts}

    # Training.

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
        deviation = 1.0
        if s["latent_space"] == "w":
            deviation = ops.convert_to_tensor(self.fusion.deviation)
        distance = losses.latent_distance(start, end, deviation)
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
        z = self.draw_noise((count, self.generator.settings["latent_width"]))
        if self.settings["latent_space"] == "z":
            return z
        mean = ops.convert_to_tensor(self.generator.means.w)
        share = keras.random.uniform(
            (count, 1), _LEAST_TRUNCATION, 1.0, seed=self.seed_generator
        )
        w = mean + share * (self.generator.mapping_ema(z) - mean)
        return ops.repeat(w[:, None], self.generator.num_styles, axis=1)

    def moved(self, latents, codes, strength):
        """Latents on the way that a text says, `strength` [B] far."""
        way = self.fusion(latents, codes) - latents
        strength = ops.reshape(strength, [-1] + [1] * (len(way.shape) - 1))
        return latents + strength * way

    def picture(self, latents):
        """Float pictures [B, H, W, 3] in [-1, 1] of latents."""
        if self.settings["latent_space"] == "z":
            return self.generator(latents)
        return self.generator.synthesize(latents)

    def call(self, inputs, training=False):
        """Float pictures of (latents, codes [B, F])."""
        latents, codes = inputs
        return self.picture(self.fusion(latents, codes))

    # Use.

    @property
    def known_attributes(self):
        """Names of what captions of the training named."""
        known = ops.convert_to_numpy(self.phrasing.known())
        return [n for n, k in zip(self.lexicon.names, known) if k]

    @property
    def phrases(self):
        """What each of `known_attributes` is called, a list of str."""
        return list(map(self._phrase, self.known_attributes))

    def understood(self, text):
        """What a text asks for.

        Args:
            text: a sentence, English or Chinese.

        Returns:
            list of (name of an attribute, True if the text says so or False
            if it denies it), and the list of words that were not understood.

        Raises:
            ValueError: if the text names nothing that the editor knows.
        """
        (text,) = as_captions(text)
        reading = self.lexicon.read(text)
        known, asked = set(self.known_attributes), {}
        rest = list(reading.rest)
        for number in dict.fromkeys(n for n in reading.names if n):
            name = self.lexicon.names[number - 1]
            if name in known:
                asked[name] = number not in reading.negated
            else:
                rest.append(self._phrase(name))
        groups = collections.defaultdict(list)
        for name, said in asked.items():
            group = self.lexicon.attributes[name]["group"]
            if group and said:
                groups[group].append(self._phrase(name))
        for some in groups.values():
            if len(some) > 1:
                raise ValueError(
                    f"A face cannot be both {some[0]} and {some[1]}. Name one "
                    f"of them. Received: {text!r}"
                )
        if not asked:
            raise ValueError(self._nothing_known(text, rest))
        return list(asked.items()), rest

    def _phrase(self, name):
        return self.lexicon.attributes[name]["phrases"][0]

    def _nothing_known(self, text, rest):
        phrases, told = self.phrases, []
        for word in dict.fromkeys(rest):
            places = [p for p in phrases if word in p.split() and p != word]
            if places:
                places = ", ".join(places[:4])
                told.append(f"{word!r} is known in {places} only")
        told = f" ({'; '.join(told)})" if told else ""
        return (
            f"{text!r} names nothing that this editor knows{told}. It knows: "
            f"{', '.join(phrases)}."
        )

    def codes(self, text):
        """Codes of a text, each of a few names, with their signs.

        Args:
            text: a sentence.

        Returns:
            list of (float32 code [1, F], 1.0 or -1.0), and the words that
            were not understood.

        Raises:
            ValueError: as `understood`.
        """
        asked, rest = self.understood(text)
        if self.joint:
            # As it was trained: all words that it knows.
            if not all(said for _, said in asked):
                raise ValueError(
                    "An editor that learned captions as they are knows no "
                    f'denial such as "no glasses". Received: {text!r}'
                )
            rows = [self.lexicon.read(text).words]
            signs = [1.0]
        else:
            rows, signs = [], []
            for sign in (True, False):
                names = [name for name, said in asked if said == sign]
                most = self.settings["most_names"]
                for start in range(0, len(names), most):
                    some = names[start : start + most]
                    phrases = " ".join(map(self._phrase, some)).split()
                    rows.append([self.lexicon.rows[word] for word in phrases])
                    signs.append(1.0 if sign else -1.0)
        found = []
        for row, sign in zip(rows, signs):
            words = np.zeros((1, max(self.text_encoder.max_length, len(row))))
            words[0, : len(row)] = row
            found.append((self._code(words.astype("int32")), sign))
        return found, rest

    def edit(self, photo, text, strength=1.0, steps=50):
        """Changes the face of a photograph.

        Args:
            photo: uint8 [H, W, 3] of any size, or the path of a picture, with
                one face.
            text: what shall be, such as "smiling, black hair" or
                "微笑，黑头发"; or a list of texts, edits in a row.
            strength: 1 goes as far as in training, 0.5 half of the way; below
                0 it goes to the opposite.
            steps: of the search for the latents of the photo; 0 takes what
                the encoder says.

        Returns:
            `Edit` of one picture. Its `before` is what the generator draws of
            the photo without an edit.

        Raises:
            ValueError: for no face or several, for a text that names nothing
                the editor knows, or an editor without an `encoder`.
        """
        return self.edit_latents(self.invert([photo], steps)[0], text, strength)

    def edit_latents(self, latents, text, strength=1.0):
        """Changes faces that the generator draws.

        Args:
            latents: [L, Z] or [N, L, Z] in W (as `generator.styles_for` and
                `Edit.latents` are), [Z] or [N, Z] in Z.
            text, strength: as in `edit`.

        Returns:
            `Edit` of one or of N pictures.

        Raises:
            ValueError: for latents of another shape, or a text that names
                nothing the editor knows.
        """
        self.check_built()
        texts = as_captions(text)
        if not np.isfinite(strength):
            raise ValueError(
                f"`strength` must be a number. Received: {strength}"
            )
        start, one = self._checked(latents)
        asked = [self.codes(each) for each in texts]
        rest = [word for _, words in asked for word in words]
        if rest:
            warnings.warn(
                f"Not understood, and left out: {', '.join(rest)}", stacklevel=2
            )
        end = start
        for codes, _ in asked:
            for code, sign in codes:
                end = self._along(end, code, sign * strength)
        before, image = self.draw(start), self.draw(end)
        similarity = None
        if self.features is not None:
            similarity = self.features.similarity(before, image)
        if one:
            image, end, before = image[0], end[0], before[0]
            similarity = None if similarity is None else float(similarity[0])
        return Edit(image, end, similarity, before, rest)

    def _checked(self, latents):
        latents = np.asarray(latents, "float32")
        given = list(latents.shape)
        width = self.generator.settings["latent_width"]
        shape = (width,)
        if self.settings["latent_space"] == "w":
            shape = (self.generator.num_styles, width)
        one = latents.ndim == len(shape)
        latents = latents[None] if one else latents
        if latents.shape[1:] != shape or not len(latents):
            raise ValueError(
                f"Latents must be [N, {', '.join(map(str, shape))}]. "
                f"Received: {given}"
            )
        return latents, one

    def _along(self, latents, code, strength):
        codes = np.repeat(code, len(latents), axis=0)
        strength = np.full((len(latents),), strength, "float32")
        return np.asarray(self._move(latents, codes, strength))

    def draw(self, latents, batch_size=64):
        """uint8 pictures [N, H, W, 3] of N latents."""
        latents, _ = self._checked(latents)
        parts = [
            np.asarray(self._draw_batch(latents[start : start + batch_size]))
            for start in range(0, len(latents), batch_size)
        ]
        return np.concatenate(parts)

    def way(self, start, end, steps=16):
        """Pictures on the straight way from one latent to another.

        Args:
            start, end: latents of one picture each.
            steps: how many pictures, both ends among them.

        Returns:
            uint8 [steps, H, W, 3].
        """
        check_whole_numbers({"steps": steps}, {"steps": 2})
        (start, end), _ = self._checked(np.stack([start, end]))
        share = np.linspace(0.0, 1.0, steps, dtype="float32")
        share = share.reshape(-1, *[1] * start.ndim)
        return self.draw(start + share * (end - start))

    def invert(self, photos, steps=50):
        """Latents of photographs.

        Args:
            photos: list of N pictures as `edit` takes them.
            steps: as in `edit`.

        Returns:
            float32 NumPy array [N, L, Z].

        Raises:
            ValueError: as `edit`.
        """
        self.check_built()
        if self.settings["latent_space"] == "z":
            raise ValueError(
                "Photographs have latents in W, and this editor moves those of "
                "Z, as the document does. Use `edit_latents` or `generate`, or "
                'an editor with latent_space="w".'
            )
        if self.encoder is None:
            raise ValueError(
                "This editor has no `encoder` that finds the latents of a "
                "photograph. Make it with one, or use `edit_latents`."
            )
        faces = np.stack([align_face(p, self.image_size) for p in photos])
        latents = np.asarray(self.encoder.encode(faces))
        if steps:
            if self.features is None:
                raise ValueError(
                    "The search for the latents of a photograph needs the "
                    "`features` of faces, which this editor lacks. Make it "
                    "with them, or take what the encoder says: `steps=0`."
                )
            latents = optimize_latents(
                self.generator, self.features, faces, latents, steps
            )
        return np.asarray(latents, "float32")

    def edit_frames(self, frames, text, strength=1.0, steps=20, smoothing=1.5):
        """Changes the face of a film, frame by frame.

        Args:
            frames: list of N pictures as `edit` takes them, in their order.
            text, strength, steps: as in `edit`.
            smoothing: over how many frames to each side latents are averaged
                (the standard deviation of a bell curve), against flicker; 0
                takes each frame alone.

        Returns:
            `Edit` of N pictures.

        Raises:
            ValueError: as `edit`; the frame is named.
        """
        latents = smoothed(self.invert(frames, steps), smoothing)
        return self.edit_latents(latents, text, strength)

    def generate(
        self,
        text,
        seed=None,
        truncation=None,
        num_images=1,
        batch_size=None,
        strength=1.0,
    ):
        """Draws random faces, changed by texts.

        Args:
            text, seed, truncation, num_images, batch_size: as in every
                text-to-image model of the zoo. Picture i of each text is the
                same face before the edit.
            strength: as in `edit`.

        Returns:
            uint8 NumPy array [N * num_images, H, W, 3], in the order of the
            texts.

        Raises:
            ValueError: for a text that names nothing the editor knows, or a
                number out of its range.
        """
        texts = as_captions(text)
        check_whole_numbers({"num_images": num_images}, {"num_images": 1})
        size = 64 if batch_size is None else batch_size
        check_whole_numbers({"batch_size": size}, {"batch_size": 1})
        seed = secrets.randbits(31) if seed is None else seed
        start = self.latents_for(num_images, seed, truncation)
        ends = [self.edit_latents(start, t, strength).latents for t in texts]
        return self.draw(np.concatenate(ends), size)

    def latents_for(self, count, seed=None, truncation=None):
        """Latents of random faces, as `edit_latents` takes them.

        Args:
            count, seed, truncation: as in `StyleGAN2.styles_for`.
        """
        styles = self.generator.styles_for(count, seed, truncation)
        if self.settings["latent_space"] == "w":
            return styles
        width = self.generator.settings["latent_width"]
        seed = secrets.randbits(31) if seed is None else seed
        scale = 1.0 if truncation is None else truncation
        return row_latents(seed, range(count), width) * scale

    # Compiled once each.

    def _compiled(self, name, function):
        if name not in self._functions:
            self._functions[name] = backend.compiled(function, self)
        return self._functions[name]

    @property
    def _functions(self):
        return self.__dict__.setdefault("_compiled_functions", {})

    @property
    def _code(self):
        return self._compiled(
            "code", lambda words: self.text_encoder({"words": words}).sentence
        )

    @property
    def _move(self):
        return self._compiled("move", self.moved)

    @property
    def _draw_batch(self):
        return self._compiled(
            "draw", lambda latents: self.to_uint8(self.picture(latents))
        )


def smoothed(latents, smoothing):
    """Latents of frames, averaged over time.

    Args:
        latents: [N, ...].
        smoothing: standard deviation, in frames, of the weights; 0 for none.

    Returns:
        NumPy array [N, ...].

    Raises:
        ValueError: for a number below 0.
    """
    if not smoothing >= 0.0:
        raise ValueError(
            f"`smoothing` must be at least 0. Received: {smoothing}"
        )
    if not smoothing:
        return latents
    frames = np.arange(len(latents))
    weights = np.exp(
        -0.5 * ((frames[:, None] - frames[None]) / smoothing) ** 2
    )
    weights /= weights.sum(axis=1, keepdims=True)
    return np.tensordot(weights.astype("float32"), latents, axes=1)


def _part(name, part, cls):
    """A model that an editor is made of, from what a user or a file gives."""
    if isinstance(part, dict):
        return cls(**part)
    if isinstance(part, (str, os.PathLike)):
        if serialization_lib.in_safe_mode():
            raise ValueError(
                f"The file names a {name} that lies elsewhere, which it must "
                f"not: {str(part)!r}"
            )
        return cls.from_preset(part)
    if part is not None and not isinstance(part, cls):
        raise ValueError(
            f"`{name}` is a {cls.__name__}, or the name or folder of a preset "
            f"with one. Received: {part!r}"
        )
    return part


def _check_sizes(size, image_size, features, captioner):
    """Raises ValueError if a part is made for pictures of another size."""
    found = {"image_size": image_size}
    for name, part in (("features", features), ("captioner", captioner)):
        found[name] = getattr(part, "image_size", None)
    for name, other in found.items():
        if other not in (None, size):
            raise ValueError(
                f"The generator draws {size} x {size}; `{name}` is for "
                f"{other} x {other}. All must have one size."
            )


def _check_reader(text_encoder):
    if not isinstance(text_encoder, FOFETextEncoder):
        raise ValueError(
            "`text_encoder` must be a keras_t2i.text.FOFETextEncoder, which "
            f"knows what words name. Received: {text_encoder!r}"
        )


def _reader_of(text_encoder):
    """Reads captions as the text encoder does, without its weights."""
    return CaptionReader(
        text_encoder.max_length, text_encoder.lexicon.get_config()
    )
