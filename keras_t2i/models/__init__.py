"""The model zoo: one class a method."""

from keras_t2i.models.disentangled.model import ModalityDisentangledT2I
from keras_t2i.models.gan_cls.model import GANCLS
from keras_t2i.models.matching.model import ImageTextMatcher
from keras_t2i.models.presets import load as from_preset
from keras_t2i.models.presets import shipped_names as preset_names

__all__ = ["GANCLS", "ImageTextMatcher", "ModalityDisentangledT2I"]
