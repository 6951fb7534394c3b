import keras
import numpy as np
import pytest
from keras import ops

from keras_t2i.models.disentangled import networks
from keras_t2i.models.disentangled.variants import VARIANTS


def settings(variant="default", **changes):
    tiny = {
        "latent_width": 8,
        "text_width": 6,
        "generator_width": 2,
        "discriminator_width": 2,
    }
    return {**VARIANTS["default"], **VARIANTS[variant], **tiny, **changes}


def zeros(initializer, shape, dtype=None):
    return ops.zeros(shape, dtype)


def trainable_count(*models):
    return sum(
        int(np.prod(v.shape)) for m in models for v in m.trainable_variables
    )


def test_published_widths_have_the_published_size(monkeypatch):
    """Measured on the authors' networks for 256 px and text of width 256."""
    # Orthogonal kernels of this size take a long time.
    monkeypatch.setattr(keras.initializers.Orthogonal, "__call__", zeros)
    s = {**VARIANTS["default"], **VARIANTS["mdd"]}
    generator = networks.generator(256, 256, s)
    text_head = networks.text_head(256, s["text_width"], with_variance=True)
    assert trainable_count(generator, text_head) / 1e6 == pytest.approx(
        21.45, abs=5e-3
    )
    for size, millions in ((64, 2.01), (128, 5.28), (256, 18.39)):
        encoder = networks.image_encoder(size, s)
        codes = encoder.outputs
        assert [tuple(c.shape[1:]) for c in codes[:2]] == [(4, 4, 100)] * 2
        count = trainable_count(
            encoder,
            networks.overall_head(codes, s),
            networks.content_head(codes, 256, s),
            networks.style_head(codes, s),
        )
        assert count / 1e6 == pytest.approx(millions, abs=5e-3)


@pytest.mark.parametrize("architecture", ["compact", "published"])
@pytest.mark.parametrize("num_scales", [1, 3])
def test_a_picture_at_every_scale(architecture, num_scales):
    s = settings(architecture=architecture, num_scales=num_scales)
    generator = networks.generator(32, 5, s)
    random = np.random.default_rng(0)
    inputs = [random.normal(size=(2, 8)), random.normal(size=(2, 6))]
    if num_scales > 1:
        inputs += [random.normal(size=(2, 3, 5)), np.ones((2, 3))]
    inputs = [ops.convert_to_tensor(x, "float32") for x in inputs]
    images = generator(inputs)["images"]
    sizes = networks.scale_sizes(32, num_scales)
    assert sizes == ([32] if num_scales == 1 else [8, 16, 32])
    for image, size in zip(images, sizes, strict=True):
        assert image.shape == (2, size, size, 3)
        assert -1.0 <= ops.min(image) < ops.max(image) <= 1.0
        assert ops.any(image[0] != image[1])


def test_published_vectors_are_means_of_the_maps():
    s = settings("patent")
    encoder = networks.image_encoder(16, s)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 3))
    content_map, style_map, content, style = encoder(images)
    np.testing.assert_allclose(content, np.mean(content_map, (1, 2)), rtol=1e-4)
    np.testing.assert_allclose(style, np.mean(style_map, (1, 2)), rtol=1e-4)


@pytest.mark.parametrize("variant", ["default", "patent"])
def test_code_of_a_picture_does_not_depend_on_others(variant):
    encoder = networks.image_encoder(16, settings(variant))
    images = np.random.default_rng(0).uniform(-1, 1, (3, 16, 16, 3))
    together = encoder(images, training=True)
    alone = encoder(images[:1], training=True)
    for one, several in zip(alone, together):
        np.testing.assert_allclose(one[0], several[0], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("variant", ["default", "patent"])
def test_discriminators_see_their_part_only(variant):
    s = settings(variant)
    codes = networks.image_encoder(16, s).outputs
    random = np.random.default_rng(0)
    content_map, style_map = (
        random.normal(size=(2, *code.shape[1:])).astype("float32")
        for code in codes[:2]
    )
    text = random.normal(size=(2, 6)).astype("float32")
    overall = networks.overall_head(codes, s)
    logits = overall([content_map, style_map])
    assert logits.shape == (2,)
    assert np.all(logits != overall([content_map + 1.0, style_map]))
    assert np.all(logits != overall([content_map, style_map + 1.0]))
    assert networks.style_head(codes, s)(style_map).shape == (2,)
    content = networks.content_head(codes, 6, s)
    logits = content([content_map, text])
    assert logits.shape == (2,)
    assert np.any(logits != content([content_map, text[::-1].copy()]))


@pytest.mark.parametrize("size", [0, 8, 20, 64.0, "64"])
def test_sizes_that_cannot_be_made_are_refused(size):
    with pytest.raises(ValueError, match=f"power of two. Received: {size!r}"):
        networks.scale_sizes(size, 1)


def test_too_many_scales_are_refused():
    assert networks.scale_sizes(16, 3) == [4, 8, 16]
    with pytest.raises(ValueError, match="num_scales"):
        networks.scale_sizes(16, 4)


def test_networks_can_be_cloned():
    s = settings("mdd")
    for network in (
        networks.generator(16, 5, s),
        networks.text_head(5, 6, True),
        networks.image_encoder(16, s),
    ):
        clone = keras.models.clone_model(network)
        assert clone.count_params() == network.count_params()
