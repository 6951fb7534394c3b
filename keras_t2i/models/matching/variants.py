"""Named settings of ImageTextMatcher. Every variant changes the default."""

_DEFAULT = {
    "text_encoder": "minilm",
    # Networks.
    "embedding_width": 256,
    "image_width": 24,
    "architecture": "strided",  # or "pooled"
    "backbone": None,  # or a network of keras.applications
    "backbone_weights": "imagenet",
    "num_words": 24,
    "dropout": 0.0,
    # Objective; the gammas are those of AttnGAN.
    "sentence_weight": 1.0,
    "word_weight": 1.0,
    "gamma1": 4.0,
    "gamma2": 5.0,
    "gamma3": 10.0,
    # Training.
    "learning_rate": 1e-3,
    "decay_steps": None,
    "beta_1": 0.9,
    "weight_decay": 0.0,
    # Without it the towers learn the training pictures by heart.
    "augment": ("translation", "cutout"),
    "seed": 0,
}

VARIANTS = {
    "default": _DEFAULT,
    # Text encoder, its 18 words, and Adam as in the code of AttnGAN.
    "attngan": {
        "text_encoder": "bilstm",
        "augment": (),
        "num_words": 18,
        "learning_rate": 2e-3,
        "beta_1": 0.5,
    },
    # For `evaluate`: another image tower than the default's, and no words. The
    # sentences of a picture's ten captions are averaged (`keras-t2i train`
    # does so unasked): one caption leaves out most of what the picture shows.
    "judge": {
        "architecture": "pooled",
        "embedding_width": 192,
        "image_width": 16,
        "word_weight": 0.0,
        "dropout": 0.3,
        "decay_steps": 800,
        "weight_decay": 0.1,
        "augment": ("translation",),
    },
    # Narrow, for `data.shapes` at 32 pixels on a CPU.
    "shapes": {
        "text_encoder": "bag_of_ngrams",
        "embedding_width": 128,
        "image_width": 16,
        "num_words": 12,
        # A shape that is moved or cut is another one.
        "augment": (),
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
    if settings["architecture"] not in ("strided", "pooled"):
        raise ValueError(
            '`architecture` must be "strided" or "pooled". '
            f"Received: {settings['architecture']!r}"
        )
    for key in ("embedding_width", "image_width", "num_words"):
        if settings[key] < 1:
            raise ValueError(
                f"`{key}` must be at least 1. Received: {settings[key]}"
            )
    if not 0.0 <= settings["dropout"] < 1.0:
        raise ValueError(
            f"`dropout` must lie in [0, 1). Received: {settings['dropout']}"
        )
    if settings["decay_steps"] is not None and settings["decay_steps"] < 1:
        raise ValueError(
            "`decay_steps` must be at least 1, or None. "
            f"Received: {settings['decay_steps']}"
        )
    if settings["weight_decay"] < 0.0:
        raise ValueError(
            "`weight_decay` must be at least 0. "
            f"Received: {settings['weight_decay']}"
        )
    weights = settings["sentence_weight"], settings["word_weight"]
    if min(weights) < 0.0 or max(weights) == 0.0:
        raise ValueError(
            "`sentence_weight` and `word_weight` must be at least 0, and one "
            f"of them above. Received: {weights[0]} and {weights[1]}"
        )
