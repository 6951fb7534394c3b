"""Named settings of ImageCaptioner and of TextFaceEditor."""

import numbers

from keras_t2i.models.settings import check_choices
from keras_t2i.models.settings import check_whole_numbers

_CAPTIONER = {
    "text_encoder": "reader",
    # Networks.
    "image_width": 32,  # channels of the first map
    "feature_width": 256,  # of the last, the vector V
    "word_width": 64,
    "hidden_width": 160,
    "normalization": "batch",  # or "range", as the document says
    "dropout": 0.2,
    "backbone": None,  # or a network of keras.applications
    "backbone_weights": "imagenet",
    # Training.
    "learning_rate": 1e-3,
    "schedule": "cosine",  # or "step" or "constant"
    "decay_steps": 3000,
    "l2_weight": 1e-5,
    "augment": ("translation",),
    "seed": 0,
}

CAPTIONERS = {
    "default": _CAPTIONER,
    # The widths and the schedule that the document states; see "patent" below.
    "patent": {
        "feature_width": 1024,
        "hidden_width": 512,
        "word_width": 512,
        "normalization": "range",
        "dropout": 0.0,
        "schedule": "step",
        "decay_steps": 8000,
        "l2_weight": 5e-4,
        "augment": (),
    },
}

_EDITOR = {
    "text_encoder": "fofe",
    # Networks.
    "latent_space": "w",  # or "z"
    "fusion": "add",  # or "affine"
    # Objective.
    "encoder_steps": 2000,  # on drawn faces
    "captioner_steps": 3000,  # on real faces; 0: it is trained with the rest
    "caption_weight": 0.5,
    "kept_words_weight": 0.05,
    "attribute_weight": 2.0,
    "kept_attributes_weight": 6.0,
    "identity_weight": 1.0,
    "distance_weight": 2.0,
    "l2_weight": 0.0,
    "most_names": 3,  # attributes that one text of the training names
    # Training.
    "learning_rate": 2e-3,
    "schedule": "cosine",  # or "step" or "constant"
    "decay_steps": 3000,
    "augment": ("translation",),
    "seed": 0,
}

# Document 003 as it is written: the code of a random caption is added to a
# random latent of Z, and the captioner, which never saw a real face, learns
# together with the text encoder to read the caption in the picture. Of its
# 500 "iterations" each is taken as a pass over the data, of 160 steps.
_PATENT = {
    "latent_space": "z",
    "caption_weight": 1.0,
    "encoder_steps": 0,  # photographs have no latents in Z
    "captioner_steps": 0,
    "kept_words_weight": 0.0,
    "attribute_weight": 0.0,
    "kept_attributes_weight": 0.0,
    "identity_weight": 0.0,
    "distance_weight": 0.0,
    "l2_weight": 5e-4,
    "learning_rate": 1e-3,
    "schedule": "step",
    "decay_steps": 8000,
    "augment": (),
}

EDITORS = {
    "default": _EDITOR,
    "patent": _PATENT,
}

# The captioner that an editor makes for itself, by variant; else the default.
CAPTIONER_OF = {"patent": {"variant": "patent"}}

_WEIGHTS = (
    "caption_weight",
    "kept_words_weight",
    "attribute_weight",
    "kept_attributes_weight",
    "identity_weight",
    "distance_weight",
    "l2_weight",
)


def check_captioner(settings):
    """Refuses settings that make no captioner.

    Args:
        settings: dict with every setting.

    Raises:
        ValueError: in the user's words.
    """
    check_choices(settings, {"normalization": ("batch", "range")})
    widths = ("image_width", "feature_width", "word_width", "hidden_width")
    check_whole_numbers(settings, dict.fromkeys(widths, 1))
    if not 0.0 <= settings["dropout"] < 1.0:
        raise ValueError(
            f"`dropout` must lie in [0, 1). Received: {settings['dropout']}"
        )
    _check_weights(settings, ("l2_weight",))
    _check_schedule(settings)


def check_editor(settings):
    """Refuses settings that make no editor, as `check_captioner`."""
    check_choices(
        settings, {"latent_space": ("z", "w"), "fusion": ("add", "affine")}
    )
    check_whole_numbers(
        settings, {"encoder_steps": 0, "captioner_steps": 0, "most_names": 1}
    )
    _check_weights(settings, _WEIGHTS)
    _check_schedule(settings)
    if "color" in settings["augment"]:
        raise ValueError(
            "`augment` takes no color: hair has one that texts name. "
            f"Received: {settings['augment']!r}"
        )


def _check_weights(settings, keys):
    for key in keys:
        value = settings[key]
        if not isinstance(value, numbers.Real) or not value >= 0.0:
            raise ValueError(
                f"`{key}` must be a number of at least 0. Received: {value!r}"
            )


def _check_schedule(settings):
    check_choices(settings, {"schedule": ("constant", "cosine", "step")})
    check_whole_numbers(settings, {"decay_steps": 1})
    rate = settings["learning_rate"]
    if not isinstance(rate, numbers.Real) or not rate > 0.0:
        raise ValueError(
            f"`learning_rate` must be a number above 0. Received: {rate!r}"
        )
