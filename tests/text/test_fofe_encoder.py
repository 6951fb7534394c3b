import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_t2i import text


@pytest.fixture(scope="module")
def encoder():
    return text.FOFETextEncoder(width=8, embedding_width=4, max_length=10)


def test_one_code_for_one_meaning(encoder):
    sentence = encoder.encode(
        ["smiling, black hair", "微笑，黑头发", "black hair, smiling"]
    ).sentence
    np.testing.assert_array_equal(sentence[0], sentence[1])
    assert np.max(np.abs(sentence[0] - sentence[2])) > 1e-4
    assert sentence.shape == (3, 8)


def test_code_does_not_depend_on_padding(encoder):
    tokens = encoder.tokenize(["a smiling man with glasses"])
    short = {name: each[:, :5] for name, each in tokens.items()}
    np.testing.assert_allclose(
        encoder(tokens).sentence, encoder(short).sentence, atol=1e-6
    )


def test_names_stand_at_the_words_that_name(encoder):
    tokens = encoder.tokenize(["a man with black hair"])
    names = encoder.lexicon.names
    expected = [0, names.index("Man") + 1, 0] + [names.index("Black_Hair") + 1] * 2
    assert tokens["names"][0].tolist() == expected + [0] * 5
    assert encoder.spelled(["戴眼镜"])[0][:2] == [("eyeglasses",), ()]


def test_tokens_are_the_same_in_a_pipeline(encoder):
    texts = ["smiling 黑头发", "old"]
    data = tf.data.Dataset.from_tensor_slices(texts).batch(2)
    (found,) = data.map(encoder.tokenize)
    for name, expected in encoder.tokenize(texts).items():
        np.testing.assert_array_equal(found[name], expected)
        assert found[name].shape == (2, 10)


def test_config_holds_the_vocabulary(encoder):
    config = keras.saving.serialize_keras_object(encoder)
    again = keras.saving.deserialize_keras_object(config)
    assert again.fingerprint != "" and "微笑" in str(config)
    again.set_weights(encoder.get_weights())
    assert again.fingerprint == encoder.fingerprint


def test_unreadable_text_is_warned_of():
    encoder = text.FOFETextEncoder(width=2)
    with pytest.warns(UserWarning, match="no word of the vocabulary.*bonjour"):
        encoder.encode(["bonjour"])


def test_odd_width_is_refused():
    with pytest.raises(ValueError, match="even.*7"):
        text.FOFETextEncoder(width=7)


def test_a_reader_cannot_be_frozen():
    with pytest.raises(ValueError, match="frozen"):
        text.CaptionReader(frozen=True)
