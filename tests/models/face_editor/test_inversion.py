import keras
import numpy as np
import pytest
from keras import layers

from keras_t2i import applications
from keras_t2i import models
from keras_t2i.models.face_editor import inversion
from keras_t2i.models.face_editor.axes import principal_axes
from keras_t2i.models.face_editor.inversion import PhotoEncoder
from keras_t2i.models.face_editor.inversion import optimize_latents


@pytest.fixture(scope="module")
def generator():
    """An untrained one; what it draws differs from style to style."""
    return models.StyleGAN2(
        image_size=16,
        latent_width=8,
        mapping_layers=2,
        generator_channels=64,
        discriminator_channels=16,
    )


@pytest.fixture(scope="module")
def features():
    return models.FaceFeatures(
        image_size=16,
        width=4,
        identity_width=8,
        attribute_names=["Smiling"],
        attribute_rates=[0.5],
    )


@pytest.fixture(scope="module")
def drawn(generator):
    """Styles and the pictures drawn from them."""
    w = generator.styles_for(4, seed=5)
    return w, generator.draw(w)


def error(generator, w, images):
    return np.mean((generator.draw(w) - images.astype(float)) ** 2)


def test_encoder_learns_the_styles_of_drawn_pictures(generator, drawn):
    w, images = drawn
    encoder = PhotoEncoder(generator, width=8)
    assert encoder.encode(images).shape == w.shape == (4, 6, 8)
    before = [np.array(v) for v in generator.get_weights()]
    losses = encoder.fit(
        steps=120, batch_size=16, learning_rate=5e-3, verbose=0
    ).history["loss"]
    losses += encoder.fit(steps=20, batch_size=16, verbose=0).history["loss"]
    # Guessing the mean would cost 1.
    assert losses[1] < min(losses[0], 0.7)
    found = encoder.encode(images)
    mean = generator.styles_for(256, seed=1).mean(axis=0)[None]
    assert np.mean((found - w) ** 2) < 0.8 * np.mean((mean - w) ** 2)
    # The generator stays as it is.
    assert all(map(np.array_equal, before, generator.get_weights()))
    np.testing.assert_allclose(encoder.encode(images[0]), found[:1], atol=1e-5)
    with pytest.raises(ValueError, match=r"uint8 \[N, 16, 16, 3\].*32"):
        encoder.encode(np.zeros((1, 32, 32, 3), "uint8"))


def test_same_seed_same_encoder(generator, drawn):
    found = []
    for _ in "ab":
        encoder = PhotoEncoder(generator, width=2, seed=3)
        encoder.network.run_eagerly = True
        encoder.fit(steps=2, batch_size=4, verbose=0)
        found.append(encoder.encode(drawn[1]))
    np.testing.assert_array_equal(*found)


def test_optimisation_brings_the_picture_nearer(generator, features, drawn):
    _, images = drawn
    mean = optimize_latents(generator, features, images, steps=0)
    assert mean.shape == (4, 6, 8) and np.ptp(mean, axis=0).max() == 0.0
    found = optimize_latents(generator, features, images, steps=30)
    before, after = [error(generator, w, images) for w in (mean, found)]
    assert after < 0.5 * before
    # Always the same, whatever other pictures there are.
    again = optimize_latents(generator, features, images, steps=30)
    np.testing.assert_array_equal(again, found)
    alone = optimize_latents(generator, features, images[1], steps=30)
    np.testing.assert_allclose(alone[0], found[1], atol=0.02)


def test_it_starts_where_it_is_told(generator, features, drawn):
    w, images = drawn
    found = optimize_latents(
        generator, features, images, w, steps=1, learning_rate=1e-3
    )
    # Adam moves by the rate at most, along the axes of w.
    _, axes, deviation = principal_axes(generator.styles_for(1024, 0)[:, 0])
    assert np.max(np.abs((found - w) @ axes) / deviation) <= 1.01e-3
    none = optimize_latents(generator, features, images, w, steps=0)
    np.testing.assert_array_equal(none, w)


def test_networks_by_name_take_pictures_of_any_size(
    generator, drawn, monkeypatch
):
    def load(name):
        inputs = keras.Input((24, 24, 3))
        x = layers.Conv2D(4, 3, 2, "same", activation="relu")(inputs)
        x = layers.Conv2D(4, 3, 2, "same", activation="relu")(x)
        seen.append(name)
        return keras.Model(inputs, x), 24, lambda x: x / 127.5 - 1.0

    seen = []
    monkeypatch.setattr(applications, "load", load)
    w, images = drawn
    look = inversion.perceptual_maps("VGG16", 16)
    assert seen == ["VGG16"]
    shapes = [tuple(m.shape) for m in look(images / 127.5 - 1.0)]
    assert shapes == [(4, 12, 12, 4), (4, 6, 6, 4)]
    found = optimize_latents(generator, "VGG16", images, w, steps=1)
    assert found.shape == w.shape and np.any(found != w)


def test_what_does_not_fit_is_refused(generator, features, drawn):
    w, images = drawn
    with pytest.raises(ValueError, match=r"\[4, 6, 8\].*\[1, 6, 8\]"):
        optimize_latents(generator, features, images, w[:1])
    with pytest.raises(ValueError, match="steps.*-1"):
        optimize_latents(generator, features, images, steps=-1)
    with pytest.raises(ValueError, match="16 pixels.*draws 32"):
        inversion.perceptual_maps(features, 32)
    with pytest.raises(ValueError, match="no 'vgg'"):
        optimize_latents(generator, "vgg", images, w)
