import numpy as np
import pytest

from keras_t2i import text
from keras_t2i.text import spelling
from keras_t2i.text.words import split_words

TEXTS = [
    "A small, RED circle!",
    "medium-sized don't 3 x 4",
    "一个小的红色圆形，on white",
    "ひらがな カタカ สวัสดี",
    "हिन्दी cafe\u0301 naïve Ⅷ",
    "",
    "?!",
]


def test_words_are_those_that_the_bag_of_ngrams_reads():
    encoder = text.BagOfNGramsEncoder(width=8, max_length=14)
    spelled = encoder.spelled(TEXTS)
    read = [
        [word.decode() for word in row]
        for row in split_words(TEXTS).to_list()
    ]
    for words, positions in zip(read, spelled):
        assert len(positions) == 14
        kept = [word for tuple_ in positions for word in tuple_]
        assert kept == words[:14]
    mask = encoder.encode(TEXTS).mask
    real = [[bool(words) for words in row] for row in spelled]
    np.testing.assert_array_equal(mask > 0, real)


def test_characters_stand_for_the_words_that_begin_in_them():
    encoder = text.CharCNNRNNTextEncoder(width=8, sentence_width=8)
    (english, chinese) = encoder.spelled(["a  small red circle", "红色圆形在左上角有"])
    # "a small r", "ed circle".
    assert english[:3] == [("a", "small", "red"), ("circle",), ()]
    assert chinese[0] == tuple("红色圆形在左上角有")
    assert len(english) == encoder.max_length


@pytest.mark.parametrize(
    "caption, words",
    [
        ("it's 20% off", ["it", "'", "s", "20", "%", "off"]),
        ("红flower", ["红", "flower"]),
        ("  ", []),
    ],
)
def test_what_bert_takes_apart(caption, words):
    assert spelling.bert_words(caption) == words
