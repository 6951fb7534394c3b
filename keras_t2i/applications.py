"""Networks of `keras.applications` by name."""

import keras
from keras.src.saving import serialization_lib


def load(name, weights="imagenet", pooling=None):
    """A network without its classifier.

    Args:
        name: of the network, such as "InceptionV3".
        weights: "imagenet", taken from the cache of Keras or downloaded; the
            path of a file; or None for random ones.
        pooling: None for maps, "avg" for their means.

    Returns:
        The `keras.Model`, the height and width that it was trained at, and
        the function that brings pictures in [0, 255] into its range.

    Raises:
        ValueError: for an unknown name, or weights that cannot be had.
    """
    make = getattr(keras.applications, name, None)
    if not name[:1].isupper() or not callable(make):
        known = [n for n in dir(keras.applications) if n[0].isupper()]
        raise ValueError(
            f"keras.applications has no {name!r}. It has {known}."
        )
    # The sizes that the networks were trained at, where it is not 224.
    size = {"InceptionV3": 299, "Xception": 299}.get(name, 224)
    if weights is not None and serialization_lib.in_safe_mode():
        raise ValueError(
            f"The file names weights that lie elsewhere: {weights!r}. If you "
            "trust it, load it with safe_mode=False."
        )
    try:
        network = make(
            include_top=False,
            weights=weights,
            input_shape=(size, size, 3),
            pooling=pooling,
        )
    except Exception as error:  # Keras gives any failed download as such.
        raise ValueError(
            f"The weights {weights!r} of {name} are neither in the cache of "
            "Keras nor can they be downloaded. Copy the file into "
            "~/.keras/models, or give its path. "
            f"({error})"
        ) from error
    module = make.__module__.rsplit(".", 1)[-1]
    return network, size, getattr(keras.applications, module).preprocess_input
