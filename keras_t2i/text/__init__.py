"""Text encoders: strings to sentence and word features."""

from keras_t2i.text.encoder import TextEncoder
from keras_t2i.text.encoder import TextFeatures
from keras_t2i.text.features import FeatureCache
from keras_t2i.text.hub import HubTextEncoder
from keras_t2i.text.ngrams import BagOfNGramsEncoder
from keras_t2i.text.presets import get

__all__ = [
    "BagOfNGramsEncoder",
    "FeatureCache",
    "HubTextEncoder",
    "TextEncoder",
    "TextFeatures",
    "get",
]
