"""Captioned pictures as `tf.data` datasets, or as NumPy arrays on JAX."""

from keras_t2i.data.batches import Batches
from keras_t2i.data.drawing import shapes, shapes_captions
from keras_t2i.data.face_scenes import face_scenes
from keras_t2i.data.folder import load
from keras_t2i.data.oracle import shapes_accuracy
from keras_t2i.data.packing import pack
from keras_t2i.data.report import contact_sheet, inspect

__all__ = [
    "Batches",
    "contact_sheet",
    "face_scenes",
    "inspect",
    "load",
    "pack",
    "shapes",
    "shapes_accuracy",
    "shapes_captions",
]
