"""keras_t2i: text-to-image GANs and text-driven face editing for Keras 3.

Its parts are imported on first use, so `import keras_t2i` costs what
`import keras` costs and works where TensorFlow is not installed. After
`import keras` it also registers its classes, so that
`keras.saving.load_model` reads what `model.save` wrote.
"""

import importlib
import sys

__version__ = "0.1.0"

_SUBPACKAGES = (
    "data",
    "export",
    "layers",
    "losses",
    "metrics",
    "models",
    "pictures",
    "text",
    "training",
    "voice",
)

__all__ = ["__version__", *_SUBPACKAGES]


def __getattr__(name):
    if name in _SUBPACKAGES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)


if "keras" in sys.modules:
    importlib.import_module("keras_t2i.models")
