"""Building blocks that more than one network uses."""

from keras_t2i.layers.compact import compact_trunk
from keras_t2i.layers.compact import steered_batch_norm
from keras_t2i.layers.compact import steered_conv
from keras_t2i.layers.fofe import FOFE
from keras_t2i.layers.memory import DynamicMemory
from keras_t2i.layers.memory import WordAttention
from keras_t2i.layers.minibatch import MinibatchDeviation
from keras_t2i.layers.projection import ProjectionHead
from keras_t2i.layers.sizes import up_samplings
from keras_t2i.layers.spectral import SpectralConv2D
from keras_t2i.layers.standardize import standardize
from keras_t2i.layers.upsample import Upsample
