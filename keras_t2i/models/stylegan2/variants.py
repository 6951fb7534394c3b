"""Named settings of StyleGAN2. Every other variant changes the default."""

import numbers

from keras_t2i.models.settings import check_choices
from keras_t2i.models.settings import check_whole_numbers

_DEFAULT = {
    # Networks. A map of r x r has `..._channels` / r channels.
    "latent_width": 128,
    "mapping_layers": 8,
    "mapping_rate": 0.01,  # learning rate of the mapping beside the others
    "generator_channels": 2048,
    "discriminator_channels": 1024,
    "max_channels": 256,
    "separable": False,  # convolutions over space and over channels apart
    # Objective.
    "style_mixing": 0.9,  # share of pictures drawn from two latents
    "path_length_weight": 2.0,
    "path_length_interval": 8,
    "path_length_decay": 0.01,
    # Training.
    "learning_rate": 2.5e-3,
    "beta_1": 0.0,
    "beta_2": 0.99,
    "updates": "simultaneous",
    "ema_decay": 0.999,
    "augment": ("translation",),
    "r1_weight": 0.05,
    "r1_interval": 16,
    "seed": 0,
}

VARIANTS = {
    "default": _DEFAULT,
    # For phones: an eighth of the multiplications a convolution.
    "efficient": {"separable": True},
    # Configuration F of Karras et al. 2020; R1 is for 1024 pixels.
    "stylegan2": {
        "latent_width": 512,
        "generator_channels": 32768,
        "discriminator_channels": 32768,
        "max_channels": 512,
        "path_length_interval": 4,
        "learning_rate": 2e-3,
        "updates": "alternating",
        "augment": (),
        "r1_weight": 10.0,
    },
}

_LEAST = {
    "latent_width": 1,
    "mapping_layers": 1,
    "generator_channels": 1,
    "discriminator_channels": 1,
    "max_channels": 1,
    "path_length_interval": 1,
}
_SHARES = ("style_mixing", "path_length_decay")
_POSITIVE = ("mapping_rate", "learning_rate")


def check(settings):
    """Refuses settings that make no model.

    Args:
        settings: dict with every setting.

    Raises:
        ValueError: in the user's words.
    """
    check_choices(settings, {"separable": (False, True)})
    check_whole_numbers(settings, _LEAST)
    for key in _SHARES:
        value = settings[key]
        if not isinstance(value, numbers.Real) or not 0.0 <= value <= 1.0:
            raise ValueError(
                f"`{key}` must lie in [0, 1]. Received: {value!r}"
            )
    for key in _POSITIVE:
        value = settings[key]
        if not isinstance(value, numbers.Real) or not value > 0.0:
            raise ValueError(
                f"`{key}` must be a number above 0. Received: {value!r}"
            )
    weight = settings["path_length_weight"]
    if not isinstance(weight, numbers.Real) or weight < 0.0:
        raise ValueError(
            "`path_length_weight` must be a number of at least 0. "
            f"Received: {weight!r}"
        )
