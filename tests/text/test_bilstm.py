import numpy as np
import pytest

from keras_t2i import text


@pytest.fixture(scope="module")
def encoder():
    return text.BiLSTMTextEncoder(width=8, embedding_width=6, max_length=6)


def test_features_have_their_shapes(encoder):
    features = encoder.encode(["a red flower", "white"])
    assert features.sentence.shape == (2, encoder.sentence_width) == (2, 8)
    assert features.words.shape == (2, 6, encoder.word_width) == (2, 6, 8)
    np.testing.assert_array_equal(features.mask.sum(axis=1), [3, 1])
    assert not features.words[1, 1:].any()


def test_padding_and_batch_mates_do_not_matter(encoder):
    long = text.BiLSTMTextEncoder(width=8, embedding_width=6, max_length=11)
    for ours, theirs in zip(long.weights, encoder.weights):
        ours.assign(theirs)
    alone = encoder.encode("a red flower")
    others = encoder.encode(["one two three four five six", "a red flower"])
    padded = long.encode("a red flower")
    for found in (others.sentence[1], padded.sentence[0]):
        np.testing.assert_allclose(found, alone.sentence[0], atol=1e-6)
    for found in (others.words[1], padded.words[0, :6]):
        np.testing.assert_allclose(found, alone.words[0], atol=1e-6)


def test_both_directions_reach_the_sentence(encoder):
    base = encoder.encode("red flower here").sentence[0]
    first = encoder.encode("blue flower here").sentence[0]
    last = encoder.encode("red flower there").sentence[0]
    for other in (first, last):
        assert np.any(base[:4] != other[:4]) and np.any(base[4:] != other[4:])


def test_any_writing_and_empty_texts_are_read(encoder):
    features = encoder.encode(["一朵红花", "Красный цветок", "", "RED  Flower!"])
    np.testing.assert_array_equal(features.mask.sum(axis=1), [4, 2, 0, 2])
    assert np.all(np.isfinite(features.sentence))
    lower = encoder.encode("red flower").sentence[0]
    np.testing.assert_allclose(features.sentence[3], lower, atol=1e-6)


def test_long_texts_are_warned_of(encoder):
    with pytest.warns(UserWarning, match="max_length=6"):
        encoder.encode("one two three four five six seven")


def test_dropout_is_for_training_alone(encoder):
    tokens = encoder.tokenize(["a red flower"])
    once, twice = (np.array(encoder(tokens).sentence) for _ in range(2))
    np.testing.assert_array_equal(once, twice)
    noisy = np.array(encoder(tokens, training=True).sentence)
    assert np.any(noisy != once)


def test_config_name_and_widths():
    encoder = text.get("bilstm")
    assert isinstance(encoder, text.BiLSTMTextEncoder) and not encoder.frozen
    again = text.BiLSTMTextEncoder.from_config(encoder.get_config())
    assert again.get_config() == encoder.get_config()
    with pytest.raises(ValueError, match="even.*7"):
        text.BiLSTMTextEncoder(width=7)
