"""The model zoo: one class a method."""

from keras_t2i.models.disentangled.model import ModalityDisentangledT2I
from keras_t2i.models.face_editor.captioner import ImageCaptioner
from keras_t2i.models.face_editor.model import TextFaceEditor
from keras_t2i.models.face_features.model import FaceFeatures
from keras_t2i.models.face_locator.model import FaceLocator
from keras_t2i.models.gan_cls.model import GANCLS
from keras_t2i.models.gated.model import GatedT2I
from keras_t2i.models.matching.model import ImageTextMatcher
from keras_t2i.models.presets import load as from_preset
from keras_t2i.models.presets import shipped_names as preset_names
from keras_t2i.models.progressive.model import ProgressiveT2I
from keras_t2i.models.stylegan2.model import StyleGAN2

__all__ = [
    "FaceFeatures",
    "FaceLocator",
    "GANCLS",
    "GatedT2I",
    "ImageCaptioner",
    "ImageTextMatcher",
    "ModalityDisentangledT2I",
    "ProgressiveT2I",
    "StyleGAN2",
    "TextFaceEditor",
]
