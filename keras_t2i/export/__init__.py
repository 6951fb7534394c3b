"""Trained models for other programs: TF Serving."""

from keras_t2i.export.serving import to_serving

__all__ = ["to_serving"]
