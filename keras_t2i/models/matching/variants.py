"""Named settings of ImageTextMatcher. Every variant changes the default."""

_DEFAULT = {
    "text_encoder": "minilm",
    # Networks.
    "embedding_width": 256,
    "image_width": 32,
    # Objective; the gammas are those of AttnGAN.
    "sentence_weight": 1.0,
    "word_weight": 1.0,
    "gamma1": 4.0,
    "gamma2": 5.0,
    "gamma3": 10.0,
    # Training.
    "learning_rate": 1e-3,
    "beta_1": 0.9,
    "augment": (),
    "seed": 0,
}

VARIANTS = {
    "default": _DEFAULT,
    # Adam as the code of AttnGAN sets it for DAMSM.
    "attngan": {"learning_rate": 2e-3, "beta_1": 0.5},
    # Narrow, for `data.shapes` at 32 pixels on a CPU.
    "shapes": {
        "text_encoder": "bag_of_ngrams",
        "embedding_width": 128,
        "image_width": 16,
        "learning_rate": 2e-3,
    },
}


def check(settings):
    """Refuses settings that make no model.

    Args:
        settings: dict with every setting.

    Raises:
        ValueError: in the user's words.
    """
    for key in ("embedding_width", "image_width"):
        if settings[key] < 1:
            raise ValueError(
                f"`{key}` must be at least 1. Received: {settings[key]}"
            )
    weights = settings["sentence_weight"], settings["word_weight"]
    if min(weights) < 0.0 or max(weights) == 0.0:
        raise ValueError(
            "`sentence_weight` and `word_weight` must be at least 0, and one "
            f"of them above. Received: {weights[0]} and {weights[1]}"
        )
