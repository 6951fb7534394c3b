import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from keras_t2i import models
from keras_t2i.models.gan_cls import networks
from tests import tiny


def of_type(network, layer_type):
    return [x for x in network.layers if isinstance(x, layer_type)]


def trainable_count(*parts):
    return sum(int(np.prod(v.shape)) for p in parts for v in p.trainable_variables)


def gan_cls(**settings):
    widths = {"generator_width": 2, "discriminator_width": 2}
    settings = {"text_encoder": tiny.TinyTextEncoder(), **widths, **settings}
    return models.GANCLS(latent_width=8, text_width=8, **settings)


@pytest.mark.parametrize("image_size", [16, 32, 64])
@pytest.mark.parametrize("variant", ["default", "reed2016", "note"])
def test_pictures_and_logits_have_their_shapes(variant, image_size):
    model = gan_cls(variant=variant, image_size=image_size)
    random = np.random.default_rng(0)
    latents = ops.convert_to_tensor(100.0 * random.normal(size=(2, 8)), "float32")
    sentence = ops.convert_to_tensor(random.normal(size=(2, 8)), "float32")
    images = model.generator([latents, sentence])
    assert images.shape == (2, image_size, image_size, 3)
    assert -1.0 <= ops.min(images) < ops.max(images) <= 1.0
    assert ops.any(images[0] != images[1])
    assert model.judge(model.trunk(images), sentence).shape == (2,)


@pytest.mark.parametrize("variant, joint", [("reed2016", 4), ("note", 2)])
def test_text_joins_where_the_source_says(variant, joint):
    trunk = gan_cls(variant=variant, image_size=64).trunk
    assert trunk.output_shape == (None, joint, joint, 16)


def test_coarse_discriminator_sees_no_detail():
    coarse = networks.coarse_discriminator(16, 2)
    flat = np.zeros((2, 16, 16, 3), "float32")
    checkered = flat.copy()
    checkered[:, ::2, ::2] = checkered[:, 1::2, 1::2] = 1.0
    checkered[:, 1::2, ::2] = checkered[:, ::2, 1::2] = -1.0
    brighter = flat.copy()
    brighter[:, :8] = 1.0
    of_flat, of_checkered, of_brighter = map(
        np.asarray, map(coarse, (flat, checkered, brighter))
    )
    np.testing.assert_allclose(of_flat, of_checkered, atol=1e-6)
    assert not np.allclose(of_flat, of_brighter, atol=1e-3)


def convolutions_without_batch_norm(network):
    """Names of the convolutions whose output is not normalised next."""
    without = []
    for convolution in of_type(network, layers.Conv2D):
        (node,) = convolution._outbound_nodes or [None]
        following = node.operation if node else None
        if not isinstance(following, layers.BatchNormalization):
            without.append(convolution.name)
    return without


def test_note_normalizes_every_layer_and_the_paper_all_but_the_first():
    paper = gan_cls(variant="reed2016", image_size=64)
    note = gan_cls(variant="note", image_size=64)
    first = of_type(paper.trunk, layers.Conv2D)[0].name
    assert convolutions_without_batch_norm(paper.trunk) == [first]
    assert convolutions_without_batch_norm(note.trunk) == []
    for model in (paper, note):
        # Only the convolution that gives the logits.
        last = of_type(model.head, layers.Conv2D)[-1]
        assert last.filters == 1
        assert convolutions_without_batch_norm(model.head) == [last.name]
    normalized = layers.BatchNormalization
    # The note's first layer, and its fifth strided one.
    assert len(of_type(paper.trunk, normalized)) == 6
    assert len(of_type(note.trunk, normalized)) == 8


def test_convolutions_of_the_paper_are_bias_free():
    model = gan_cls(variant="reed2016", image_size=16)
    for network in (model.generator, model.trunk, model.head):
        found = of_type(network, (layers.Conv2D, layers.Conv2DTranspose))
        assert found and not any(layer.use_bias for layer in found)


def test_published_widths_have_the_published_size():
    """Counted by hand from the methods, section 6.2 (64 x 64, text 1024)."""
    generator = networks.reed2016_generator(64, 100, 1024, 128, 128)
    residual_4 = 1024 * 256 + 9 * 256 * 256 + 9 * 256 * 1024
    residual_8 = 512 * 128 + 9 * 128 * 128 + 9 * 128 * 512
    expected = (
        (1024 + 1) * 128  # text
        + 228 * 16 * 1024  # [z; text] to 4 x 4
        + residual_4
        + residual_8
        + 16 * (1024 * 512 + 512 * 256 + 256 * 128 + 128 * 3)
        # Two numbers a normalised channel.
        + 2 * (1024 + 256 + 256 + 1024 + 512 + 128 + 128 + 512 + 256 + 128)
    )
    assert expected == 18_905_472
    assert trainable_count(generator) == expected

    trunk = networks.reed2016_trunk(64, 64, 4, normalize_first=False)
    head = networks.concatenation_head((4, 4, 512), 1024, 128)
    expected = (
        16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512)
        + residual_8
        + (1024 + 1) * 128
        + (512 + 128) * 512  # 1 x 1 after the joint
        + 16 * 512  # 4 x 4 to the logit
        + 2 * (128 + 256 + 512 + 128 + 128 + 512 + 128 + 512)
    )
    assert expected == 4_030_080
    assert trainable_count(trunk, head) == expected


def test_networks_have_no_lambda_and_can_be_cloned():
    model = gan_cls(image_size=16)
    for network in (model.generator, model.trunk):
        assert not of_type(network, layers.Lambda)
        clone = keras.models.clone_model(network)
        assert clone.count_params() == network.count_params()
