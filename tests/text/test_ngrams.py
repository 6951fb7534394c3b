import unicodedata

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_t2i import text
from keras_t2i.text import words
from keras_t2i.text.words import split_words


@pytest.fixture(scope="module")
def encoder():
    return text.BagOfNGramsEncoder()


def test_sentence_is_the_normalized_sum_of_words_and_pairs():
    encoder = text.BagOfNGramsEncoder(width=32, max_length=4)
    features = encoder.encode(["red circle"])
    words = features.words[0] * 32**0.5
    assert set(np.unique(words[:2].round(5))) == {-1, 1}
    np.testing.assert_array_equal(features.mask, [[1, 1, 0, 0]])
    np.testing.assert_array_equal(words[2:], 0)
    sentence = features.sentence[0]
    np.testing.assert_allclose(np.linalg.norm(sentence), 1, 1e-5)
    # What is left after the words is one vector of signs: the pair's.
    scales = [
        s for s in 1 / np.arange(3, 15, 0.001)
        if np.abs(np.abs(sentence / s - words[0] - words[1]) - 1).max() < 0.01
    ]
    assert scales


def test_order_and_case(encoder):
    a, b, c, d = encoder.encode(
        ["red on black", "Red, on BLACK!", "black on red", "a blue square"]
    ).sentence
    np.testing.assert_array_equal(a, b)
    assert 0.3 < a @ c < 0.9  # Same words, other pairs.
    assert abs(a @ d) < 0.25


def test_chinese_is_split_by_character(encoder):
    features = encoder.encode(["红圆 red", "圆，红"])
    np.testing.assert_array_equal(features.mask.sum(axis=1), [3, 2])
    np.testing.assert_array_equal(features.words[0, 0], features.words[1, 1])


def test_same_features_in_every_process(encoder):
    # Hashes and random vectors must not depend on the run or the version.
    tokens = encoder.tokenize(["a small red circle"])
    np.testing.assert_array_equal(
        tokens["words"][0, :4], [13796, 4964, 8695, 5435]
    )
    np.testing.assert_array_equal(
        np.sign(encoder.encode("red").words[0, 0, :8]),
        [-1, -1, -1, 1, -1, -1, 1, -1],
    )


def test_pipeline_and_serialization(encoder):
    strings = ["a red circle", "", "一个圆"]
    dataset = tf.data.Dataset.from_tensor_slices(strings).batch(3)
    (tokens,) = dataset.map(encoder.tokenize)
    config = keras.saving.serialize_keras_object(encoder)
    again = keras.saving.deserialize_keras_object(config)
    np.testing.assert_allclose(
        again(tokens).sentence, encoder.encode(strings).sentence, atol=1e-6
    )
    assert again.fingerprint == encoder.fingerprint
    assert again.fingerprint != text.BagOfNGramsEncoder(seed=1).fingerprint


def test_text_without_words(encoder):
    features = encoder.encode(["?!"])
    assert not features.sentence.any() and not features.mask.any()


def test_warns_of_long_text():
    encoder = text.BagOfNGramsEncoder(max_length=3)
    with pytest.warns(UserWarning, match="max_length=3"):
        encoder.encode(["one two three four"])


def test_more_memory_than_a_bag_of_words_is_worth():
    with pytest.raises(ValueError, match=r"at most 2\*\*28.*=1000000000"):
        text.BagOfNGramsEncoder(num_buckets=10**9)


def test_python_splits_every_character_as_tensorflow_does():
    # Letters, marks and digits that Python knows; TensorFlow knows a few
    # newer ones.
    characters = [
        chr(code)
        for code in range(0x110000)
        if unicodedata.category(chr(code)) not in ("Cs", "Cn", "Co")
    ]
    strings = [f"x{c}1".encode() for c in characters]
    expected = split_words(strings).to_list()
    for character, string, found in zip(characters, strings, expected):
        found = [word.decode() for word in found]
        assert words.words(string) == found or newer(character), string


def newer(character):
    """Whether the lower case of a letter came into Unicode lately."""
    lower = tf.strings.lower(character, encoding="utf-8").numpy().decode()
    return lower != character.lower()
