"""Named settings of FaceFeatures. Every other variant changes the default."""

import numbers

from keras_t2i.models.settings import check_choices
from keras_t2i.models.settings import check_whole_numbers

_DEFAULT = {
    # What the faces of the data have; empty: read from the first dataset.
    "attribute_names": (),
    "attribute_rates": (),  # share of the training pictures that have each
    "num_identities": 0,
    # Networks.
    "architecture": "residual",  # or "pooled"
    "width": 32,
    "identity_width": 128,
    "dropout": 0.3,
    # Objective.
    "attribute_weight": 1.0,
    "identity_weight": 0.03,
    "identity_scale": 16.0,
    "identity_margin": 0.2,
    # Training.
    "learning_rate": 1e-3,
    "decay_steps": None,
    "beta_1": 0.9,
    "weight_decay": 0.05,
    "augment": ("translation",),
    "seed": 0,
}

VARIANTS = {
    "default": _DEFAULT,
    # For measuring alone: another trunk, and (with `fold` 2/2) other persons.
    "judge": {"architecture": "pooled", "width": 16},
}

_LEAST = {"width": 1, "identity_width": 1, "num_identities": 0}


def check(settings):
    """Refuses settings that make no model.

    Args:
        settings: dict with every setting.

    Raises:
        ValueError: in the user's words.
    """
    check_choices(settings, {"architecture": ("residual", "pooled")})
    check_whole_numbers(settings, _LEAST)
    names, rates = settings["attribute_names"], settings["attribute_rates"]
    if len(rates) != len(names) or not all(0.0 < r < 1.0 for r in rates):
        raise ValueError(
            "`attribute_rates` must have a number between 0 and 1 for each of "
            f"the {len(names)} `attribute_names`. Received: {rates!r}"
        )
    if not 0.0 <= settings["dropout"] < 1.0:
        raise ValueError(
            f"`dropout` must lie in [0, 1). Received: {settings['dropout']}"
        )
    for key in (
        "attribute_weight",
        "identity_weight",
        "identity_margin",
        "weight_decay",
    ):
        value = settings[key]
        if not isinstance(value, numbers.Real) or value < 0.0:
            raise ValueError(
                f"`{key}` must be a number of at least 0. Received: {value!r}"
            )
    for key in ("identity_scale", "learning_rate"):
        value = settings[key]
        if not isinstance(value, numbers.Real) or not value > 0.0:
            raise ValueError(
                f"`{key}` must be a number above 0. Received: {value!r}"
            )
    if settings["decay_steps"] is not None:
        check_whole_numbers(settings, {"decay_steps": 1})
