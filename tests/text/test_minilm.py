import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_t2i import files
from keras_t2i import text

CAPTIONS = [
    "a purple flower with yellow stamen",
    "this flower has petals that are violet",
    "a red bus on a street",
]


@pytest.fixture(scope="module")
def encoder():
    return text.get()


def test_features_are_those_of_the_published_model(encoder):
    features = encoder.encode(CAPTIONS, batch_size=2)
    # From the float32 weights with the transformers package.
    cosines = [[1, 0.616, 0.232], [0.616, 1, 0.151], [0.232, 0.151, 1]]
    np.testing.assert_allclose(
        features.sentence @ features.sentence.T, cosines, atol=0.01
    )
    word = [0.0105, -0.0018, -0.0474, -0.8003, -0.0630, 1.1392]
    np.testing.assert_allclose(features.words[0, 3, :6], word, atol=0.05)
    assert features.words.shape == (3, 32, 384)
    # [CLS], 6 words of which one has 2 pieces, [SEP].
    np.testing.assert_array_equal(features.mask[0], [1] * 9 + [0] * 23)


def test_features_do_not_depend_on_padding(encoder):
    tokens = encoder.tokenize(CAPTIONS)
    padded = encoder(tokens)
    trimmed = encoder.encode(CAPTIONS)
    np.testing.assert_allclose(padded.sentence, trimmed.sentence, atol=1e-5)
    mask = trimmed.mask[..., None]
    np.testing.assert_allclose(
        padded.words * mask, trimmed.words * mask, atol=1e-4
    )


def test_small_on_disk_and_found():
    folder = files.shipped("text/minilm_l6_v2")
    sizes = [p.stat().st_size for p in folder.rglob("*") if p.is_file()]
    assert sum(sizes) < 30e6
    with pytest.raises(FileNotFoundError, match="no_such"):
        files.shipped("no_such")


def test_usable_as_a_plain_saved_model():
    folder = files.shipped("text/minilm_l6_v2")
    tokens = tf.saved_model.load(folder / "preprocessor")(tf.constant(CAPTIONS))
    assert tokens["input_word_ids"].shape == (3, 128)
    outputs = tf.saved_model.load(folder / "encoder")(tokens)
    np.testing.assert_allclose(
        np.linalg.norm(outputs["pooled_output"], axis=1), 1, atol=1e-5
    )


def test_exports_with_strings_in(encoder, tmp_path):
    archive = keras.export.ExportArchive()
    archive.track(encoder)
    archive.add_endpoint(
        "serve",
        lambda strings: encoder(encoder.tokenize(strings)).sentence,
        [tf.TensorSpec([None], tf.string)],
    )
    archive.write_out(tmp_path, verbose=False)
    # As TF Serving loads it: a graph and a session.
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        graph = v1.saved_model.load(session, ["serve"], str(tmp_path))
        signature = graph.signature_def["serve"]
        (inputs,) = signature.inputs.values()
        (outputs,) = signature.outputs.values()
        found = session.run(outputs.name, {inputs.name: CAPTIONS})
    expected = encoder.encode(CAPTIONS).sentence
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_serialized_without_a_path(encoder):
    config = keras.saving.serialize_keras_object(encoder)["config"]
    assert config["handle"] == "minilm" and config["preprocessor"] is None


def test_chinese_gets_a_warning(encoder):
    with pytest.warns(UserWarning, match="multilingual"):
        encoder.encode(["a red flower", "一朵红色的花"])


def test_is_stored_as_integers_so_cannot_be_trained():
    with pytest.raises(ValueError, match="trainable=True"):
        text.HubTextEncoder("minilm", trainable=True)


def test_words_stand_at_their_first_piece(encoder):
    caption = "This snapdragon, 黄 stamen."
    (spelled,) = encoder.spelled([caption])
    assert len(spelled) == encoder.max_length
    counts = [
        len(encoder._pieces([word]).to_list()[0])
        for word in ("snapdragon", "stamen")
    ]
    assert counts[0] > 1  # Else this test shows nothing.
    expected = [(), ("this",), ("snapdragon",), *[()] * (counts[0] - 1)]
    expected += [(), ("黄",), ("stamen",), *[()] * (counts[1] - 1), ()]
    assert spelled[: len(expected)] == expected
    # As many positions as the encoder has, marks of start and end included.
    mask = encoder.encode([caption]).mask[0]
    assert mask.sum() == len(expected) + 1
    assert not any(spelled[len(expected) :])
