"""Named settings of FaceLocator."""

import numbers

from keras_t2i.models.settings import check_whole_numbers

VARIANTS = {
    "default": {
        "width": 12,  # channels at half of the size
        "place_weight": 2.0,
        "learning_rate": 2e-3,
        "decay_steps": None,
        "beta_1": 0.9,
        "weight_decay": 0.01,
        "seed": 0,
    }
}


def check(settings):
    """Refuses settings that make no model.

    Args:
        settings: dict with every setting.

    Raises:
        ValueError: in the user's words.
    """
    check_whole_numbers(settings, {"width": 1})
    if settings["decay_steps"] is not None:
        check_whole_numbers(settings, {"decay_steps": 1})
    for key in ("place_weight", "weight_decay"):
        value = settings[key]
        if not isinstance(value, numbers.Real) or not value >= 0.0:
            raise ValueError(
                f"`{key}` must be a number of at least 0. Received: {value!r}"
            )
    rate = settings["learning_rate"]
    if not isinstance(rate, numbers.Real) or not rate > 0.0:
        raise ValueError(
            f"`learning_rate` must be a number above 0. Received: {rate!r}"
        )
