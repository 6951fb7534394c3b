import json

import numpy as np
import pytest

from keras_t2i import models
from keras_t2i import text
from keras_t2i.models.face_editor import networks
from keras_t2i.models.face_editor.variants import CAPTIONERS
from keras_t2i.training.pipeline import as_dataset
from tests import tiny
from tests.models.face_editor import parts


def make(**settings):
    model = models.ImageCaptioner(
        **{"image_size": 16, **parts.CAPTIONER, **settings}
    )
    model.run_eagerly = True
    return model


def colored(count):
    """Dark pictures of black hair, bright ones of blond hair."""
    random = np.random.default_rng(0)
    bright = np.arange(count) % 2
    level = 40 + 160 * bright[:, None, None, None]
    pictures = level + random.integers(0, 40, (count, 16, 16, 3))
    captions = np.array(["a man with black hair", "a woman with blond hair"])
    return captions[bright], pictures.astype("uint8")


@pytest.fixture(scope="module")
def taught():
    """A captioner that has seen two kinds of pictures."""
    model = make(
        learning_rate=2e-2,
        schedule="constant",
        augment=(),
        dropout=0.0,
        hidden_width=16,
        text_encoder=text.CaptionReader(max_length=6),
    )
    model.run_eagerly = False
    captions, pictures = colored(16)
    model.fit(captions, pictures, epochs=120, verbose=0)
    return model


def test_it_says_what_it_sees(taught):
    captions, pictures = colored(6)
    assert taught.caption(pictures) == list(captions)
    assert taught.caption(pictures[0]) == [captions[0]]


def test_likelihood_prefers_the_right_caption(taught):
    captions, pictures = colored(2)
    right = taught.likelihood(list(captions), pictures)
    wrong = taught.likelihood(list(captions[::-1]), pictures)
    assert np.all(right > wrong + 1.0)
    one = taught.likelihood(list(captions), pictures[0])
    assert one.shape == (2,) and one[0] == pytest.approx(right[0], abs=1e-5)


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def test_decoder_equals_a_float64_reference():
    """LSTM, attention and softmax, word by word."""
    settings = {**CAPTIONERS["default"], **parts.CAPTIONER}
    model = networks.decoder(3, 7, settings)
    random = np.random.default_rng(0)
    model.set_weights(
        [random.normal(0.0, 0.5, w.shape) for w in model.get_weights()]
    )
    regions = random.normal(size=(2, 3, 8))
    words = np.array([[1, 4, 5], [1, 6, 3]])
    found = model([regions.astype("float32"), words], training=False)

    def of(name):
        return [np.asarray(w, "float64") for w in model.get_layer(name).weights]

    def dense(name, x):
        kernel, *bias = of(name)
        return x @ kernel + (bias[0] if bias else 0.0)

    (table,) = of("embedding")
    kernel, recurrent, bias = of("lstm")
    (scale,) = of("attention")
    for b in range(2):
        vector = regions[b].mean(axis=0)
        seen = np.maximum(dense("seen", vector), 0.0)
        h, m = [np.tanh(dense(name, vector)) for name in ("first_h", "first_m")]
        for t in range(3):
            x = np.concatenate([table[words[b, t]], seen])
            gates = x @ kernel + h @ recurrent + bias
            i, f, c, o = np.split(gates, 4)
            m = sigmoid(f) * m + sigmoid(i) * np.tanh(c)
            h = sigmoid(o) * np.tanh(m)
            scores = np.array(
                [
                    scale @ np.tanh(dense("keys", r) + dense("query", h))
                    for r in regions[b]
                ]
            )
            share = np.exp(scores - scores.max())
            context = (share / share.sum()) @ regions[b]
            y = np.tanh(dense("of_context", context) + dense("of_state", h))
            np.testing.assert_allclose(
                found[b, t], dense("logits", y), atol=2e-5
            )


def test_loss_is_that_of_the_decoder_and_the_squares():
    model = make(l2_weight=0.5, dropout=0.0, augment=())
    batch = model._unpack(tiny_batch(model))
    words = batch["tokens"]["words"]
    log_p = model.log_likelihoods(batch["images"], words, training=True)
    loss = float(model.losses(batch)[0]["captioner"])
    squares = sum(
        float(np.sum(np.square(v))) for v in model.trainable_variables
    )
    expected = -np.mean(np.sum(log_p, axis=1)) + 0.5 * squares
    assert loss == pytest.approx(expected, rel=1e-5)


def tiny_batch(model):
    captions = np.array(parts.CAPTIONS)
    return next(iter(model.batches(as_dataset(captions, parts.PICTURES))))


def test_every_weight_moves_in_both_variants():
    for variant in ("default", "patent"):
        reader = text.CaptionReader(max_length=4)
        model = make(variant=variant, text_encoder=reader)
        before = tiny.trainable(model, "captioner")
        model.fit(
            np.array(parts.CAPTIONS), parts.PICTURES, epochs=2, verbose=0
        )
        after = tiny.trainable(model, "captioner")
        assert not any(np.array_equal(a, b) for a, b in zip(before, after))


def test_presets_and_config(taught, tmp_path):
    taught.save_to_preset(tmp_path)
    loaded = models.from_preset(tmp_path)
    _, pictures = colored(4)
    assert loaded.caption(pictures) == taught.caption(pictures)
    config = json.loads(json.dumps(taught.get_config()))
    again = models.ImageCaptioner.from_config(config)
    assert json.loads(json.dumps(again.get_config())) == config


def test_backbone_of_keras_applications_stays_as_it_is():
    model = make(backbone="MobileNetV2", backbone_weights=None)
    assert model.extractor.output_shape == (None, 49, 8)
    kernels = [v for v in model.extractor.trainable_variables if v.ndim == 4]
    assert [tuple(v.shape) for v in kernels] == [(1, 1, 1280, 8)]
    assert model.get_config()["backbone_weights"] is None


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"normalization": "layer"}, "normalization.*'layer'"),
        ({"dropout": 1.0}, "dropout.*1.0"),
        ({"hidden_width": 0}, "hidden_width.*0"),
        ({"schedule": "often"}, "schedule.*'often'"),
        ({"learning_rate": 0.0}, "learning_rate.*0.0"),
        ({"l2_weight": -1.0}, "l2_weight.*-1.0"),
        ({"image_size": 8}, "image_size.*8"),
    ],
)
def test_settings_that_make_no_captioner_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        make(**settings)


def test_captions_without_known_words_are_refused(taught):
    with pytest.raises(ValueError, match="no word of the.*'bonjour'"):
        taught.likelihood("bonjour", parts.PICTURES[0])
    with pytest.raises(ValueError, match="equally many.*2 captions, 3"):
        taught.likelihood(["man", "woman"], parts.PICTURES[:3])
