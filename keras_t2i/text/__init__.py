"""Text encoders: strings to sentence and word features."""

from keras_t2i.text.bilstm import BiLSTMTextEncoder
from keras_t2i.text.char_cnn_rnn import CharCNNRNNTextEncoder
from keras_t2i.text.encoder import TextEncoder
from keras_t2i.text.encoder import TextFeatures
from keras_t2i.text.features import FeatureCache
from keras_t2i.text.fofe import FOFETextEncoder
from keras_t2i.text.hub import HubTextEncoder
from keras_t2i.text.joint_embedding import JointEmbedding
from keras_t2i.text.ngrams import BagOfNGramsEncoder
from keras_t2i.text.lexicon import Lexicon
from keras_t2i.text.presets import get
from keras_t2i.text.reader import CaptionReader

__all__ = [
    "BiLSTMTextEncoder",
    "BagOfNGramsEncoder",
    "CaptionReader",
    "CharCNNRNNTextEncoder",
    "FOFETextEncoder",
    "FeatureCache",
    "HubTextEncoder",
    "JointEmbedding",
    "Lexicon",
    "TextEncoder",
    "TextFeatures",
    "get",
]
