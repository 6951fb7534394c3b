"""Building blocks that more than one network uses."""

from keras_t2i.layers.minibatch import MinibatchDeviation
from keras_t2i.layers.standardize import standardize
