import math

import keras
import numpy as np
import pytest

from keras_t2i import data
from keras_t2i import models
from keras_t2i import text
from keras_t2i.models.gated.keywords import KeywordTable
from keras_t2i.models.gated.keywords import heaviest
from keras_t2i.models.gated.keywords import weigh

CAPTIONS = [
    "this flower is red",
    "this flower is blue",
    "this red flower has petals",
    "this flower, red, has thin petals",
]
TINY = {
    "image_size": 16,
    "latent_width": 4,
    "text_width": 4,
    "generator_width": 2,
    "discriminator_width": 2,
    "region_width": 4,
    "global_width": 4,
}


def trained(captions, encoder, **settings):
    model = models.GatedT2I(text_encoder=encoder, **{**TINY, **settings})
    model.run_eagerly = True
    images = np.zeros((len(captions), 16, 16, 3), "uint8")
    model.fit(captions, images, verbose=0)
    return model


@pytest.fixture(scope="module")
def model():
    encoder = text.BagOfNGramsEncoder(width=8, max_length=8)
    return trained(CAPTIONS, encoder, num_keywords=3)


def split(caption):
    return caption.replace(",", "").split()


def test_single_captions_weigh_by_inverse_document_frequency():
    table = KeywordTable()
    assert not table.counted
    table.count([[split(caption)] for caption in CAPTIONS])
    assert table.counted
    spelled = [[("this",), (), ("red",), ("blue",), ("never seen",)]]
    expected = [0, 0, math.log(5 / 4), math.log(5 / 2), math.log(5)]
    found = weigh(spelled, table.values())
    np.testing.assert_allclose(found, [expected], rtol=1e-6)
    # A position of several words weighs as the heaviest of them.
    together = weigh([[("this", "blue", "red")]], table.values())
    assert together[0, 0] == pytest.approx(math.log(5 / 2))


def test_words_weigh_by_whether_they_come_again_for_a_picture():
    table = KeywordTable()
    pictures = [
        ["there is a red flower", "a red one", "it is red and thin"],
        ["a blue flower", "there is a blue one", "this blue flower"],
    ]
    table.count([[split(caption) for caption in some] for some in pictures])
    words = ("red", "blue", "there", "thin", "new")
    found = weigh([[(word,) for word in words]], table.values())
    # Both colors are in half of the captions, and always again.
    expected = math.log(7 / 4)
    expected = [expected, expected, 0, 0, 0]
    np.testing.assert_allclose(found, [expected], rtol=1e-6)
    table.count([[["a"], ["a", "b"], ["b"]], [["c"], ["c"]], [["d"]]])
    found = weigh([[("a",), ("c",), ("d",)]], table.values())
    # 2 of 4 pairs with "a" have it in both, 2 of 2 with "c".
    expected = [math.log(2 / 4 * 7 / 3), math.log(7 / 3), 0]
    np.testing.assert_allclose(found, [expected], rtol=1e-6)


@pytest.mark.parametrize("language", ["english", "chinese"])
def test_stop_words_do_not_win(language):
    model = models.GatedT2I(text_encoder="bag_of_ngrams", **TINY)
    model.build_for(16)
    pictures = data.shapes(
        "train", num_images=900, language=language
    ).source.texts
    model.count_keywords(pictures)
    if language == "english":
        caption = (
            "there is a small red circle in the top left on a white background"
        )
        telling = {"small", "red", "circle", "top", "left", "white"}
        stop = {"there", "is", "a", "in", "the", "on", "background"}
    else:
        caption = "白色背景上有一个小的红色圆形，位于左上角"
        telling = set("白小红圆左")
        stop = set("背景有一个的色位于")
    weights = dict(model.keywords(caption))
    assert telling <= set(weights)
    least = min(weights[word] for word in telling)
    assert all(weights.get(word, 0.0) < 0.5 * least for word in stop)


def test_the_heaviest_stay():
    weights = np.array([[1.0, 3.0, 2.0, 2.0], [0.0, 0.0, 5.0, 0.0]])
    np.testing.assert_array_equal(
        heaviest(weights, 2), [[0, 3, 2, 0], [0, 0, 5, 0]]
    )
    np.testing.assert_array_equal(heaviest(weights, 9), weights)


def test_keywords_are_the_rare_words_in_the_order_of_the_caption(model):
    found = model.keywords("this thin red flower is blue")
    assert [word for word, _ in found] == ["thin", "is", "blue"]
    weights = dict(found)
    assert sum(weights.values()) == pytest.approx(1.0)
    # "is" is in two captions of four, the others in one each.
    ratio = math.log(5 / 3) / math.log(5 / 2)
    assert weights["is"] / weights["thin"] == pytest.approx(ratio, rel=1e-5)


def test_all_words_can_be_kept(model):
    encoder = text.BagOfNGramsEncoder(width=8, max_length=8)
    whole = trained(CAPTIONS, encoder, keywords="all")
    found = whole.keywords("this red flower")
    words = ("this", "red", "flower")
    assert found == [(word, pytest.approx(1 / 3)) for word in words]


def test_keywords_are_part_of_what_is_saved(model, tmp_path):
    caption = "this thin red flower is blue"
    expected = model.keywords(caption)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.keywords(caption) == expected
    model.save_to_preset(tmp_path / "preset")
    again = models.GatedT2I.from_preset(tmp_path / "preset").keywords(caption)
    assert [word for word, _ in again] == [word for word, _ in expected]
    # Presets are in float16.
    np.testing.assert_allclose(
        [w for _, w in again], [w for _, w in expected], atol=1e-3
    )


def test_words_are_counted_once(model):
    before = model.keyword_table.values().copy()
    images = np.zeros((2, 16, 16, 3), "uint8")
    model.fit(["blue blue", "blue"], images, verbose=0)
    np.testing.assert_array_equal(model.keyword_table.values(), before)


@pytest.mark.parametrize(
    "encoder",
    [
        text.BagOfNGramsEncoder(width=8),
        text.CharCNNRNNTextEncoder(width=8, sentence_width=8, frozen=True),
    ],
    ids=["bag_of_ngrams", "char_cnn_rnn"],
)
def test_chinese_captions_have_keywords_too(encoder):
    captions = data.shapes_captions(20, "train", language="chinese")
    model = trained(captions, encoder)
    weights = dict(model.keywords("一个小的红色圆形，在左上角，白色背景"))
    assert sum(weights.values()) == pytest.approx(1.0)
    if encoder.max_length == 32:
        # A color tells more than "one", which every caption has.
        assert weights["红"] > weights.get("一", 0.0)


def test_captions_that_cannot_be_read_for_keywords(model):
    with pytest.raises(ValueError, match="one caption. Received: 2"):
        model.keywords(["a", "b"])
    with pytest.raises(ValueError, match="at least one word"):
        model.keywords(" ")
    new = models.GatedT2I(text_encoder=model.text_encoder, **TINY)
    with pytest.raises(ValueError, match="not counted.*`fit`.*from_preset"):
        new.keywords("a red flower")
