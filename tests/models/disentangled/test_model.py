import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_t2i import losses
from keras_t2i import models
from tests import tiny

TINY = {
    "image_size": 16,
    "latent_width": 8,
    "text_width": 6,
    "generator_width": 4,
    "discriminator_width": 4,
    "r1_weight": 0.0,
    "augment": (),
    # Noise on the sentences would hide which of them a judgement is of.
    "text_noise": 0.0,
}


def disentangled(**settings):
    encoder = settings.pop("text_encoder", None) or tiny.TinyTextEncoder()
    model = models.ModalityDisentangledT2I(
        text_encoder=encoder, **{**TINY, **settings}
    )
    model.run_eagerly = True
    return model


@pytest.fixture(scope="module")
def model():
    """Not trained: what is asked of it holds for any weights."""
    return disentangled()


@pytest.fixture(scope="module")
def photos(model):
    return model.generate(["a red circle", "a blue star"], seed=9)


# Who moves what.


def moved_by(part, **weights):
    """Names of the networks that get a gradient from one network's loss.

    All other weights of the objective are zero, and the judgements too.
    """
    settings = {
        "content_weight": 0.0,
        "style_weight": 0.0,
        "style_loss_in_generator": True,
        "mode_seeking_weight": 0.0,
        "reconstruction_weight": 0.0,
        "content_reconstruction_weight": 0.0,
        **weights,
    }
    model = disentangled(**settings)
    silent = losses.Judgement(*[tf.zeros(4)] * 3)
    model.judge = lambda scale, codes, text: silent
    model.judge_wrong = lambda *arguments: None
    batch = model._unpack(tiny.batch(model))
    with tf.GradientTape() as tape:
        loss = model.losses(batch)[0][part]
    named = {
        "generator": model.generator,
        "text_head": model.text_head,
        "image_encoder": model.image_encoders[0],
    }
    variables = {n: m.trainable_variables for n, m in named.items()}
    gradients = tape.gradient(loss, variables)
    return {
        name
        for name, values in gradients.items()
        if any(g is not None and np.any(np.array(g) != 0) for g in values)
    }


def test_content_term_of_the_generator_moves_the_pictures_as_in_the_patent():
    moved = moved_by("generator", content_weight=1.0)
    assert moved >= {"generator", "text_head"}


def test_content_term_of_the_code_has_no_gradient_to_the_image_side():
    moved = moved_by("generator", content_weight=1.0, content_gradient="text")
    assert moved == {"text_head"}


def test_style_loss_is_in_the_generator_only_where_asked():
    assert "generator" in moved_by("generator", style_weight=1.0)
    without = moved_by(
        "generator", style_weight=1.0, style_loss_in_generator=False
    )
    assert without == set()


def test_mode_seeking_is_the_generators():
    moved = moved_by("generator", mode_seeking_weight=1.0)
    assert "generator" in moved
    assert moved_by("discriminator", mode_seeking_weight=1.0) == set()


def test_reconstruction_trains_the_generator_and_the_image_encoder():
    moved = moved_by("generator", reconstruction_weight=1.0)
    # The styles in which pictures are judged are given to the generator.
    assert moved == {"generator", "text_head"}
    moved = moved_by("discriminator", reconstruction_weight=1.0)
    assert "image_encoder" in moved


def test_content_reconstruction_trains_the_style_and_bends_no_content():
    weights = {
        "reconstruction_weight": 1e-6,
        "content_reconstruction_weight": 1.0,
    }
    assert moved_by("generator", **weights) >= {"generator", "text_head"}

    model = disentangled(style_weight=0.0, content_weight=0.0, **weights)
    silent = losses.Judgement(*[tf.zeros(4)] * 3)
    model.judge = lambda scale, codes, text: silent
    model.judge_wrong = lambda *arguments: None
    batch = model._unpack(tiny.batch(model))
    encoder = model.image_encoders[0]
    with tf.GradientTape(persistent=True) as tape:
        style = encoder(tf.ones((1, 16, 16, 3)))[3]
        loss = model.losses(batch)[0]["discriminator"]
    moved, of_style = [
        [g is not None and np.any(np.array(g) != 0) for g in gradients]
        for gradients in (
            tape.gradient(loss, encoder.trainable_variables),
            tape.gradient(style, encoder.trainable_variables),
        )
    ]
    # What sees the content is held, also while it judges.
    assert any(moved) and moved == of_style


@pytest.mark.parametrize("weight", ["content_weight", "style_weight"])
def test_both_correlations_train_the_image_encoder(weight):
    moved = moved_by("discriminator", **{weight: 1.0})
    assert "image_encoder" in moved
    owners = disentangled().networks()["discriminator"]
    # What else gets a gradient there is not the discriminator's to move.
    assert not any("generator" in each.name for each in owners)


def test_text_that_is_asked_about_is_out_of_reach_of_the_generator():
    """Through D_c the text layer could learn to ask for what D likes."""
    model = disentangled(
        dc_text="htc", content_weight=0.0, style_loss_in_generator=False
    )
    batch = model._unpack(tiny.batch(model))
    asked = []
    judge = model.judge

    def watched(scale, codes, text):
        asked.append(text)
        return judge(scale, codes, text)

    model.judge = watched
    with tf.GradientTape() as tape:
        model.losses(batch)
    gradients = tape.gradient(asked[0], model.text_head.trainable_variables)
    assert all(gradient is None for gradient in gradients)


def test_trainable_text_is_moved_by_the_generator():
    encoder = tiny.TinyTextEncoder(frozen=False)
    model = disentangled(text_encoder=encoder)
    assert encoder in model.networks()["generator"]
    before = np.array(encoder.embedding.embeddings)
    model.fit(tiny.dataset(count=4), verbose=0)
    assert np.any(before != np.array(encoder.embedding.embeddings))


# The objective.


def test_discriminator_loss_is_the_sum_of_its_terms():
    model = disentangled(content_weight=3.0, style_weight=2.0)
    batch = model._unpack(tiny.batch(model))
    result, logs = model.losses(batch)
    plain = disentangled(content_weight=0.0, style_weight=0.0)
    adversarial, _ = plain.losses(batch)
    expected = (
        float(adversarial["discriminator"])
        + 3.0 * float(logs["content_triplet"])
        - 2.0 * float(logs["style_correlation"])
    )
    assert float(result["discriminator"]) == pytest.approx(expected, rel=1e-4)


def test_wrong_texts_are_those_of_the_next_row():
    model = disentangled(
        variant="mdd", matcher_weight=0.0, num_scales=1, discriminator_width=2
    )
    codes = model.image_encoders[0](tiny.arrays(count=4)[1] / 255.0)
    text = tf.constant(np.random.default_rng(0).normal(size=(4, 8)), "float32")
    logits, weights = model.judge_wrong(0, codes, text, None)
    turned = model.judge(0, codes, tf.gather(text, [1, 2, 3, 0])).content
    np.testing.assert_allclose(logits, turned, rtol=1e-4, atol=1e-6)
    assert np.all(np.array(weights) == 1.0)


def test_pairs_of_one_class_are_not_wrong(model):
    codes = model.image_encoders[0](tiny.arrays(count=4)[1] / 255.0)
    text = tf.constant(np.random.default_rng(0).normal(size=(4, 8)), "float32")
    scores, weights = model.judge_wrong(0, codes, text, np.array([0, 1, 0, 2]))
    assert scores.shape == (4, 4)
    expected = [[0, 1, 0, 1], [1, 0, 1, 1], [0, 1, 0, 1], [1, 1, 1, 0]]
    np.testing.assert_array_equal(weights, expected)


@pytest.mark.parametrize("dc_text, width", [("htc", 6), ("sentence", 8)])
def test_text_input_of_the_content_discriminator(dc_text, width):
    model = disentangled(
        variant="patent", dc_text=dc_text, discriminator_width=2
    )
    _, text = model.content_heads[0].inputs
    assert text.shape == (None, width)


def test_divergence_of_conditioning_augmentation_is_added():
    with_kl = disentangled(kl_weight=5.0)
    batch = with_kl._unpack(tiny.batch(with_kl))
    content = with_kl.text_head(batch["features"].sentence, training=True)
    expected = losses.conditioning_kl_loss(
        content["text"], content["log_variance"]
    )
    loss = float(with_kl.losses(batch)[0]["generator"])
    with_kl.settings["kl_weight"] = 0.0
    with_kl.seed_generator.state.assign(disentangled().seed_generator.state)
    without = float(with_kl.losses(batch)[0]["generator"])
    assert loss - without == pytest.approx(5.0 * float(expected), rel=1e-2)


@pytest.mark.parametrize("weight, rows", [(0.0, [0, 1, 2]), (0.1, [0, 1] * 2)])
def test_mode_seeking_draws_half_of_the_captions_twice(weight, rows):
    model = disentangled(mode_seeking_weight=weight, reconstruction_weight=0.0)
    batch = model._unpack(tiny.batch(model, count=3))
    given, generator = [], model.generator

    def watched(inputs, training):
        given.extend(inputs)
        return generator(inputs, training=training)

    model.losses_of_scale = lambda *arguments: (0.0, 0.0, {})
    model.generator = watched
    model.losses(batch)
    latents, text = given
    sentence = batch["features"].sentence
    expected = model.text_head(sentence, training=True)["text"]
    np.testing.assert_allclose(text, np.array(expected)[rows], atol=1e-5)
    assert len(np.unique(latents, axis=0)) == len(rows)


@pytest.mark.parametrize("seeking, count", [(0.0, 3), (0.1, 4)])
def test_half_of_the_pictures_are_drawn_in_the_styles_of_real_ones(
    seeking, count
):
    model = disentangled(mode_seeking_weight=seeking)
    batch = model._unpack(tiny.batch(model, count=3))
    style = np.array(model.image_encoders[0](batch["images"])[3])
    latents = []
    model.losses_of_scale = lambda scale, real, fake, conditions, class_id: (
        latents.append(conditions[2]) or (0.0, 0.0, {})
    )
    model.losses(batch)
    assert latents[0].shape == (count, 8)
    found = [
        np.corrcoef(given, of_real)[0, 1]
        for given, of_real in zip(latents[0], [*style[:2], *style], strict=False)
    ]
    # Beside a little noise; the others are nothing else.
    assert min(found[:2]) > 0.6 and max(found[2:]) < 0.6


def test_three_scales_judge_pictures_of_half_the_size():
    model = disentangled(num_scales=3)
    sizes = [encoder.input_shape[1] for encoder in model.image_encoders]
    assert sizes == [4, 8, 16] and model.uses_words
    history = model.fit(tiny.dataset(count=4), verbose=0).history
    assert np.all(np.isfinite(list(history.values())))


# The matcher.


@pytest.fixture(scope="module")
def matcher():
    matcher = models.ImageTextMatcher(
        image_size=16,
        text_encoder=tiny.TinyTextEncoder(),
        embedding_width=8,
        image_width=4,
    )
    matcher.run_eagerly = True
    matcher.fit(tiny.dataset(count=4), verbose=0)
    return matcher


def with_matcher(matcher, **settings):
    settings = {**TINY, "matcher_weight": 2.0, **settings}
    model = models.ModalityDisentangledT2I(matcher=matcher, **settings)
    model.run_eagerly = True
    return model


def test_matcher_moves_the_generator_and_stays_as_it_is(matcher):
    model = with_matcher(matcher)
    assert model.text_encoder is matcher.text_encoder
    before = [tiny.value(w) for w in matcher.weights]
    model.fit(tiny.dataset(count=4), verbose=0)
    assert tiny.same(before, [tiny.value(w) for w in matcher.weights])
    features = model.text_encoder.encode(tiny.CAPTIONS[:4])
    with tf.GradientTape() as tape:
        drawn = tf.zeros((4, 16, 16, 3))
        tape.watch(drawn)
        loss = model.matching_loss(drawn, features, np.arange(4))
    assert np.any(np.array(tape.gradient(loss, drawn)) != 0)


@pytest.mark.parametrize("suffix", [".keras", ""])
def test_matcher_is_saved_with_the_model(matcher, tmp_path, suffix):
    model = with_matcher(matcher)
    path = tmp_path / f"model{suffix}"
    if suffix:
        model.save(path)
        loaded = keras.saving.load_model(path)
    else:
        model.save_to_preset(path)
        loaded = models.from_preset(path)
    images = tiny.arrays(count=4)[1]
    np.testing.assert_allclose(
        loaded.matcher.embed_images(images),
        matcher.embed_images(images),
        atol=1e-2,
    )


def test_matcher_may_be_the_folder_of_a_preset(matcher, tmp_path):
    matcher.save_to_preset(tmp_path)
    model = with_matcher(tmp_path, num_scales=2)
    history = model.fit(tiny.dataset(count=4), verbose=0).history
    assert np.all(np.isfinite(list(history.values())))


def test_a_configuration_names_no_other_file(matcher, tmp_path):
    matcher.save_to_preset(tmp_path)
    config = with_matcher(matcher).get_config()
    config["matcher"] = str(tmp_path)
    with pytest.raises(ValueError, match="dict or null"):
        models.ModalityDisentangledT2I.from_config(config)


def test_weight_and_matcher_belong_together(matcher):
    with pytest.raises(ValueError, match="trained ImageTextMatcher"):
        disentangled(matcher_weight=1.0)
    with pytest.raises(ValueError, match="Give both"):
        with_matcher(matcher, matcher_weight=0.0)
    with pytest.raises(ValueError, match="leave out `text_encoder`"):
        with_matcher(matcher, text_encoder="bag_of_ngrams")


# Style.


def test_code_of_a_picture_is_standardised(model, photos):
    content, style = model.encode(photos)
    assert content.shape == (2, 6) and style.shape == (2, 8)
    np.testing.assert_allclose(style.mean(axis=1), 0.0, atol=1e-5)
    np.testing.assert_allclose(style.std(axis=1), 1.0, rtol=1e-4)
    raw = np.array(model.image_encoders[-1](photos / 127.5 - 1.0)[3])
    for found, expected in zip(style, raw):
        correlation = np.corrcoef(found, expected)[0, 1]
        assert correlation == pytest.approx(1.0, abs=1e-4)
    parts = model.encode(photos, batch_size=1)
    np.testing.assert_allclose(parts[1], style, atol=1e-4)


def test_style_of_a_picture_takes_the_place_of_the_noise(model, photos):
    captions = ["a green star", "a red square"]
    styled = model.generate(captions, style_image=photos)
    style = model.encode(photos)[1]
    np.testing.assert_array_equal(styled, model.generate(captions, style=style))
    # The latents of a seed are a style like any other.
    latents = model.latents_for(2, seed=3)
    drawn = model.generate(captions, style=latents)
    np.testing.assert_array_equal(drawn, model.generate(captions, seed=3))


def test_one_caption_in_all_styles_one_style_for_all_captions(model, photos):
    style = model.encode(photos)[1]
    one = model.generate("a star", style=style)
    assert one.shape == (2, 16, 16, 3)
    again = model.generate(["a star"] * 2, style=style)
    np.testing.assert_array_equal(one, again)
    other = model.generate(["a star", "a circle", "a square"], style=style[0])
    assert other.shape == (3, 16, 16, 3)
    alone = model.generate("a circle", style_image=photos[0])
    assert np.max(np.abs(other[1].astype(int) - alone[0])) <= 1


def test_grid_has_captions_in_rows_and_styles_in_columns(model, photos):
    captions = ["a star", "a circle"]
    images = model.content_style_grid(captions, num_styles=3, seed=4)
    assert images.shape == (6, 16, 16, 3)
    latents = model.latents_for(3, seed=4)
    for row, caption in enumerate(captions):
        expected = model.generate(caption, style=latents)
        found = images[3 * row : 3 * row + 3].astype(int)
        assert np.max(np.abs(found - expected)) <= 1
    assert len(model.content_style_grid(captions, style_image=photos)) == 4


def test_similarity_is_the_correlation_of_contents(model, photos):
    captions = ["a star", "a circle", "a square"]
    similarity = model.similarity(captions, photos)
    text, content = model.encode_text(captions), model.encode(photos)[0]
    assert similarity.shape == (3, 2) and text.shape == (3, 6)
    for i in range(3):
        for j in range(2):
            expected = np.corrcoef(text[i], content[j])[0, 1]
            assert similarity[i, j] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"seed": 1}, "takes the place of the noise"),
        ({"num_images": 2}, "takes the place of the noise"),
        ({"truncation": 0.5}, "takes the place of the noise"),
        ({"style_image": np.zeros((16, 16, 3), "uint8")}, "not both"),
        ({"style": np.zeros(7)}, r"\[8\] or \[N, 8\].*\[1, 7\]"),
        ({"style": np.zeros((1, 1, 8))}, r"\[1, 1, 8\]"),
        ({"style": np.zeros((3, 8))}, "2 captions, 3 styles"),
    ],
)
def test_styles_that_do_not_fit_are_refused(model, arguments, message):
    arguments = {"style": np.zeros(8), **arguments}
    with pytest.raises(ValueError, match=message):
        model.generate(["a star", "a circle"], **arguments)


def test_style_pictures_of_another_size_are_refused(model):
    with pytest.raises(ValueError, match=r"16, 16, 3.*\[1, 32, 32, 3\]"):
        model.generate("a star", style_image=np.zeros((32, 32, 3), "uint8"))


def test_model_without_networks_says_what_to_do():
    model = disentangled(image_size=None)
    with pytest.raises(ValueError, match="`fit`.*from_preset"):
        model.encode(np.zeros((16, 16, 3), "uint8"))
    with pytest.raises(ValueError, match="`fit`.*from_preset"):
        model.encode_text("a star")


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"architecture": "deep"}, "architecture.*'deep'"),
        ({"negatives": "first"}, "negatives.*'first'"),
        ({"num_scales": 0}, "num_scales.*0"),
        ({"latent_width": 1}, "latent_width.*1"),
        ({"margin": -1.0}, "margin.*-1.0"),
        ({"style_weight": "high"}, "style_weight.*'high'"),
        ({"mode_seeking_weight": -0.1}, "mode_seeking_weight.*-0.1"),
        ({"style_loss_in_generator": "yes"}, "style_loss_in_generator"),
        ({"variant": "patent", "wrong_pairs": "all"}, "projection"),
        (
            {"variant": "patent", "content_reconstruction_weight": 1.0},
            "Set both above 0",
        ),
        (
            {"variant": "patent", "discriminator_width": 2, "latent_width": 16},
            "16 of 16",
        ),
    ],
)
def test_settings_that_make_no_model_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        disentangled(**settings)


def test_variants_are_the_columns_of_the_sources():
    for variant, expected in {
        "patent": (1, "htc", "none", "next", 0.0, "pictures"),
        "mdd": (3, "sentence", "next", "previous", 1.0, "text"),
    }.items():
        settings = {**models.ModalityDisentangledT2I.variants[variant]}
        default = models.ModalityDisentangledT2I.variants["default"]
        full = {**default, **settings}
        names = (
            "num_scales",
            "dc_text",
            "wrong_pairs",
            "negatives",
            "kl_weight",
            "content_gradient",
        )
        assert tuple(full[name] for name in names) == expected
        assert not full["style_loss_in_generator"]
        assert full["mode_seeking_weight"] == 0.0
        assert full["style_adversarial_weight"] == 0.1
