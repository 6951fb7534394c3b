"""What every model of the zoo has: settings, presets, configuration."""

import keras
import numpy as np
from keras import ops
from keras.src.saving import serialization_lib

from keras_t2i import text as text_lib
from keras_t2i.models import limits
from keras_t2i.models import presets
from keras_t2i.training import AdversarialModel
from keras_t2i.training.ema import copy_state
from keras_t2i.training.model import seeded


# Settings that are arguments of the training step.
_OF_TRAINING = (
    "updates",
    "ema_decay",
    "augment",
    "r1_weight",
    "r1_interval",
    "seed",
)


def resolve(class_name, variants, variant, changes):
    """All settings of a variant, with changes.

    Args:
        class_name: whose settings they are, for the error.
        variants: dict of variant -> settings. "default" holds all settings;
            the others hold what they change.
        variant: one of `variants`.
        changes: dict of settings that differ.

    Returns:
        dict with every setting.

    Raises:
        ValueError: for an unknown variant or setting.
    """
    if variant not in variants:
        raise ValueError(
            f"`variant` must be one of {sorted(variants)}. "
            f"Received: {variant!r}"
        )
    default = variants["default"]
    unknown = sorted(set(changes) - set(default))
    if unknown:
        raise ValueError(
            f"{class_name} has no setting {unknown}. It has {sorted(default)}."
        )
    return {**default, **variants[variant], **changes}


class PresetModel(AdversarialModel):
    """Adds settings and presets to the training step.

    A method says three things more:

    - `variants`, a dict of variant -> settings for `resolve`. All are JSON
      values; "default" has a `seed`, and a `text_encoder` if captions matter;
    - `check_settings(settings)` refuses settings that make no model;
    - `optimizers()` returns a dict of network name -> optimizer, made from
      `self.settings`.

    Args:
        image_size: height and width in pixels; None takes it from the first
            dataset.
        variant: one of `variants`.
        text_encoder: what `keras_t2i.text.get` takes; None for the variant's.
        **settings: any setting of the variant, to change it; and `name` and
            `dtype` as in Keras.
    """

    # True once a preset gave it weights.
    from_weights = False

    variants = {}

    def __init__(
        self, image_size=None, variant="default", text_encoder=None, **settings
    ):
        keras_arguments = {
            key: settings.pop(key) for key in ("name", "dtype") if key in settings
        }
        settings = resolve(
            type(self).__name__, self.variants, variant, settings
        )
        self.check_settings(settings)
        if text_encoder is not None and "text_encoder" not in settings:
            raise ValueError(
                f"{type(self).__name__} draws without words and takes no "
                f"`text_encoder`. Received: {text_encoder!r}"
            )
        encoder = settings.pop("text_encoder", None)
        encoder = encoder if text_encoder is None else text_encoder
        if encoder is not None:
            # One that is made here, by name, is as this seed makes it.
            with seeded(f"text encoder {settings['seed']}"):
                encoder = text_lib.get(encoder)
        super().__init__(
            image_size,
            encoder,
            **{key: settings[key] for key in _OF_TRAINING if key in settings},
            **keras_arguments,
        )
        self.settings = settings
        self.compile(self.optimizers())
        if image_size is not None:
            self.build_for(image_size)

    @staticmethod
    def check_settings(settings):
        """Raises ValueError for settings that make no model."""
        raise NotImplementedError

    def optimizers(self):
        """Dict of network name -> optimizer."""
        raise NotImplementedError

    def preset_networks(self):
        """Dict of name -> network whose weights a preset holds."""
        raise NotImplementedError

    def prepare_for_weights(self, names):
        """Makes those optional networks whose names are in `names`."""

    def start_from_averages(self):
        """Copies the averages into the networks that training moves."""
        for network, average in self.averaged():
            copy_state(average, network)

    def check_built(self):
        """Raises ValueError if there are no networks yet."""
        if not self.built:
            raise ValueError(
                "The model has no networks yet. Call `fit`, or load trained "
                "weights with `from_preset`."
            )

    def scaled_pictures(self, images):
        """A user's pictures as the networks take them.

        Args:
            images: uint8 [N, H, W, 3], or one picture [H, W, 3], of the
                model's size.

        Returns:
            float32 NumPy array [N, H, W, 3] in [-1, 1].

        Raises:
            ValueError: for pictures of another size or type, or a model that
                was neither trained nor loaded.
        """
        self.check_built()
        images = np.asarray(images)
        images = images[None] if images.ndim == 3 else images
        expected = (self.image_size, self.image_size, 3)
        if images.dtype != np.uint8 or images.shape[1:] != expected:
            raise ValueError(
                f"Pictures must be uint8 [N, {expected[0]}, {expected[1]}, 3]. "
                f"Received: {images.dtype} {list(images.shape)}"
            )
        return images.astype("float32") / 127.5 - 1.0

    def to_uint8(self, images):
        """Pictures in [-1, 1] as bytes."""
        scaled = ops.clip((images + 1.0) * 127.5, 0.0, 255.0)
        return ops.cast(ops.round(scaled), "uint8")

    @classmethod
    def from_preset(cls, name_or_path, safe_mode=True):
        """A model with trained weights.

        Args:
            name_or_path: name of a preset that ships with the package, or a
                folder that `save_to_preset` wrote.
            safe_mode: False lets the preset name a TF Hub module or
                SavedModel as its text encoder. TensorFlow runs those like
                programs: only for presets of people you trust.

        Raises:
            FileNotFoundError: if there is none of that name.
            ValueError: if it is damaged, unsafe, or holds another class of
                model.
        """
        return presets.load(name_or_path, cls, safe_mode)

    def save_to_preset(self, folder, metadata=None):
        """Writes the networks of `preset_networks()`, in float16.

        Args:
            folder: where `config.json`, `model.weights.h5` and
                `metadata.json` go.
            metadata: dict of further facts for `metadata.json`, such as data,
                protocol, scores and licence.
        """
        presets.save(self, folder, metadata)

    def get_config(self):
        encoder = {}
        if self.text_encoder is not None:
            serialize = keras.saving.serialize_keras_object
            encoder["text_encoder"] = serialize(self.text_encoder)
        return {
            **super().get_config(),
            "image_size": self.image_size,
            **encoder,
            # Optional networks must exist before their weights are read.
            "networks": sorted(self.preset_networks()) if self.built else [],
            **self.settings,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        if serialization_lib.in_safe_mode():  # It may be from a stranger.
            limits.check_sizes(config)
            with limits.at_most(limits.MAX_WEIGHTS):
                return cls._from_config(config, custom_objects)
        return cls._from_config(config, custom_objects)

    @classmethod
    def _from_config(cls, config, custom_objects):
        config = dict(config)
        config.pop("trainable", None)
        if "text_encoder" in cls.variants["default"]:
            config["text_encoder"] = keras.saving.deserialize_keras_object(
                config["text_encoder"], custom_objects
            )
        networks = config.pop("networks")
        model = cls(**config)
        if model.built:
            model.prepare_for_weights(networks)
        return model
