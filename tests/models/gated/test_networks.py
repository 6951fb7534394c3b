import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_t2i.layers import SpectralConv2D
from keras_t2i.models.gated import networks
from keras_t2i.models.gated.variants import VARIANTS

WIDTHS = {"generator_width": 2, "discriminator_width": 2, "text_width": 8}


def settings(variant="default", **changes):
    return {**VARIANTS["default"], **VARIANTS[variant], **WIDTHS, **changes}


def generator(image_size=16, variant="default", **changes):
    return networks.generator(
        image_size, 4, 8, 6, settings(variant, **changes)
    )


def inputs(count=2, attention=False):
    random = np.random.default_rng(0)
    shapes = [(count, 4), (count, 8), (count, 5, 6)][: 3 if attention else 2]
    found = [random.normal(size=s).astype("float32") for s in shapes]
    return found + [np.ones((count, 5), "float32")] * attention


@pytest.mark.parametrize("image_size", [16, 32, 64])
@pytest.mark.parametrize("variant", ["default", "patent"])
def test_pictures_and_features_have_their_shapes(variant, image_size):
    images = generator(image_size, variant)(inputs())
    assert images.shape == (2, image_size, image_size, 3)
    assert -1.0 <= np.min(images) < np.max(images) <= 1.0
    s = settings(variant)
    seen = networks.discriminator(image_size, 6, s)(images)
    assert seen["realism"].shape == (2,)
    side = 8 if variant == "default" or image_size == 16 else 16
    # Without a width of their own, regions are as wide as the words.
    width = s["region_width"] or 6
    assert seen["regions"].shape == (2, side * side, width)
    assert seen["contrast"].shape[0] == 2
    shared = np.array_equal(seen["contrast"], seen["global"])
    assert shared == (variant == "patent")
    text = networks.sentence_head(8, seen["global"].shape[1], s)
    assert text(inputs()[1]).shape == seen["global"].shape


def test_sizes_of_the_document_at_128_and_256():
    s = {**VARIANTS["default"], **VARIANTS["patent"]}
    channels = networks.decoder_channels(256, s)
    assert channels == [512, 512, 512, 256, 128, 64, 32]
    assert networks.decoder_channels(128, s) == channels[:-1]
    assert networks.trunk_factors(128) == [1, 2, 4, 8, 16]
    assert networks.trunk_factors(256) == [1, 2, 4, 8, 8, 16]


def convolution_weights(network):
    return sum(
        int(np.prod(layer.kernel.shape))
        for layer in network.layers
        if isinstance(layer, layers.Conv2D)
    )


def _as_it_is(x):
    return x


def test_gates_of_a_convolution():
    x = keras.Input((4, 4, 3))
    weights = {
        gates: convolution_weights(
            keras.Model(x, networks.gated_conv(x, 5, gates, _as_it_is))
        )
        for gates in ("none", "pointwise", "full")
    }
    plain = 9 * 3 * 5
    assert weights["none"] == plain
    assert weights["pointwise"] == plain + 3 * 5
    assert weights["full"] == 2 * plain


@pytest.mark.parametrize("gates", ["pointwise", "full"])
def test_a_shut_gate_lets_nothing_through(gates):
    x = keras.Input((4, 4, 3))
    model = keras.Model(x, networks.gated_conv(x, 5, gates, _as_it_is))
    images = np.random.default_rng(0).normal(size=(1, 4, 4, 3))
    assert np.any(np.abs(model(images)) > 1e-2)
    *_, last = [w for w in model.layers if isinstance(w, layers.Conv2D)]
    bias = np.zeros(last.bias.shape, "float32")
    bias[-5:] = -100.0
    last.bias.assign(bias)
    np.testing.assert_allclose(model(images), 0.0, atol=1e-20)


def test_a_convolution_is_normalised_before_its_activation():
    x = keras.Input((4, 4, 3))
    shift = layers.Rescaling(1.0, offset=-1e3)
    plain = keras.Model(x, networks.gated_conv(x, 5, "none", shift))
    images = np.random.default_rng(0).normal(size=(1, 4, 4, 3))
    # All is below 0, and leaks.
    np.testing.assert_allclose(plain(images), -200.0, rtol=0.01)
    gated = keras.Model(x, networks.gated_conv(x, 5, "pointwise", shift))
    found = np.array(gated(images))
    # Gates, between 0 and 1, are not shifted.
    assert np.all(found < 0.0) and np.all(found > -201.0)
    assert found.std() > 1.0


def test_noise_is_added_or_put_beside():
    random = np.random.default_rng(0)
    sentence = random.normal(size=(2, 8)).astype("float32")
    noise = random.normal(size=(2, 8)).astype("float32")

    def pictures(scale, noise):
        network = networks.generator(
            16, 8, 8, 6, settings(noise="add", noise_scale=scale)
        )
        network.set_weights([np.full(w.shape, 0.01) for w in network.weights])
        return np.array(network([noise, sentence]))

    # Half the noise, twice the scale: the same pictures.
    np.testing.assert_allclose(
        pictures(0.4, noise), pictures(0.8, noise / 2), atol=1e-6
    )
    assert np.any(pictures(0.4, noise) != pictures(0.4, -noise))
    np.testing.assert_array_equal(pictures(0.0, noise), pictures(0.0, -noise))


def test_decoder_listens_to_words_but_not_to_padding():
    network = generator(32, word_attention=True)
    latents, sentence, words, mask = inputs(attention=True)
    mask[:, 3:] = 0.0
    before = np.array(network([latents, sentence, words, mask]))
    words[:, 3:] = 9.0
    again = np.array(network([latents, sentence, words, mask]))
    np.testing.assert_array_equal(before, again)
    # Nor to the words of others.
    words[0, 0] += 1.0
    changed = np.array(network([latents, sentence, words, mask]))
    assert np.any(changed[0] != before[0])
    np.testing.assert_allclose(changed[1], before[1], atol=1e-6)


def test_real_and_generated_pictures_can_be_seen_together_or_apart():
    """The document connects them; nothing in the trunk mixes rows."""
    network = networks.discriminator(32, 6, settings("patent"))
    images = np.random.default_rng(0).normal(size=(4, 32, 32, 3))
    together = network(images)
    for half in (slice(0, 2), slice(2, 4)):
        for name, value in network(images[half]).items():
            np.testing.assert_allclose(value, together[name][half], atol=1e-4)


def test_every_weight_of_the_patent_discriminator_is_spectral():
    network = networks.discriminator(64, 6, settings("patent"))
    spectral = [x for x in network.layers if isinstance(x, SpectralConv2D)]
    kernels = [w for w in network.trainable_weights if len(w.shape) > 1]
    assert len(spectral) == len(kernels) > 10
    head = networks.sentence_head(8, 16, settings("patent"))
    for _ in range(30):
        head(inputs()[1], training=True)
    (dense,) = [x for x in head.layers if isinstance(x, SpectralConv2D)]
    plain = inputs()[1] @ dense.kernel.value.numpy()[0, 0]
    sigma = np.linalg.svd(dense.kernel.value.numpy()[0, 0])[1][0]
    np.testing.assert_allclose(head(inputs()[1]), plain / sigma, rtol=1e-3)


def test_penalty_on_gradients_reaches_every_trunk():
    images = tf.random.stateless_normal([2, 32, 32, 3], [0, 1])
    for variant in ("default", "patent"):
        network = networks.discriminator(32, 6, settings(variant))
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(images)
                total = tf.reduce_sum(network(images)["realism"])
            penalty = tf.reduce_sum(inner.gradient(total, images) ** 2)
        first = network.trainable_weights[0]
        assert tf.norm(outer.gradient(penalty, first.value)) > 0.0


@pytest.mark.parametrize("variant", ["default", "patent"])
def test_networks_have_no_lambda_and_can_be_cloned(variant):
    for network in (
        generator(16, variant, word_attention=True),
        networks.discriminator(16, 6, settings(variant)),
        networks.sentence_head(8, 4, settings(variant)),
        networks.word_head(6, settings(variant)),
    ):
        assert not any(isinstance(x, layers.Lambda) for x in network.layers)
        clone = keras.models.clone_model(network)
        assert clone.count_params() == network.count_params()
