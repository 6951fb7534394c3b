"""TextFaceEditor: changes a face by what a text says.

Document 003 of the specification, a patent application on face pictures that
change by a description, and a form of it whose edits are anchored in captions
of real faces.
"""

import keras
from keras import ops

from keras_t2i.models.face_editor import networks
from keras_t2i.models.face_editor import parts
from keras_t2i.models.face_editor.captioner import ImageCaptioner
from keras_t2i.models.face_editor.editing import Editing
from keras_t2i.models.face_editor.inversion import PhotoEncoder
from keras_t2i.models.face_editor.objective import Decay
from keras_t2i.models.face_editor.objective import Edits
from keras_t2i.models.face_editor.objective import Phrasing
from keras_t2i.models.face_editor.training import EditorTraining
from keras_t2i.models.face_editor.variants import CAPTIONER_OF
from keras_t2i.models.face_editor.variants import EDITORS
from keras_t2i.models.face_editor.variants import check_editor
from keras_t2i.models.face_editor.wording import Wording
from keras_t2i.models.face_features.model import FaceFeatures
from keras_t2i.models.preset_model import PresetModel
from keras_t2i.models.stylegan2.model import StyleGAN2
from keras_t2i.text import FOFETextEncoder
from keras_t2i.training import backend
from keras_t2i.training.latents import row_latents
from keras_t2i.training.model import seeded

# Latents whose mean and spread stand for all.
_MEASURED = 4096


@keras.saving.register_keras_serializable("keras_t2i")
class TextFaceEditor(Wording, Editing, EditorTraining, PresetModel):
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
        generator = parts.as_model("generator", generator, StyleGAN2)
        features = parts.as_model("features", features, FaceFeatures)
        if not isinstance(captioner, dict):
            captioner = parts.as_model("captioner", captioner, ImageCaptioner)
        if generator is None:
            raise ValueError(
                "A TextFaceEditor changes faces that a trained StyleGAN2 "
                "draws. Give it as `generator`, or a preset that holds one "
                "(--with generator=PRESET)."
            )
        generator.check_built()
        parts.check_sizes(generator.image_size, image_size, features, captioner)
        if text_encoder in (None, "fofe"):
            known = captioner if isinstance(captioner, ImageCaptioner) else None
            with seeded(f"text encoder {settings.get('seed', 0)}"):
                text_encoder = FOFETextEncoder(
                    generator.settings["latent_width"],
                    lexicon=known and known.lexicon.get_config(),
                )
        parts.check_reader(text_encoder)
        super().__init__(None, variant, text_encoder, **settings)
        if not isinstance(captioner, ImageCaptioner):
            if captioner is None:
                captioner = CAPTIONER_OF.get(variant, {})
            captioner = ImageCaptioner(
                text_encoder=parts.reader_of(text_encoder),
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
        found = {"generator": self.generator, "captioner": self.captioner}
        if self.features is not None:
            found["features"] = self.features
        return found

    def get_config(self):
        # The parts are made anew; their weights come with the others.
        made = {
            name: {**part.settings, "image_size": part.image_size}
            for name, part in self._parts().items()
        }
        if self.captioner.settings["backbone"]:
            made["captioner"]["backbone_weights"] = None
        if self.encoder is not None:
            made["encoder"] = {"width": self.encoder.width}
        return {**super().get_config(), **made}

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
