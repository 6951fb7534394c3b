import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_t2i import models
from keras_t2i.models.gated.model import judge
from keras_t2i.models.gated.model import judge_all
from tests import tiny

TINY = {
    "image_size": 16,
    "latent_width": 8,
    "text_width": 8,
    "generator_width": 4,
    "discriminator_width": 4,
    "region_width": 8,
    "global_width": 8,
    "r1_weight": 0.0,
    # Its own test adds it; it draws half of the captions twice.
    "mode_seeking_weight": 0.0,
}


def gated(**settings):
    encoder = settings.pop("text_encoder", None) or tiny.TinyTextEncoder()
    model = models.GatedT2I(text_encoder=encoder, **{**TINY, **settings})
    model.run_eagerly = True
    return model


def losses_of(model, batch=None):
    """The same noise at every call."""
    batch = batch or model._unpack(tiny.batch(model))
    model.seed_generator.state.assign([0, 0])
    return model.losses(batch)


def test_projection_and_perceptron_are_added():
    random = np.random.default_rng(0)
    seen = {
        "realism": random.normal(size=3),
        "global": random.normal(size=(3, 4)),
    }
    text = random.normal(size=(3, 4))
    expected = [
        seen["realism"][i] + seen["global"][i] @ text[i] for i in range(3)
    ]
    np.testing.assert_allclose(judge(seen, text), expected, rtol=1e-12)
    scores = np.array(judge_all(seen, text))
    np.testing.assert_allclose(np.diagonal(scores), expected, rtol=1e-12)
    # Rows are pictures, columns captions.
    assert scores[0, 2] == pytest.approx(
        seen["realism"][0] + seen["global"][0] @ text[2], rel=1e-12
    )


@pytest.mark.parametrize("loss", ["hinge", "bce"])
def test_losses_are_the_weighted_sums_of_their_parts(loss):
    weights = {"region_weight": 0.5, "global_weight": 2.0}
    model = gated(adversarial_loss=loss, **weights)
    batch = model._unpack(tiny.batch(model))
    losses, logs = losses_of(model, batch)
    model.settings.update({"region_weight": 0.0, "global_weight": 0.0})
    alone, _ = losses_of(model, batch)
    for name, kind in (("discriminator", "real"), ("generator", "fake")):
        parts = 0.5 * logs[f"region_{kind}"] + 2.0 * logs[f"global_{kind}"]
        assert float(losses[name]) == pytest.approx(
            float(alone[name] + parts), rel=1e-5
        )


@pytest.mark.parametrize("loss", ["hinge", "bce"])
def test_wrong_pairs_and_realism_are_weighted(loss):
    model = gated(
        adversarial_loss=loss,
        cls_weight=0.0,
        realism_weight=0.0,
        region_weight=0.0,
        global_weight=0.0,
        text_noise=0.0,
        augment=(),
    )
    batch = model._unpack(tiny.batch(model))
    value = {
        "hinge": lambda x, real: np.maximum(0.0, 1.0 + (-x if real else x)),
        "bce": lambda x, real: np.log1p(np.exp(-x if real else x)),
    }[loss]
    text = model.sentence_head(batch["features"].sentence, training=True)
    real = model.discriminator(batch["images"], training=True)
    scores = np.array(judge_all(real, text))
    class_id = np.array(batch["class_id"])
    wrong = scores[class_id[:, None] != class_id[None]]
    plain, _ = losses_of(model, batch)
    model.settings["cls_weight"] = 0.25
    with_wrong, _ = losses_of(model, batch)
    # A quarter of the weight of generated pairs goes over to the wrong ones.
    of_real = value(np.diagonal(scores), True).mean()
    of_fake = float(plain["discriminator"]) - of_real
    expected = of_real + 0.25 * value(wrong, False).mean() + 0.75 * of_fake
    assert float(with_wrong["discriminator"]) == pytest.approx(
        expected, rel=1e-4
    )
    assert float(with_wrong["generator"]) == pytest.approx(
        float(plain["generator"]), rel=1e-5
    )
    model.settings.update({"cls_weight": 0.0, "realism_weight": 2.0})
    once, _ = losses_of(model, batch)
    more = float(once["discriminator"]) - float(plain["discriminator"])
    seen = value(np.array(real["realism"]), True).mean()
    model.settings["realism_weight"] = 4.0
    twice, _ = losses_of(model, batch)
    assert more > 2.0 * seen
    for name in ("discriminator", "generator"):
        assert float(twice[name] - plain[name]) == pytest.approx(
            2.0 * float(once[name] - plain[name]), rel=1e-4
        )


@pytest.mark.parametrize("part", ["region", "global"])
def test_both_losses_move_both_networks(part):
    """Paragraph 11: the image losses by real and by generated pictures."""
    off = {"region_weight": 0.0, "global_weight": 0.0, "text_noise": 0.0}
    model = gated(**{**off, f"{part}_weight": 1.0})
    trunk = model.discriminator.trainable_weights[0].value
    drawing = model.generator.trainable_weights[-2].value
    with tf.GradientTape(persistent=True) as tape:
        _, logs = losses_of(model)
    assert np.any(tape.gradient(logs[f"{part}_real"], trunk))
    assert np.any(tape.gradient(logs[f"{part}_fake"], drawing))
    # Real pictures do not know the generator.
    assert tape.gradient(logs[f"{part}_real"], drawing) is None


def test_judging_pictures_does_not_move_what_the_losses_compare():
    """Else the judgement and the global loss would pull at one feature."""
    model = gated(region_weight=0.0, global_weight=0.0, text_noise=0.0)
    assert model.contrast_head is None
    model = gated(text_noise=0.0)
    compared = [
        model.contrast_head.trainable_weights,
        model.word_head.trainable_weights,
    ]
    with tf.GradientTape(persistent=True) as tape:
        losses, logs = losses_of(model)
        parts = 0.2 * (logs["region_real"] + logs["global_real"])
    for weights in compared:
        values = [w.value for w in weights]
        whole = tape.gradient(losses["discriminator"], values)
        alone = tape.gradient(parts, values)
        assert all(np.any(x) for x in alone[:1])
        for a, b in zip(whole, alone):
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_discriminator_learns_from_real_pairs_only():
    """Its loss knows generated pictures by their logits alone."""
    model = gated(text_noise=0.0)
    batch = model._unpack(tiny.batch(model))
    losses, logs = losses_of(model, batch)
    # Another generator: the real parts stay.
    for weight in model.generator.trainable_weights:
        weight.assign(weight.value * 1.5 + 0.1)
    _, again = losses_of(model, batch)
    for name in ("region_real", "global_real", "real_logit"):
        assert float(again[name]) == pytest.approx(float(logs[name]), rel=1e-5)
    for name in ("region_fake", "global_fake", "fake_logit"):
        assert float(again[name]) != pytest.approx(float(logs[name]), rel=1e-5)


def test_only_keywords_enter_the_region_loss():
    model = gated(num_keywords=2, global_weight=0.0, text_noise=0.0)
    batch = model._unpack(tiny.batch(model))
    weights = np.array(batch["weights"])
    assert weights.shape == (4, 4)
    assert np.all((weights > 0).sum(axis=1) <= 2)
    _, logs = losses_of(model, batch)
    features = batch["features"]
    dropped = (weights == 0)[..., None] * 5.0
    changed = features._replace(words=features.words + dropped)
    _, again = losses_of(model, {**batch, "features": changed})
    assert float(again["region_real"]) == pytest.approx(
        float(logs["region_real"]), rel=1e-5
    )
    kept = (weights > 0)[..., None] * np.random.default_rng(0).normal(
        size=features.words.shape
    )
    changed = features._replace(words=features.words + kept)
    _, again = losses_of(model, {**batch, "features": changed})
    assert float(again["region_real"]) != pytest.approx(
        float(logs["region_real"]), rel=1e-5
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"noise": "add"},
        {"gates": "full", "adversarial_loss": "hinge"},
        {"cls_weight": 0.0, "realism_weight": 0.0},
        {"gates": "none", "region_weight": 0.0},
        {"global_weight": 0.0, "keywords": "all"},
        {"region_weight": 0.0, "global_weight": 0.0},
        {"word_attention": True},
        {"variant": "patent", "region_width": 8, "word_attention": True},
        {"region_width": None},
    ],
    ids=str,
)
def test_every_open_point_trains_and_draws(settings):
    model = gated(**settings)
    before = tiny.trainable(model, "generator")
    history = model.fit(tiny.dataset(count=4), verbose=0).history
    assert np.all(np.isfinite(list(history.values())))
    after = tiny.trainable(model, "generator")
    assert not any(np.array_equal(a, b) for a, b in zip(before, after))
    assert model.generate("a red circle", seed=1).shape == (1, 16, 16, 3)


def test_pictures_of_one_caption_shall_differ():
    model = gated(mode_seeking_weight=2.0, word_attention=True, text_noise=0.0)
    batch = model._unpack(tiny.batch(model))
    drawn = []
    draw_with = model.draw_with

    def watched(generator, latents, features, training):
        images = draw_with(generator, latents, features, training)
        drawn.append((np.array(latents), features, np.array(images)))
        return images

    model.draw_with = watched
    losses, _ = losses_of(model, batch)
    ((latents, features, images),) = drawn
    half = len(images) // 2
    for value in features:
        np.testing.assert_array_equal(value[:half], value[half:])
    np.testing.assert_array_equal(
        features.sentence[:half], batch["features"].sentence[:half]
    )
    assert not np.any(latents[:half] == latents[half:])
    apart = np.abs(images[:half] - images[half:]).mean()
    expected = np.abs(latents[:half] - latents[half:]).mean() / (apart + 1e-5)
    model.settings["mode_seeking_weight"] = 4.0
    more, _ = losses_of(model, batch)
    difference = float(more["generator"] - losses["generator"])
    assert difference == pytest.approx(2.0 * expected, rel=1e-3)
    assert float(more["discriminator"]) == pytest.approx(
        float(losses["discriminator"]), rel=1e-5
    )


def test_loss_that_is_off_costs_nothing():
    whole, without = gated(), gated(region_weight=0.0)
    assert whole.uses_words and not without.uses_words
    assert without.word_head is None
    names = [set(m.discriminator.output) for m in (whole, without)]
    assert names[0] - names[1] == {"regions"}
    batch = without._unpack(tiny.batch(without))
    assert batch["weights"] is None and batch["features"].words is None


def test_added_noise_is_as_wide_as_the_sentence():
    assert gated(latent_width=5).latent_width == 5
    assert gated(latent_width=5, noise="add").latent_width == 8


def test_trainable_text_encoder_is_moved_by_the_discriminator_alone():
    encoder = tiny.TinyTextEncoder(frozen=False)
    model = gated(text_encoder=encoder)
    words = encoder.embedding.embeddings
    with tf.GradientTape(persistent=True) as tape:
        losses, _ = model.losses(model._unpack(tiny.batch(model)))
    gradient = tape.gradient(losses["discriminator"], words.value)
    assert np.any(ops.convert_to_numpy(tf.convert_to_tensor(gradient)))
    before = tiny.value(words)
    for rate, moves in ((0.0, False), (0.1, True)):
        model.compile(
            {
                "discriminator": keras.optimizers.SGD(rate),
                "generator": keras.optimizers.SGD(0.1),
            }
        )
        model.train_step(tiny.batch(model))
        assert np.any(before != tiny.value(words)) == moves


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"architecture": "unet"}, "architecture.*'unet'"),
        ({"noise": "multiply"}, "noise.*'concat', 'add'.*'multiply'"),
        ({"gates": True}, "gates.*True"),
        ({"keywords": "nouns"}, "keywords.*'nouns'"),
        ({"adversarial_loss": "wgan"}, "adversarial_loss.*'wgan'"),
        ({"num_keywords": 0}, "num_keywords.*at least 1.*0"),
        ({"region_width": 2.5}, "region_width.*whole number.*2.5"),
        ({"temperature": 0.0}, "temperature.*above 0.*0.0"),
        ({"region_weight": -1.0}, r"region_weight.*at least 0.*-1\.0"),
        ({"cls_weight": 1.0}, r"cls_weight.*\[0, 1\).*1\.0"),
        ({"variant": "best"}, "default.*patent.*shapes.*'best'"),
        ({"interpolate": True}, "no setting.*'interpolate'.*keywords"),
    ],
)
def test_settings_that_make_no_model_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        gated(**settings)
