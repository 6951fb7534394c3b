"""Captioned pictures as `tf.data` datasets."""

from keras_t2i.data.folder import load

__all__ = ["load"]
