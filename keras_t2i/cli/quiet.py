"""Keeps away from the user what is not for them."""

import contextlib
import os
import sys
import warnings


@contextlib.contextmanager
def one_line_warnings():
    """Warnings in one line, and only those that a user can act on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", UserWarning)
        # TensorFlow Hub imports it; setup.cfg bounds setuptools for that.
        warnings.filterwarnings("ignore", "pkg_resources is deprecated")
        warnings.showwarning = _show
        yield


def _show(message, category, filename, lineno, file=None, line=None):
    print(f"keras-t2i: warning: {message}", file=sys.stderr)


def load_tensorflow():
    """Imports TensorFlow without its greetings. Verbs call this first.

    On JAX there may be no TensorFlow, and none is needed.

    Its C++ part tells at start which GPU drivers it did not find, and heeds
    no log level in that; so standard error is closed to it for that time.
    `TF_CPP_MIN_LOG_LEVEL=0` in the environment shows everything.
    """
    if os.environ.get("KERAS_BACKEND") == "jax":
        return
    level = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Off by default on CPUs without AVX-512; a training step of GANCLS took
    # about 0.8 of the time with it on one that has AVX2 only.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    from absl import logging

    logging.set_verbosity(logging.ERROR)
    if level in ("0", "1"):
        return
    sys.stderr.flush()
    stderr = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import tensorflow as tf

        tf.config.list_logical_devices()
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)
