import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_t2i import models
from keras_t2i import text
from keras_t2i import training
from keras_t2i.models.preset_model import resolve
from keras_t2i.models.progressive import networks
from keras_t2i.models.progressive.variants import VARIANTS
from tests import tiny

MATCHER = {"embedding_width": 8, "image_width": 4}
TINY = {
    "latent_width": 8,
    "text_width": 8,
    "generator_width": 4,
    "discriminator_width": 4,
    "matcher": MATCHER,
    "matcher_steps": 2,
}


def make(**settings):
    settings = {
        "image_size": 16,
        "text_encoder": tiny.TinyTextEncoder(),
        **TINY,
        **settings,
    }
    model = models.ProgressiveT2I(**settings)
    model.run_eagerly = True
    return model


def fit(model, epochs=1, **kwargs):
    return model.fit(tiny.dataset(count=4), epochs=epochs, verbose=0, **kwargs)


def weights(model):
    return [tiny.value(w) for w in model.weights]


@pytest.fixture(scope="module")
def trained():
    """A model after a step; tests of this fixture leave it as it is."""
    model = make()
    fit(model)
    return model


def drawn(model):
    """Inputs of the generator, and what it gives in training."""
    random = np.random.default_rng(0)
    inputs = [
        random.normal(size=(3, model.latent_width)),
        *model.text_encoder.encode(tiny.CAPTIONS[:3]),
    ]
    inputs = [np.asarray(x, "float32") for x in inputs]
    return inputs, model.generator(inputs, training=True)


# Stages.


@pytest.mark.parametrize(
    "size, sizes", [(16, (4, 8, 16)), (32, (8, 16, 32)), (36, (9, 18, 36))]
)
def test_stages_have_a_quarter_a_half_and_the_whole(size, sizes):
    model = make(image_size=size)
    _, out = drawn(model)
    shapes = [tuple(image.shape) for image in out["images"]]
    assert shapes == [(3, s, s, 3) for s in sizes]
    assert out["attention"].shape == (3, sizes[1], sizes[1], 4)
    assert all(np.abs(image).max() <= 1.0 for image in out["images"])


@pytest.mark.parametrize("architecture", ["compact", "published"])
def test_isolated_stages_get_no_gradient_from_later_ones(architecture):
    variant = {"compact": "default", "published": "patent"}[architecture]
    for stage_gradients in ("isolated", "joint"):
        model = make(variant=variant, stage_gradients=stage_gradients)
        stages = [model.generator.get_layer(f"stage{n}") for n in (1, 2, 3)]
        for later in (1, 2):
            with tf.GradientTape(persistent=True) as tape:
                _, out = drawn(model)
                loss = ops.sum(ops.square(out["images"][later]))
            for earlier in range(later):
                gradients = tape.gradient(
                    loss, stages[earlier].trainable_variables
                )
                flows = any(
                    g is not None and np.any(np.array(g)) for g in gradients
                )
                assert flows == (stage_gradients == "joint"), (earlier, later)


@pytest.mark.parametrize("stage1_condition", [False, True])
def test_first_stage_hears_the_sentence_only_if_told(stage1_condition):
    model = make(variant="gr_gan", stage1_condition=stage1_condition)
    assert model.latent_width == 8 + 100 * stage1_condition
    inputs, _ = drawn(model)
    before = model.generator(inputs, training=False)["images"]
    inputs[1] = inputs[1] + 1.0
    after = model.generator(inputs, training=False)["images"]
    same = [np.array_equal(a, b) for a, b in zip(before, after)]
    assert same == [not stage1_condition, False, False]


@pytest.mark.parametrize("fusion", ["memory", "attention"])
def test_words_reach_the_last_stage_only_and_padding_none(fusion):
    model = make(fusion=fusion)
    inputs, _ = drawn(model)
    inputs[3][:, 2:] = 0.0
    before = model.generator(inputs, training=False)["images"]
    padding, word = np.array(inputs[2]), np.array(inputs[2])
    padding[:, 2:] += 5.0
    word[:, 1] += 5.0
    hidden = model.generator([*inputs[:2], padding, inputs[3]], training=False)
    assert tiny.same(before, hidden["images"])
    heard = model.generator([*inputs[:2], word, inputs[3]], training=False)
    same = [np.array_equal(a, b) for a, b in zip(before, heard["images"])]
    assert same == [True, True, False]


def test_noise_is_reshaped_and_enlarged_as_the_sources_say():
    patent = resolve("ProgressiveT2I", VARIANTS, "patent", {})
    code = resolve("ProgressiveT2I", VARIANTS, "gr_gan", {})
    assert networks.first_map(64, patent) == (8, 3)
    assert networks.first_map(64, code) == (4, 4)
    assert networks.first_map(8, patent) == (1, 3)
    assert networks.first_map(25, code) == (25, 0)


def test_published_networks_have_the_published_size():
    """GR-GAN at 256 pixels, in millions of weights (methods, section 2.1)."""
    code = resolve("ProgressiveT2I", VARIANTS, "gr_gan", {})
    assert networks.latent_width(code) == 200
    first = networks.published_first_stage(64, 200, code)
    assert first.count_params() / 1e6 == pytest.approx(19.16, abs=0.14)
    trunks = [networks.published_trunk(size, 32) for size in (64, 128, 256)]
    assert [t.output_shape[1:] for t in trunks] == [(4, 4, 256)] * 3
    counts = [
        sum(int(np.prod(v.shape)) for v in t.trainable_variables) for t in trunks
    ]
    # Of 2.47, 5.74 and 18.85 with both heads each; the heads have up to 1.8.
    assert counts[0] / 1e6 == pytest.approx(0.69, abs=0.01)
    assert counts[1] / 1e6 == pytest.approx(3.97, abs=0.02)
    assert counts[2] / 1e6 == pytest.approx(17.08, abs=0.05)


@pytest.mark.parametrize("variant", ["patent", "gr_gan"])
@pytest.mark.parametrize("fusion", ["memory", "attention"])
def test_published_variants_move_every_weight_in_half_precision(variant, fusion):
    model = make(variant=variant, fusion=fusion, dtype="mixed_bfloat16")
    before = {name: tiny.trainable(model, name) for name in model.networks()}
    history = fit(model, epochs=3).history
    assert np.all(np.isfinite(list(history.values())))
    for name, values in before.items():
        pairs = zip(values, tiny.trainable(model, name))
        assert not any(np.array_equal(a, b) for a, b in pairs), name


# Losses.


def test_losses_add_up_as_the_settings_say():
    settings = {
        "stage2_sentence_weight": 3.0,
        "stage3_sentence_weight": 5.0,
        "stage3_word_weight": 0.5,
        "adversarial_scale": 0.25,
        "realism_weight": 0.0,
        "text_noise": 0.0,
    }
    model = make(**settings)
    history = {k: v[0] for k, v in fit(model).history.items()}
    expected = 3.0 * history["stage2_sentence"]
    expected += 5.0 * history["stage3_sentence"] + 0.5 * history["stage3_words"]
    for stage in (1, 2, 3):
        expected += 0.25 * history[f"stage{stage}_fake"]
    assert history["generator_loss"] == pytest.approx(expected, rel=1e-5)


def test_conditioning_adds_its_divergence():
    losses = []
    for kl_weight in (0.0, 2.0):
        model = make(stage1_condition=True, kl_weight=kl_weight)
        losses.append(fit(model).history["generator_loss"][0])
    assert losses[1] > losses[0]


def test_wrong_pairs_are_left_out_without_mismatch_loss():
    settings = {"realism_weight": 0.0, "r1_weight": 0.0}
    model = make(mismatch_loss=False, **settings)
    random = np.random.default_rng(0)
    real, fake = random.normal(size=(2, 4, 16, 16, 3)).astype("float32")
    sentence = random.normal(size=(4, 8)).astype("float32")

    def losses(class_id):
        found = model.adversarial_losses(2, real, fake, sentence, class_id)
        return [float(x) for x in found[:2]]

    # Without wrong pairs it does not matter which rows are of one class.
    assert losses(np.arange(4)) == pytest.approx(losses(np.zeros(4)), rel=1e-3)
    head, trunk = model.heads[2], model.trunks[2]
    logits = [np.array(head([trunk(x), sentence])) for x in (real, fake)]
    right = np.mean(np.log1p(np.exp(-logits[0])))
    right += np.mean(np.log1p(np.exp(logits[1])))
    assert losses(np.arange(4))[0] == pytest.approx(0.5 * right, rel=0.02)


# The matcher.


def test_fit_trains_a_matcher_first_and_then_leaves_it_alone():
    model = make(matcher_steps=3)
    before = weights(model.matcher)
    fit(model)
    assert int(model.matcher.optimizer.iterations) == 3
    assert int(model.optimizer.iterations) == 1
    once = weights(model.matcher)
    assert not tiny.same(before, once)
    fit(model)
    assert tiny.same(once, weights(model.matcher))


def test_matcher_learns_from_pictures_of_its_own_size():
    model = make(image_size=64, matcher={**MATCHER, "image_size": 16})
    model.fit(tiny.dataset(4, image_size=64), verbose=0)
    assert model.matcher.image_size == 16
    assert make(image_size=128).matcher.image_size == 64


def test_a_trained_matcher_is_taken_as_it_is(tmp_path):
    matcher = models.ImageTextMatcher(
        16, text_encoder=tiny.TinyTextEncoder(), **MATCHER
    )
    matcher.fit(tiny.dataset(count=4), verbose=0)
    matcher.save_to_preset(tmp_path / "matcher")
    before = weights(matcher)
    for given in (matcher, str(tmp_path / "matcher")):
        model = make(matcher=given, text_encoder=None, matcher_steps=50)
        loaded = weights(model.matcher)
        fit(model)
        assert tiny.same(loaded, weights(model.matcher))
        assert model.text_encoder is model.matcher.text_encoder
    assert tiny.same(before, weights(matcher))


def test_a_matcher_without_training_is_trained_first():
    matcher = models.ImageTextMatcher(
        16, text_encoder=tiny.TinyTextEncoder(), **MATCHER
    )
    model = make(matcher=matcher, text_encoder=None)
    fit(model)
    assert int(matcher.optimizer.iterations) == 2


def test_an_encoder_that_trains_is_trained_by_the_matcher_alone():
    encoder = text.BiLSTMTextEncoder(8, 6, max_length=4)
    model = make(text_encoder=encoder)
    before = weights(encoder)
    fit(model)
    once = weights(encoder)
    assert not tiny.same(before, once) and encoder.frozen
    fit(model)
    assert tiny.same(once, weights(encoder))


def test_one_model_resumes_twice_though_its_encoder_is_frozen_since(tmp_path):
    model = make(text_encoder=text.BiLSTMTextEncoder(8, 6, max_length=4))
    x, y = tiny.arrays(4)
    for epochs in (1, 2, 3):
        checkpoint = training.Checkpoint(tmp_path, resume=True)
        model.fit(
            x, y, batch_size=2, epochs=epochs, verbose=0, callbacks=[checkpoint]
        )
        assert model.step == 2 * epochs
    frozen = text.BiLSTMTextEncoder(8, 6, max_length=4, frozen=True)
    other = make(text_encoder=frozen)
    with pytest.raises(ValueError, match="belongs to another model"):
        training.restore(other, tmp_path)


def test_the_guard_watches_the_matcher_too(tmp_path):
    model = make(matcher_steps=4)
    matcher = model.matcher
    losses = matcher.losses

    def poisoned(batch):
        found, logs = losses(batch)
        bad = ops.equal(matcher.optimizer.iterations, 2)
        noise = ops.where(bad, np.inf, 0.0)
        return {name: loss + noise for name, loss in found.items()}, logs

    matcher.losses = poisoned
    checkpoint = training.Checkpoint(tmp_path, every_steps=2)
    guard = training.Guard("rollback", checkpoint)
    rate = float(matcher.optimizer.learning_rate)
    with pytest.warns(UserWarning, match="At step 3 the loss of the matcher"):
        model.fit(tiny.dataset(), verbose=0, callbacks=[guard, checkpoint])
    assert matcher.step == 4
    assert float(matcher.optimizer.learning_rate) == pytest.approx(rate / 2)
    assert all(np.isfinite(w).all() for w in weights(model))


def test_training_of_the_matcher_goes_on_after_a_stop(tmp_path):
    class StopMatcher(keras.callbacks.Callback):
        whole = None

        def on_train_batch_end(self, batch, logs=None):
            if self.model is not self.whole:
                self.model.stop_training = True

    whole, stopped, resumed = (make(matcher_steps=3) for _ in range(3))
    fit(whole)
    checkpoint = training.Checkpoint(tmp_path)
    fit(stopped, callbacks=[StopMatcher(), checkpoint])
    assert int(stopped.matcher.optimizer.iterations) == 1
    assert int(stopped.optimizer.iterations) == 0
    assert training.restore(resumed, tmp_path)["step"] == 0
    assert int(resumed.matcher.optimizer.iterations) == 1
    fit(resumed)
    assert tiny.same(tiny.everything(whole), tiny.everything(resumed))
    fit(stopped)
    assert tiny.same(tiny.everything(whole), tiny.everything(stopped))


def test_a_saved_model_keeps_its_matcher(tmp_path):
    model = make()
    fit(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    loaded.run_eagerly = True
    assert tiny.same(weights(model.matcher), weights(loaded.matcher))
    fit(loaded)
    assert tiny.same(weights(model.matcher), weights(loaded.matcher))
    json.dumps(model.get_config())


# Use.


def test_stages_are_returned_on_request(trained):
    stages = trained.generate(
        tiny.CAPTIONS[:3], seed=1, num_images=2, return_stages=True, batch_size=4
    )
    assert [s.shape for s in stages] == [(6, s, s, 3) for s in (4, 8, 16)]
    assert all(s.dtype == np.uint8 for s in stages)
    last = trained.generate(tiny.CAPTIONS[:3], seed=1, num_images=2)
    assert np.max(np.abs(stages[2].astype(int) - last)) <= 1


def test_attention_maps_show_the_picture_once_a_word(trained):
    maps = trained.attention_maps("a red square", seed=3)
    picture = trained.generate("a red square", seed=3)[0]
    assert maps.shape == (4, 16, 16, 3) and maps.dtype == np.uint8
    assert np.all(maps <= np.maximum(picture, 1) + 1)
    with pytest.raises(ValueError, match="one caption.*2 captions"):
        trained.attention_maps(tiny.CAPTIONS[:2])


# Errors.


def test_settings_that_make_no_model_are_refused():
    for key, value in {
        "fusion": "sum",
        "stage_gradients": "none",
        "num_residual": -1,
        "matcher_steps": 0,
        "stage1_up_samplings": -2,
        "stage3_word_weight": -1.0,
        "kl_weight": "much",
    }.items():
        with pytest.raises(ValueError, match=f"`{key}`.*{value}"):
            make(**{key: value})
    with pytest.raises(ValueError, match="`realism_weight` to 0.*2.0"):
        make(variant="patent", realism_weight=2.0)


@pytest.mark.parametrize("size", [0, 12, 30, 64.0, "64"])
def test_sizes_that_do_not_halve_twice_are_refused(size):
    with pytest.raises(ValueError, match=f"multiple of 4.*Received: {size!r}"):
        networks.stage_sizes(size)


def test_matchers_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="`matcher` is.*Received: 3"):
        make(matcher=3)
    with pytest.raises(ValueError, match="`text_encoder` beside"):
        make(matcher={"text_encoder": "bilstm"})
    with pytest.raises(FileNotFoundError, match="no preset 'nowhere'"):
        make(matcher="nowhere")
    matcher = models.ImageTextMatcher(16, text_encoder="bag_of_ngrams", **MATCHER)
    with pytest.raises(ValueError, match="leave out `text_encoder`"):
        make(matcher=matcher)
