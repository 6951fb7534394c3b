"""Named settings of GatedT2I. Every other variant changes the default."""

import numbers

from keras_t2i.models.settings import check_choices
from keras_t2i.models.settings import check_whole_numbers

_DEFAULT = {
    "text_encoder": "minilm",
    # Networks.
    "architecture": "compact",  # or "patent"
    "latent_width": 64,  # with noise="add" it is the sentence's
    "text_width": 160,  # of the encoder's first layer, which steers too
    "generator_width": 24,
    "discriminator_width": 48,
    "noise": "concat",  # or "add"
    "noise_scale": 0.1,  # "add" only: of the noise on standardised sentences
    "gates": "pointwise",  # "full", "pointwise" or "none"
    "word_attention": False,  # True lets the decoder listen to single words
    "global_width": 256,  # "compact" only
    # Of what the contrastive losses compare. None: as wide as the words, which
    # then stay as they are.
    "region_width": 128,
    # Objective.
    "adversarial_loss": "bce",  # or "hinge"
    "cls_weight": 0.5,  # of wrong pairs; 0 as in the document
    "realism_weight": 1.0,  # D also judges without the words
    # At 1, and gamma3 at 50, the words outweigh the look of the pictures.
    "region_weight": 0.2,
    "global_weight": 0.2,
    "keywords": "weighted",  # or "all"
    "num_keywords": 8,  # "weighted" only: how many of a caption's words count
    "temperature": 0.1,  # of the global loss
    "gamma1": 5.0,  # of the region loss
    "gamma2": 5.0,
    "gamma3": 10.0,
    "text_noise": 0.3,  # length of the noise on unit-length sentences
    "mode_seeking_weight": 0.2,  # 0 trusts the noise to be used
    # Training.
    "generator_learning_rate": 3e-4,
    "discriminator_learning_rate": 3e-4,
    "beta_1": 0.5,
    "updates": "simultaneous",
    "ema_decay": 0.999,
    "augment": ("translation",),
    "r1_weight": 0.05,
    "r1_interval": 16,
    "seed": 0,
}

VARIANTS = {
    "default": _DEFAULT,
    # The document, with the sizes and rates of XMC-GAN that it leaves open,
    # for 128 and 256 pixels.
    "patent": {
        "architecture": "patent",
        "latent_width": 128,
        "text_width": 512,
        "generator_width": 64,
        "discriminator_width": 64,
        "gates": "full",
        "region_width": None,
        "adversarial_loss": "hinge",
        "cls_weight": 0.0,
        "realism_weight": 0.0,
        "region_weight": 1.0,
        "global_weight": 1.0,
        "gamma3": 50.0,
        "text_noise": 0.0,
        "mode_seeking_weight": 0.0,
        "generator_learning_rate": 1e-4,
        "discriminator_learning_rate": 4e-4,
        "updates": "alternating",
        "augment": (),
        "r1_weight": 0.0,
    },
    # Narrow, for `data.shapes` at 32 pixels on a CPU.
    "shapes": {
        "text_encoder": "bag_of_ngrams",
        "text_width": 256,
        "generator_width": 16,
        "discriminator_width": 16,
        "region_width": 64,
        "realism_weight": 0.0,
        "text_noise": 0.0,
        "mode_seeking_weight": 0.0,
        "generator_learning_rate": 5e-4,
        "discriminator_learning_rate": 5e-4,
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
    "discriminator_width": 2,
    "global_width": 1,
    "num_keywords": 1,
}
# Numbers -> whether 0 is allowed too.
_NUMBERS = {
    "noise_scale": True,
    "cls_weight": True,
    "realism_weight": True,
    "region_weight": True,
    "global_weight": True,
    "temperature": False,
    "gamma1": False,
    "gamma2": False,
    "gamma3": False,
    "text_noise": True,
    "mode_seeking_weight": True,
    "generator_learning_rate": True,
    "discriminator_learning_rate": True,
    "beta_1": True,
}
_CHOICES = {
    "architecture": ("compact", "patent"),
    "noise": ("concat", "add"),
    "gates": ("full", "pointwise", "none"),
    "word_attention": (False, True),
    "adversarial_loss": ("hinge", "bce"),
    "keywords": ("weighted", "all"),
}


def check(settings):
    """Refuses settings that make no model.

    Args:
        settings: dict with every setting.

    Raises:
        ValueError: in the user's words.
    """
    check_choices(settings, _CHOICES)
    least = dict(_LEAST)
    if settings["region_width"] is not None:
        least["region_width"] = 1
    check_whole_numbers(settings, least)
    for key, zero in _NUMBERS.items():
        value = settings[key]
        number = isinstance(value, numbers.Real)
        if not number or value < 0 or (value == 0 and not zero):
            raise ValueError(
                f"`{key}` must be a number {'of at least' if zero else 'above'}"
                f" 0. Received: {value!r}"
            )
    if settings["cls_weight"] >= 1.0:
        raise ValueError(
            "`cls_weight` must lie in [0, 1). "
            f"Received: {settings['cls_weight']}"
        )
