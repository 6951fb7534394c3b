import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_t2i import text
from keras_t2i.text import char_cnn_rnn


def characters(count):
    return keras.Input([count], dtype="int32", name="characters")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_published_shapes():
    encoder = text.CharCNNRNNTextEncoder(num_hashed=0)
    features = encoder(encoder.tokenize(["a red flower"]))
    assert features.sentence.shape == (1, 1024)
    assert features.words.shape == (1, 18, 512)
    assert encoder.max_length == 18 and not encoder.frozen
    # One row more than published, unused, stands for "no character".
    convolutions = 4 * (71 * 384 + 384 * 512 + 512**2) + 384 + 2 * 512
    recurrent = 6 * 512**2 + 3 * 512
    assert encoder.count_params() == (
        convolutions + recurrent + 512 * 1024 + 1024
    )


def test_equals_convolutions_over_one_hot_vectors_in_float64():
    encoder = text.CharCNNRNNTextEncoder(
        8, 5, num_characters=70, num_hashed=0
    )
    tokens = encoder.tokenize(["A bird, with 2 wings & a beak: it's red/blue."])
    ids = tokens["characters"].numpy()[0]
    one_hot = np.eye(71)[ids] * (ids > 0)[:, None]

    def conv(x, kernel, bias):
        taps = [x[k : len(x) - 3 + k] @ kernel[k] for k in range(4)]
        return np.maximum(sum(taps) + bias, 0)

    def pool(x):
        return x[: len(x) // 3 * 3].reshape(-1, 3, x.shape[-1]).max(axis=1)

    def get(layer):
        return [np.asarray(w, "float64") for w in layer.weights]

    kernel, bias = get(encoder.characters)
    x = pool(conv(one_hot, kernel.reshape(71, 4, 6).transpose(1, 0, 2), bias))
    x = conv(pool(conv(x, *get(encoder.conv2))), *get(encoder.conv3))
    w, b, gates, candidate = get(encoder.recurrent)
    x, states = x @ w + b, []
    for row in x:
        if not states:
            h = np.tanh(row[16:])
        else:
            z, r = np.split(sigmoid(row[:16] + h @ gates), 2)
            h = z * np.tanh(row[16:] + (r * h) @ candidate) + (1 - z) * h
        states.append(h)
    kernel, bias = get(encoder.projection)
    sentence = np.mean(states, axis=0) @ kernel + bias
    features = encoder(tokens)
    np.testing.assert_allclose(features.words[0], states, atol=1e-6)
    np.testing.assert_allclose(features.sentence[0], sentence, atol=1e-6)


def test_characters():
    encoder = text.CharCNNRNNTextEncoder(8, 8, 48, num_hashed=50)
    plain = text.CharCNNRNNTextEncoder(8, 8, 48, num_hashed=0)
    strings = ["aB-\n 红红é", "x" * 99]
    first, second = encoder.tokenize(strings)["characters"].numpy()
    # a, b, the last "-" of the alphabet, one space, then hashed characters.
    expected = [1, 2, char_cnn_rnn.ALPHABET.rindex("-") + 1, 70]
    np.testing.assert_array_equal(first[:4], expected)
    assert first[4] == first[5] > 70 and first[6] > 70 and not first[7:].any()
    assert first.max() < 121 and (second == 24).all()
    np.testing.assert_array_equal(
        plain.tokenize(strings)["characters"][0, :8], [*expected, 0, 0, 0, 0]
    )


def test_common_chinese_characters_spread_over_the_rows():
    encoder = text.CharCNNRNNTextEncoder(8, 8, 201, num_hashed=1024)
    common = "".join(chr(0x4E00 + 97 * i) for i in range(200))
    rows = encoder.tokenize([common])["characters"].numpy()[0, :200]
    assert len(set(rows)) > 150


def test_mask_covers_the_text_only():
    encoder = text.CharCNNRNNTextEncoder(8, 8, 201)
    mask = encoder.encode(["", "a", "a" * 10, "a" * 201]).mask
    np.testing.assert_array_equal(mask.sum(axis=1), [0, 1, 2, 18])


def test_saved_and_loaded_with_its_weights(tmp_path):
    encoder = text.CharCNNRNNTextEncoder(8, 6, 60)
    inputs = {"characters": characters(60)}
    model = keras.Model(inputs, encoder(inputs).sentence)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    tokens = encoder.tokenize(["a red flower"])
    np.testing.assert_array_equal(again(tokens), model(tokens))


def test_fingerprint_follows_the_weights():
    encoder = text.CharCNNRNNTextEncoder(8, 6, 60)
    before = encoder.fingerprint
    encoder.projection.bias.assign(np.ones(6))
    assert encoder.fingerprint != before


def test_trains_end_to_end_on_tokens_of_a_pipeline():
    encoder = text.CharCNNRNNTextEncoder(8, 4, 60)
    inputs = {"characters": characters(60)}
    model = keras.Model(inputs, encoder(inputs).sentence)
    model.compile("adam", loss="mse")
    dataset = tf.data.Dataset.from_tensor_slices(
        ({"text": ["red", "blue"]}, np.ones([2, 4]))
    ).batch(2)
    dataset = dataset.map(lambda x, y: (encoder.tokenize(x["text"]), y))
    before = [w.numpy() for w in encoder.trainable_variables]
    model.fit(dataset, verbose=0, shuffle=False)
    after = [w.numpy() for w in encoder.trainable_variables]
    assert all(np.any(a != b) for a, b in zip(after, before))


def test_warns_of_long_text_and_of_unknown_writing():
    encoder = text.CharCNNRNNTextEncoder(8, 4, 48, num_hashed=0)
    with pytest.warns(UserWarning, match="num_characters=48"):
        encoder.encode(["a" * 49])
    with pytest.warns(UserWarning, match="num_hashed"):
        encoder.encode(["一朵红花"])


def test_too_few_characters():
    with pytest.raises(ValueError, match="Received: 30"):
        text.CharCNNRNNTextEncoder(num_characters=30)
