"""Named settings of GANCLS. Every other variant changes the default."""

import numbers

from keras_t2i.models.settings import check_choices
from keras_t2i.models.settings import check_whole_numbers

_DEFAULT = {
    "text_encoder": "minilm",
    # Networks.
    "architecture": "compact",  # or "reed2016"
    "latent_width": 64,
    "text_width": 128,
    "generator_width": 32,
    "discriminator_width": 64,
    "style_encoder_width": 32,
    "joint_size": 4,  # "reed2016" only: 4 as published, 2 as in the note
    "normalize_first": False,  # "reed2016" only: also D's first convolution
    # Objective.
    "cls_weight": 0.5,  # 0 makes a plain GAN
    "wrong_pairs": "all",  # "image", "text", or all pairs of a batch
    "realism_weight": 1.0,  # "compact" only: D also judges without the words
    "coarse_weight": 1.0,  # "compact" only: D also judges large shapes alone
    "text_noise": 0.3,  # length of the noise on unit-length sentences
    # 0 trusts the noise to be used. At 0.5 flowers got white holes, which
    # closed again, and scores rose, when training went on with 0.05.
    "mode_seeking_weight": 0.05,
    "matching_warmup_steps": 0,
    "interpolate": False,  # True adds GAN-INT: half as much work again
    "interpolation_beta": 0.5,
    # Training.
    "learning_rate": 3e-4,
    "learning_rate_halving_steps": 0,  # 0 keeps the rate
    "beta_1": 0.5,
    "updates": "simultaneous",
    "ema_decay": 0.999,
    "augment": ("translation",),
    "r1_weight": 0.05,
    "r1_interval": 16,
    "seed": 0,
}

# Reed et al. 2016 and its flowers script (methods, sections 6.2 to 6.5). That
# script shows the mean of four captions a picture: load the data with
# `captions_per_picture=4`. Its rate halves every 100 epochs of 110 steps. It
# has no moving average; here `generate` uses one, and training never does.
_REED2016 = {
    "architecture": "reed2016",
    "latent_width": 100,
    "generator_width": 128,
    "discriminator_width": 64,
    "style_encoder_width": 64,
    "wrong_pairs": "image",
    "realism_weight": 0.0,
    "coarse_weight": 0.0,
    "text_noise": 0.0,
    "mode_seeking_weight": 0.0,
    "interpolate": True,
    "learning_rate": 2e-4,
    "updates": "alternating",
    "learning_rate_halving_steps": 11_000,
    "augment": (),
    "r1_weight": 0.0,
}

VARIANTS = {
    "default": _DEFAULT,
    "reed2016": _REED2016,
    # The reading note: text joins at 2 x 2, every layer of D is normalised.
    "note": {**_REED2016, "joint_size": 2, "normalize_first": True},
    # Narrow, for `data.shapes` at 32 pixels on a CPU.
    "shapes": {
        "text_encoder": "bag_of_ngrams",
        "generator_width": 16,
        "discriminator_width": 16,
        "realism_weight": 0.0,
        "coarse_weight": 0.0,
        "text_noise": 0.0,
        "mode_seeking_weight": 0.0,
        "learning_rate": 5e-4,
        "ema_decay": 0.99,
        "augment": (),
        "r1_weight": 0.0,
    },
}


# Whole numbers -> the least that makes a model.
_LEAST = {
    "latent_width": 1,
    "text_width": 1,
    "generator_width": 1,
    "discriminator_width": 1,
    "style_encoder_width": 1,
    "matching_warmup_steps": 0,
    "learning_rate_halving_steps": 0,
}
_NUMBERS = (
    "cls_weight",
    "realism_weight",
    "coarse_weight",
    "text_noise",
    "mode_seeking_weight",
    "interpolation_beta",
    "learning_rate",
    "beta_1",
)
_CHOICES = {
    "architecture": ("compact", "reed2016"),
    "wrong_pairs": ("image", "text", "all"),
    "joint_size": (4, 2),
}


def check(settings):
    """Refuses settings that make no model.

    Args:
        settings: dict with every setting.

    Raises:
        ValueError: in the user's words.
    """
    check_choices(settings, _CHOICES)
    check_whole_numbers(settings, _LEAST)
    for key in _NUMBERS:
        if not isinstance(settings[key], numbers.Real):
            raise ValueError(
                f"`{key}` must be a number. Received: {settings[key]!r}"
            )
    if settings["architecture"] == "compact" and (
        settings["joint_size"] != 4 or settings["normalize_first"]
    ):
        raise ValueError(
            "`joint_size` and `normalize_first` belong to the discriminator of "
            'the "reed2016" architecture; "compact" joins at 4 x 4 without '
            'normalisation. Set variant="reed2016" or variant="note". '
            f"Received: joint_size={settings['joint_size']}, "
            f"normalize_first={settings['normalize_first']}"
        )
    if settings["architecture"] == "reed2016" and settings["wrong_pairs"] == "all":
        raise ValueError(
            'All wrong pairs at once need the projection of the "compact" '
            'architecture. Set `wrong_pairs` to "image" or "text".'
        )
    for key in ("realism_weight", "coarse_weight"):
        if settings["architecture"] == "reed2016" and settings[key]:
            raise ValueError(
                "A judgement without the words belongs to the "
                f'"compact" architecture. Set `{key}` to 0.'
            )
    for key in (
        "realism_weight",
        "coarse_weight",
        "text_noise",
        "mode_seeking_weight",
    ):
        if settings[key] < 0.0:
            raise ValueError(
                f"`{key}` must be at least 0. Received: {settings[key]}"
            )
    if not 0.0 <= settings["cls_weight"] < 1.0:
        raise ValueError(
            f"`cls_weight` must lie in [0, 1). Received: {settings['cls_weight']}"
        )
    if not 0.0 <= settings["interpolation_beta"] <= 1.0:
        raise ValueError(
            "`interpolation_beta` must lie in [0, 1]. "
            f"Received: {settings['interpolation_beta']}"
        )
