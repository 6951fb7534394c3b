"""How large a model may be that a file of a stranger describes."""

import contextlib
import math

import keras

# Four bytes each, and the optimizer's slots come on top.
MAX_WEIGHTS = 500_000_000
MAX_SIZE = 65_536
# Settings that take no memory, by parts of their names.
_ANY_NUMBER = ("seed", "steps", "interval")


def check_sizes(config, key=""):
    """Refuses widths, lengths and the like that no model has.

    Args:
        config: JSON values, nested.
        key: what errors call a value that is no dict.

    Raises:
        ValueError: a number is too large.
    """
    if isinstance(config, dict):
        for name, value in config.items():
            check_sizes(value, name)
    elif isinstance(config, list):
        for value in config:
            check_sizes(value, key)
    elif isinstance(config, int) and abs(config) > MAX_SIZE:
        if not any(word in key for word in _ANY_NUMBER):
            raise ValueError(
                f"`{key}` must be at most {MAX_SIZE}. Received: {config}"
            )


@contextlib.contextmanager
def at_most(count):
    """Layers made inside may have so many weights in all, and no more.

    Raises:
        ValueError: before a layer that would have more takes its memory.
    """
    add_weight, made = keras.Layer.add_weight, 0

    def counted(layer, shape=None, *args, **kwargs):
        nonlocal made
        made += math.prod(shape or ())
        if made > count:
            raise ValueError(
                f"the networks have more than {count} weights, too many for "
                "such a file"
            )
        return add_weight(layer, shape, *args, **kwargs)

    keras.Layer.add_weight = counted
    try:
        yield
    finally:
        keras.Layer.add_weight = add_weight
