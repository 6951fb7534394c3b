"""The adversarial training step and what keeps a long training safe."""

from keras_t2i.training.augment import diff_augment
from keras_t2i.training.callbacks import JsonlLog
from keras_t2i.training.callbacks import SampleGrid
from keras_t2i.training.checkpoint import Checkpoint
from keras_t2i.training.checkpoint import restore
from keras_t2i.training.early_warnings import EarlyWarnings
from keras_t2i.training.gradients import input_gradient
from keras_t2i.training.guard import Guard
from keras_t2i.training.model import AdversarialModel
from keras_t2i.training.optimizer import AdversarialOptimizer

__all__ = [
    "AdversarialModel",
    "AdversarialOptimizer",
    "Checkpoint",
    "EarlyWarnings",
    "Guard",
    "JsonlLog",
    "SampleGrid",
    "diff_augment",
    "input_gradient",
    "restore",
]
