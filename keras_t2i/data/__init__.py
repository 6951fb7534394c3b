"""Captioned pictures as `tf.data` datasets."""

from keras_t2i.data.drawing import shapes, shapes_captions
from keras_t2i.data.folder import load
from keras_t2i.data.oracle import shapes_accuracy

__all__ = ["load", "shapes", "shapes_accuracy", "shapes_captions"]
