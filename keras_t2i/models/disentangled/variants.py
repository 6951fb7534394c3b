"""Named settings of ModalityDisentangledT2I.

Every other variant changes the default.
"""

import numbers

from keras_t2i.models.settings import check_choices
from keras_t2i.models.settings import check_whole_numbers

from keras_t2i.models.disentangled.objective import NEGATIVES

_DEFAULT = {
    "text_encoder": "minilm",
    # Networks.
    "architecture": "compact",  # or "published"
    "num_scales": 1,
    "latent_width": 16,  # of the noise and of the style
    "text_width": 128,  # of h_tc and of the content
    "generator_width": 32,
    "discriminator_width": 64,
    "num_residual": 2,  # "published" only: blocks above the first scale
    # Objective.
    "dc_text": "sentence",  # or "htc": what D_c compares the content with
    "wrong_pairs": "all",  # "none", "next", or all pairs of a batch
    "negatives": "next",  # "previous", "next" or "random"
    "margin": 0.5,
    "content_weight": 1.0,
    "content_gradient": "pictures",  # or "text": what G's content term moves
    "style_weight": 2.0,
    "style_adversarial_weight": 0.1,
    "style_loss_in_generator": True,
    "mode_seeking_weight": 0.2,  # 0 trusts the noise to be used
    "reconstruction_weight": 5.0,  # of real pictures, from their styles
    "content_reconstruction_weight": 0.0,  # of the same, where D_c looks
    "kl_weight": 0.0,  # above 0 h_tc is a mean beside a variance
    "matcher_weight": 0.0,  # of DAMSM; above 0 needs a matcher
    "text_noise": 0.3,  # length of the noise on unit-length sentences
    # Training.
    "learning_rate": 4e-4,
    "beta_1": 0.5,
    "updates": "simultaneous",
    "ema_decay": 0.999,
    "augment": ("translation",),
    "r1_weight": 0.05,
    "r1_interval": 16,
    "seed": 0,
}

# Patent CN112990302B with widths and optimizer of the code, which it leaves
# open. It is silent on wrong pairs, DAMSM and conditioning augmentation, and
# lets the content loss move the generator.
_PATENT = {
    "architecture": "published",
    "latent_width": 100,
    "text_width": 100,
    "generator_width": 64,
    "discriminator_width": 32,
    "dc_text": "htc",
    "wrong_pairs": "none",
    "style_weight": 1.0,
    "style_loss_in_generator": False,
    "mode_seeking_weight": 0.0,
    "reconstruction_weight": 0.0,
    "text_noise": 0.0,
    "learning_rate": 2e-4,
    "updates": "alternating",
    "augment": (),
    "r1_weight": 0.0,
}

VARIANTS = {
    "default": _DEFAULT,
    "patent": _PATENT,
    # DM-GAN-MDD as its code trains it on birds, at 256 pixels.
    "mdd": {
        **_PATENT,
        "num_scales": 3,
        "dc_text": "sentence",
        "wrong_pairs": "next",
        "negatives": "previous",
        "content_gradient": "text",
        "kl_weight": 1.0,
        "matcher_weight": 7.0,
    },
    # Narrow, for `data.shapes` at 32 pixels on a CPU.
    "shapes": {
        "text_encoder": "bag_of_ngrams",
        "generator_width": 16,
        "discriminator_width": 16,
        "content_weight": 0.3,
        "style_weight": 1.0,
        "mode_seeking_weight": 0.1,
        "reconstruction_weight": 20.0,
        "content_reconstruction_weight": 8.0,
        "text_noise": 0.0,
        "learning_rate": 5e-4,
        "ema_decay": 0.995,
        "augment": (),
        "r1_weight": 0.0,
    },
}


# Whole numbers -> the least that makes a model.
_LEAST = {
    "num_scales": 1,
    "latent_width": 2,
    "text_width": 2,
    "generator_width": 1,
    "discriminator_width": 2,
    "num_residual": 0,
}
_NUMBERS = (
    "margin",
    "content_weight",
    "style_weight",
    "style_adversarial_weight",
    "mode_seeking_weight",
    "reconstruction_weight",
    "content_reconstruction_weight",
    "kl_weight",
    "matcher_weight",
    "text_noise",
    "learning_rate",
    "beta_1",
)
_CHOICES = {
    "architecture": ("compact", "published"),
    "dc_text": ("htc", "sentence"),
    "wrong_pairs": ("none", "next", "all"),
    "negatives": NEGATIVES,
    "content_gradient": ("pictures", "text"),
    "style_loss_in_generator": (False, True),
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
        value = settings[key]
        if not isinstance(value, numbers.Real) or value < 0.0:
            raise ValueError(
                f"`{key}` must be a number of at least 0. Received: {value!r}"
            )
    of_content = settings["content_reconstruction_weight"]
    if of_content and not settings["reconstruction_weight"]:
        raise ValueError(
            "`content_reconstruction_weight` is about pictures that "
            "`reconstruction_weight` has drawn. Set both above 0. "
            f"Received: {of_content} and 0"
        )
    if settings["architecture"] == "published":
        if settings["wrong_pairs"] == "all":
            raise ValueError(
                'All wrong pairs at once need the projection of the "compact" '
                'architecture. Set `wrong_pairs` to "next" or "none".'
            )
        channels = 8 * settings["discriminator_width"]
        if channels <= settings["latent_width"]:
            raise ValueError(
                "The style is `latent_width` of the 8 * `discriminator_width` "
                "channels of the image encoder; the content needs some too. "
                f"Received: {settings['latent_width']} of {channels}"
            )
