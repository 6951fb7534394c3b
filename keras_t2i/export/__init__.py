"""Trained models for other programs: TF Serving and LiteRT."""

from keras_t2i.export.litert import LiteRTReport
from keras_t2i.export.litert import to_litert
from keras_t2i.export.litert_file import LiteRTModel
from keras_t2i.export.serving import to_serving

__all__ = ["LiteRTModel", "LiteRTReport", "to_litert", "to_serving"]
