import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_t2i import data
from keras_t2i import losses
from keras_t2i import metrics
from keras_t2i import models
from keras_t2i import text
from keras_t2i import training
from keras_t2i.training.pipeline import as_dataset
from keras_t2i.training.pipeline import with_features
from tests import tiny

TINY = {"image_size": 16, "embedding_width": 8, "image_width": 4}


def make(**settings):
    settings = {"text_encoder": tiny.TinyTextEncoder(), **TINY, **settings}
    model = models.ImageTextMatcher(**settings)
    model.run_eagerly = True
    return model


def fit(model):
    return model.fit(tiny.dataset(count=4), verbose=0).history


@pytest.fixture(scope="module")
def trained():
    """A model after a step; tests of this fixture leave it as it is."""
    model = make()
    fit(model)
    return model


def noise(count):
    return tiny.arrays(count)[1]


def test_some_dozen_steps_teach_retrieval():
    model = models.ImageTextMatcher(
        text_encoder=text.BagOfNGramsEncoder(64, 16),
        embedding_width=32,
        image_width=8,
        learning_rate=4e-3,
    )
    seen = data.shapes("train", 16, 32, num_images=320, language="english")
    model.fit(seen, epochs=6, verbose=0)
    unseen = data.shapes(
        "validation", 16, 108, num_images=108, language="english"
    )
    x, images = next(iter(unseen))
    precision = metrics.r_precision(
        model.embed_images(images),
        model.embed_text(unseen),
        x["class_id"],
        num_captions=10,
    )
    # Measured: 0.44. Chance is 0.1, with a standard deviation of 0.03.
    assert precision > 0.25


def test_loss_is_the_weighted_sum_of_the_losses():
    model = make(sentence_weight=4.0, word_weight=0.5, gamma1=2.0)
    history = fit(model)
    expected = 4 * history["sentence_loss"][0] + 0.5 * history["word_loss"][0]
    assert history["matcher_loss"][0] == pytest.approx(expected, rel=1e-5)


def test_settings_reach_the_losses(trained):
    dataset = with_features(
        as_dataset(tiny.dataset()), trained.text_encoder, words=True
    )
    batch = trained._unpack(next(iter(dataset)))
    features = batch["features"]
    codes = trained.codes(batch["images"], features)
    found = trained.matching_losses(codes, features.mask, batch["class_id"])
    image, regions, sentence, words = codes
    assert regions.shape == (4, 64, 8) and words.shape == (4, 4, 8)
    expected = (
        losses.sentence_matching_loss(image, sentence, batch["class_id"], 10.0),
        losses.word_matching_loss(
            regions, words, features.mask, batch["class_id"], 4.0, 5.0, 10.0
        ),
    )
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("frozen", [True, False])
def test_a_step_moves_every_weight_that_shall_move(frozen):
    model = make(text_encoder=tiny.TinyTextEncoder(frozen))
    before = tiny.trainable(model, "matcher")
    encoder = tiny.value(model.text_encoder.embedding.embeddings)
    assert np.all(np.isfinite(list(fit(model).values())))
    after = tiny.trainable(model, "matcher")
    assert not any(np.array_equal(a, b) for a, b in zip(before, after))
    moved = tiny.value(model.text_encoder.embedding.embeddings)
    assert np.array_equal(encoder, moved) == frozen


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(dtype):
    model = make(dtype=dtype)
    assert np.all(np.isfinite(list(fit(model).values())))
    assert all(v.dtype == "float32" for v in model.weights)


def test_augmentation_and_captions_without_classes():
    x, y = tiny.arrays(count=4)
    model = make(augment=["color", "translation"])
    history = model.fit(list(x["text"]), y, verbose=0).history
    assert np.all(np.isfinite(list(history.values())))


@pytest.mark.parametrize("architecture", ["strided", "pooled"])
@pytest.mark.parametrize("size, regions", [(16, 64), (24, 144), (64, 64)])
def test_any_size_from_16_up_gives_regions(architecture, size, regions):
    model = make(image_size=size, architecture=architecture)
    code, found = model.image_tower(np.zeros((2, size, size, 3), "float32"))
    assert code.shape == (2, 8) and found.shape == (2, regions, 8)


def test_backbone_of_keras_applications_has_heads_that_train():
    model = make(backbone="MobileNetV2", backbone_weights=None)
    backbone = [
        layer for layer in model.image_tower.layers if layer.name.startswith("func")
    ]
    assert len(backbone) == 1 and not backbone[0].trainable_variables
    code, regions = model.image_tower(np.zeros((2, 16, 16, 3), "float32"))
    assert code.shape == (2, 8) and regions.shape == (2, 14 * 14, 8)
    # Its weights lie in the file: reading it downloads nothing.
    assert model.get_config()["backbone_weights"] is None


def test_backbones_that_cannot_be_had_are_named():
    with pytest.raises(ValueError, match="no 'ResNet7'"):
        make(backbone="ResNet7")
    with pytest.raises(ValueError, match="MobileNetV2 are neither in the cache"):
        make(backbone="MobileNetV2", backbone_weights="nowhere.h5")


def test_only_the_first_words_are_looked_at():
    model = make(num_words=2)
    features = model.text_encoder.encode(tiny.CAPTIONS[:3])
    _, words = model.text_codes(features)
    assert words.shape == (3, 2, 8)
    assert len(model.attention_maps("a red square", noise(1)[0])) == 2


def test_an_encoder_of_words_is_trained_in_it():
    model = make(variant="attngan", text_encoder=None)
    before = [tiny.value(w) for w in model.text_encoder.weights]
    fit(model)
    assert isinstance(model.text_encoder, text.BiLSTMTextEncoder)
    moved = [tiny.value(w) for w in model.text_encoder.weights]
    assert not any(np.array_equal(a, b) for a, b in zip(before, moved))


def test_a_judge_reads_several_captions_a_picture_and_no_words():
    model = make(variant="judge")
    before = tiny.trainable(model, "matcher")
    images = noise(4)
    captions = np.array(tiny.CAPTIONS).reshape(4, 2)
    dataset = tf.data.Dataset.from_tensors((captions, images))
    history = model.fit(dataset, verbose=0).history
    assert "word_loss" not in history
    assert history["matcher_loss"] == history["sentence_loss"]
    after = tiny.trainable(model, "matcher")
    assert not any(np.array_equal(a, b) for a, b in zip(before, after))
    assert model.similarity("a red square", images).shape == (1, 4)
    with pytest.raises(ValueError, match="does not look at words"):
        model.attention_maps("a red square", images[0])
    with pytest.raises(ValueError, match="does not look at words"):
        models.ProgressiveT2I(16, matcher=model)


def test_the_rate_falls_to_zero_in_decay_steps():
    model = make(learning_rate=0.01, decay_steps=2)
    x, y = tiny.arrays(4)
    rates = [float(model.optimizer.learning_rate)]
    for _ in range(2):
        model.fit(x, y, batch_size=4, verbose=0)
        rates.append(float(model.optimizer.learning_rate))
    np.testing.assert_allclose(rates, [0.01, 0.005, 0.0], atol=1e-9)
    with pytest.raises(ValueError, match="`decay_steps`.*Received: 0"):
        make(decay_steps=0)


def test_weight_decay_and_dropout_are_refused_out_of_range():
    with pytest.raises(ValueError, match="`dropout`.*Received: 1.0"):
        make(dropout=1.0)
    with pytest.raises(ValueError, match="`weight_decay`.*Received: -0.1"):
        make(weight_decay=-0.1)


# Use.


def test_similarity_is_the_cosine_of_the_codes(trained):
    images, captions = noise(3), tiny.CAPTIONS[:2]
    found = trained.similarity(captions, images)
    features = trained.text_encoder.encode(captions)
    scaled = images.astype("float32") / 127.5 - 1.0
    codes = trained.image_tower(scaled)[0]
    sentences = trained.text_tower([features.sentence, features.words])[0]
    for n, sentence in enumerate(np.asarray(sentences)):
        for m, code in enumerate(np.asarray(codes)):
            lengths = np.linalg.norm(sentence) * np.linalg.norm(code)
            assert found[n, m] == pytest.approx(sentence @ code / lengths, abs=1e-5)
    one = trained.embed_images(images, batch_size=1)
    np.testing.assert_allclose(trained.embed_images(images), one, atol=1e-5)


def test_retrieve_gives_the_best_first(trained):
    images = noise(6)
    found = trained.retrieve(tiny.CAPTIONS[:2], images, count=4)
    similarity = trained.similarity(tiny.CAPTIONS[:2], images)
    for rows, scores in zip(found, similarity):
        assert list(rows) == sorted(range(6), key=lambda m: -scores[m])[:4]


def test_attention_maps_are_pictures_lit_where_a_word_looks(trained):
    white = np.full((16, 16, 3), 255, "uint8")
    maps = trained.attention_maps("a red square", white)
    assert maps.shape == (4, 16, 16, 3) and maps.dtype == np.uint8
    assert np.all(maps.reshape(4, -1).max(axis=1) > 240)
    black = trained.attention_maps("a red square", 0 * white)
    assert not black.any()


def test_only_real_words_get_a_map():
    model = make(text_encoder=text.BagOfNGramsEncoder(8, 6))
    assert len(model.attention_maps("a red square", noise(1)[0])) == 3


# Files.


def test_keras_file_and_checkpoint_go_on_identically(tmp_path):
    model = make()
    fit(model)
    model.save(tmp_path / "model.keras")
    model.fit(
        tiny.dataset(count=4), verbose=0, callbacks=[training.Checkpoint(tmp_path)]
    )
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    loaded.run_eagerly = True
    fit(loaded)
    restored = make(seed=5)
    assert training.restore(restored, tmp_path)["step"] == 2
    for other in (loaded, restored):
        assert tiny.same(tiny.everything(model), tiny.everything(other))


def test_preset_embeds_alike(tmp_path):
    model = make(image_size=None, text_encoder=tiny.TinyTextEncoder(False))
    fit(model)
    model.save_to_preset(tmp_path, {"license": "CC0"})
    loaded = models.ImageTextMatcher.from_preset(tmp_path)
    assert loaded.image_size == 16 and loaded.settings["gamma2"] == 5.0
    np.testing.assert_allclose(
        loaded.similarity(tiny.CAPTIONS, noise(4)),
        model.similarity(tiny.CAPTIONS, noise(4)),
        atol=5e-3,
    )
    with pytest.raises(ValueError, match="holds a ImageTextMatcher"):
        models.GANCLS.from_preset(tmp_path)


def test_config_round_trip():
    model = make(variant="attngan", word_weight=0.25, seed=4)
    config = json.loads(json.dumps(model.get_config()))
    again = type(model).from_config(config)
    assert json.loads(json.dumps(again.get_config())) == config
    assert again.settings["beta_1"] == 0.5


# Errors.


def test_settings_that_make_no_model_are_refused():
    with pytest.raises(ValueError, match="no setting.*'depth'"):
        make(depth=3)
    with pytest.raises(ValueError, match="`variant`.*'huge'"):
        make(variant="huge")
    with pytest.raises(ValueError, match="`image_size`.*16.*8"):
        make(image_size=8)
    with pytest.raises(ValueError, match="`word_weight`.*-1"):
        make(word_weight=-1.0)
    with pytest.raises(ValueError, match="0.0 and 0.0"):
        make(word_weight=0.0, sentence_weight=0.0)
    for key in ("embedding_width", "num_words"):
        with pytest.raises(ValueError, match=f"`{key}`.*0"):
            make(**{key: 0})
    with pytest.raises(ValueError, match="`architecture`.*'round'"):
        make(architecture="round")


def test_use_that_makes_no_sense_is_refused(trained):
    images = noise(3)
    for count in (0, 4):
        with pytest.raises(ValueError, match=f"1 to 3.*{count}"):
            trained.retrieve("a star", images, count=count)
    with pytest.raises(ValueError, match=r"\[N, 16, 16, 3\].*\[3, 8, 16, 3\]"):
        trained.similarity("a star", images[:, :8])
    with pytest.raises(ValueError, match="uint8.*float"):
        trained.embed_images(images / 255)
    with pytest.raises(ValueError, match="one picture.*3 pictures"):
        trained.attention_maps("a star", images)
    with pytest.raises(ValueError, match="at least one word"):
        trained.embed_text("")
    unbuilt = make(image_size=None)
    for call in (unbuilt.embed_text, unbuilt.embed_images):
        with pytest.raises(ValueError, match="`fit`.*from_preset"):
            call("a star")


def test_shipped_matcher_and_judge_know_colors_and_have_little_in_common():
    names = ("image_text_matcher_flowers_64", "flowers_judge_64")
    shipped = [models.ImageTextMatcher.from_preset(name) for name in names]
    architectures = [model.settings["architecture"] for model in shipped]
    assert architectures == ["strided", "pooled"]
    assert [model.uses_words for model in shipped] == [True, False]
    colors = {"red": (220, 20, 30), "yellow": (240, 220, 30), "white": (240,) * 3}
    captions = [f"this flower has {name} petals" for name in colors]
    for model in shipped:
        size = model.image_size
        y, x = np.mgrid[:size, :size] / size - 0.5
        pictures = np.zeros((3, size, size, 3), "uint8") + np.array(
            [30, 70, 30], "uint8"
        )
        for picture, color in zip(pictures, colors.values()):
            picture[x**2 + y**2 < 0.15] = color
        best = model.retrieve(captions, pictures, count=1)
        np.testing.assert_array_equal(best[:, 0], [0, 1, 2])
