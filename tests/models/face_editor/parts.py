"""Tiny parts of an editor, and tiny captioned faces."""

import numpy as np

from keras_t2i import models
from keras_t2i import text

CAPTIONS = [
    "a smiling man with black hair",
    "a woman wearing eyeglasses",
    "this older man has a beard",
    "a young lady with blond hair",
]
PICTURES = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), "uint8")
CAPTIONER = {
    "image_width": 4,
    "feature_width": 8,
    "word_width": 4,
    "hidden_width": 8,
}
ATTRIBUTES = "Smiling Eyeglasses No_Beard Black_Hair Male Young".split()


def generator():
    return models.StyleGAN2(
        image_size=16,
        latent_width=8,
        mapping_layers=2,
        generator_channels=32,
        discriminator_channels=32,
    )


def features(image_size=16):
    return models.FaceFeatures(
        image_size=image_size,
        width=2,
        identity_width=4,
        attribute_names=ATTRIBUTES,
        attribute_rates=[0.5] * len(ATTRIBUTES),
        num_identities=2,
    )


def editor(**settings):
    """An editor that runs without compilation."""
    variant = settings.get("variant", "default")
    if variant == "default":
        settings = {"captioner_steps": 1, "encoder_steps": 0, **settings}
        if settings["encoder_steps"]:
            settings["encoder"] = {"width": 2}
    arguments = {"captioner": CAPTIONER, **settings}
    if "text_encoder" not in arguments:
        # Few words: without compilation an LSTM takes its time.
        arguments["text_encoder"] = text.FOFETextEncoder(
            width=8, embedding_width=4, max_length=7
        )
    if "generator" not in arguments:
        arguments["generator"] = generator()
    if "features" not in arguments:
        arguments["features"] = features()
    model = models.TextFaceEditor(**arguments)
    model.run_eagerly = True
    return model


def fit(model, epochs=1, **kwargs):
    return model.fit(
        np.array(CAPTIONS), PICTURES, epochs=epochs, verbose=0, **kwargs
    ).history
