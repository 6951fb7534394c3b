"""Named settings of ProgressiveT2I. Every other variant changes the default."""

import numbers

from keras_t2i.models.settings import check_choices
from keras_t2i.models.settings import check_whole_numbers

_DEFAULT = {
    "text_encoder": "minilm",
    # Networks.
    "architecture": "compact",  # or "published"
    "latent_width": 64,
    "text_width": 128,  # "compact" only: of the sentence that steers
    "generator_width": 20,
    "discriminator_width": 40,
    "stage1_up_samplings": None,  # None starts at 4 x 4
    "stage1_condition": False,  # True tells stage 1 the sentence
    "condition_width": 100,  # of the augmented sentence in stage 1
    "stage_gradients": "isolated",  # or "joint"
    "fusion": "memory",  # or "attention"
    "num_residual": 1,
    "num_words": 20,
    # Objective.
    "adversarial_scale": 1.0,  # of the generator's adversarial losses
    "mismatch_loss": True,  # wrong pairs for discriminators 2 and 3
    "realism_weight": 1.0,  # "compact" only: D also judges without the words
    # Of the matcher's losses, 4 : 1 in stage 3. A small matcher that was trained
    # from scratch is soon fooled (drawn pictures please it more than real ones
    # do, by patterns of dots), so the discriminators count more.
    "stage2_sentence_weight": 0.1,
    "stage3_sentence_weight": 0.2,
    "stage3_word_weight": 0.05,
    "kl_weight": 1.0,  # only with `stage1_condition`
    "text_noise": 0.3,  # length of the noise on texts of length 1
    # The image-text matcher, if none is given.
    "matcher_steps": 1000,
    # Training.
    "optimizer": "adam",  # or "adamax"
    "learning_rate": 4e-4,
    "beta_1": 0.5,
    "updates": "simultaneous",
    "ema_decay": 0.999,
    "augment": ("translation",),
    "r1_weight": 0.05,
    "r1_interval": 16,
    "seed": 0,
}

# The document (CN113781598B), with widths and heads of the code of GR-GAN,
# which it leaves open. It names no optimizer: Adam at the usual rate.
_PATENT = {
    "architecture": "published",
    "latent_width": 100,
    "generator_width": 64,
    "discriminator_width": 32,
    "stage1_up_samplings": 3,
    "num_residual": 2,
    "num_words": 12,
    "adversarial_scale": 0.5,
    "mismatch_loss": False,
    "realism_weight": 0.0,
    "stage2_sentence_weight": 1.0,
    "stage3_sentence_weight": 4.0,
    "stage3_word_weight": 1.0,
    "text_noise": 0.0,
    "learning_rate": 2e-4,
    "augment": (),
    "r1_weight": 0.0,
}

VARIANTS = {
    "default": _DEFAULT,
    "patent": _PATENT,
    # The code of its authors, for COCO at 256 pixels.
    "gr_gan": {
        **_PATENT,
        "stage1_up_samplings": None,
        "stage1_condition": True,
        "stage_gradients": "joint",
        "num_residual": 3,
        "adversarial_scale": 1.0,
        "mismatch_loss": True,
        "optimizer": "adamax",
        "learning_rate": 2e-5,
        "updates": "alternating",
    },
    # Narrow, for `data.shapes` at 32 pixels on a CPU.
    "shapes": {
        "text_encoder": "bag_of_ngrams",
        "generator_width": 12,
        "discriminator_width": 16,
        "num_words": 12,
        "realism_weight": 0.0,
        "stage2_sentence_weight": 0.25,
        "stage3_sentence_weight": 1.0,
        "stage3_word_weight": 0.25,
        "text_noise": 0.0,
        "matcher_steps": 600,
        "learning_rate": 5e-4,
        "ema_decay": 0.99,
        "augment": (),
        "r1_weight": 0.0,
    },
}

# The matcher that `fit` trains first, by variant; else the default of it.
MATCHERS = {"shapes": {"variant": "shapes"}}

# Whole numbers -> the least that makes a model.
_LEAST = {
    "latent_width": 1,
    "text_width": 1,
    "generator_width": 1,
    "discriminator_width": 2,
    "condition_width": 1,
    "num_residual": 0,
    "num_words": 1,
    "matcher_steps": 1,
}
_WEIGHTS = (
    "adversarial_scale",
    "realism_weight",
    "stage2_sentence_weight",
    "stage3_sentence_weight",
    "stage3_word_weight",
    "kl_weight",
    "text_noise",
)
_CHOICES = {
    "architecture": ("compact", "published"),
    "stage1_condition": (False, True),
    "stage_gradients": ("isolated", "joint"),
    "fusion": ("memory", "attention"),
    "mismatch_loss": (False, True),
    "optimizer": ("adam", "adamax"),
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
    if settings["stage1_up_samplings"] is not None:
        check_whole_numbers(settings, {"stage1_up_samplings": 0})
    for key in (*_WEIGHTS, "learning_rate", "beta_1"):
        value = settings[key]
        if not isinstance(value, numbers.Real) or value < 0:
            raise ValueError(
                f"`{key}` must be a number of at least 0. Received: {value!r}"
            )
    if settings["architecture"] == "published" and settings["realism_weight"]:
        raise ValueError(
            'A judgement without the words needs the projection of the '
            '"compact" architecture. Set `realism_weight` to 0. '
            f"Received: {settings['realism_weight']}"
        )
