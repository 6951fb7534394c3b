"""What every model of the zoo has: settings, presets, configuration."""

import keras

from keras_t2i.models import presets
from keras_t2i.training import AdversarialModel
from keras_t2i.training.ema import copy_state


class PresetModel(AdversarialModel):
    """Adds presets to the training step.

    A method keeps its resolved settings, a dict of JSON values that its
    constructor takes, in `self.settings`.
    """

    # True once a preset gave it weights.
    from_weights = False

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

    @classmethod
    def from_preset(cls, name_or_path):
        """A model with trained weights.

        Args:
            name_or_path: name of a preset that ships with the package, or a
                folder that `save_to_preset` wrote.

        Raises:
            FileNotFoundError: if there is none of that name.
            ValueError: if it is damaged or holds another class of model.
        """
        return presets.load(name_or_path, cls)

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
        return {
            **super().get_config(),
            "image_size": self.image_size,
            "text_encoder": keras.saving.serialize_keras_object(
                self.text_encoder
            ),
            # Optional networks must exist before their weights are read.
            "networks": sorted(self.preset_networks()) if self.built else [],
            **self.settings,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        config.pop("trainable", None)
        config["text_encoder"] = keras.saving.deserialize_keras_object(
            config["text_encoder"], custom_objects
        )
        networks = config.pop("networks")
        model = cls(**config)
        if model.built:
            model.prepare_for_weights(networks)
        return model
