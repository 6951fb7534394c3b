import numpy as np
import pytest
import tensorflow as tf
from tests import tiny

from keras_t2i import text
from keras_t2i.training.pipeline import as_dataset
from keras_t2i.training.pipeline import picture_size
from keras_t2i.training.pipeline import with_features


def texts(dataset):
    return np.concatenate([x["text"].numpy() for x, _ in dataset])


def test_lists_and_arrays_become_batches():
    x, y = tiny.arrays()
    for captions in (list(x["text"]), x["text"], x):
        dataset = as_dataset(captions, y, batch_size=4)
        assert len(dataset) == 2
        assert set(texts(dataset)) == {text.encode() for text in x["text"]}
    assert len(as_dataset(x, y)) == 1


def test_captions_stay_with_their_pictures():
    x, y = tiny.arrays()
    expected = {t.encode(): (c, p.tobytes()) for t, c, p in zip(*x.values(), y)}
    for batch, images in as_dataset(x, y, batch_size=4):
        columns = batch["text"].numpy(), batch["class_id"].numpy(), images.numpy()
        for text, class_id, picture in zip(*columns):
            assert expected[text] == (class_id, picture.tobytes())


def test_without_classes_every_picture_is_its_own():
    x, y = tiny.arrays()
    pairs = tf.data.Dataset.from_tensor_slices((x["text"], y)).batch(4)
    for batch, _ in as_dataset(pairs):
        np.testing.assert_array_equal(batch["class_id"], range(4))
    for batch, _ in as_dataset(tiny.dataset()).take(1):
        np.testing.assert_array_equal(batch["class_id"], [0, 1, 2, 0])


@pytest.mark.parametrize("frozen", [True, False])
def test_captions_become_features_or_tokens(frozen):
    encoder = tiny.TinyTextEncoder(frozen)
    dataset = with_features(as_dataset(tiny.dataset()), encoder)
    assert len(dataset) == 2
    assert dataset.element_spec[1].shape[1:] == (16, 16, 3)
    batch, _ = next(iter(dataset))
    expected = encoder.encode(tiny.CAPTIONS[:4]).sentence
    if frozen:
        assert dataset.element_spec[0]["sentence"].shape[1:] == (8,)
        found = batch["sentence"]
    else:
        found = encoder(batch["tokens"]).sentence
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_captions_become_words_where_a_model_needs_them():
    encoder = text.BagOfNGramsEncoder(8, 5)
    dataset = with_features(as_dataset(tiny.dataset()), encoder, words=True)
    batch, images = next(iter(dataset))
    expected = encoder.encode(tiny.CAPTIONS[:4])
    spec = dataset.element_spec[0]
    assert spec["words"].shape[1:] == (5, 8) and spec["mask"].shape[1:] == (5,)
    np.testing.assert_allclose(batch["sentence"], expected.sentence, rtol=1e-5)
    np.testing.assert_allclose(batch["words"], expected.words, atol=1e-3)
    np.testing.assert_array_equal(batch["mask"], expected.mask)
    np.testing.assert_array_equal(batch["class_id"], [0, 1, 2, 0])
    assert images.shape == (4, 16, 16, 3)


def test_several_captions_a_picture_are_averaged():
    x, y = tiny.arrays(count=4)
    text = np.array(tiny.CAPTIONS).reshape(4, 2)
    pairs = tf.data.Dataset.from_tensor_slices(({"text": text}, y)).batch(4)
    encoder = tiny.TinyTextEncoder()
    batch, _ = next(iter(with_features(as_dataset(pairs), encoder)))
    sentences = encoder.encode(tiny.CAPTIONS).sentence.reshape(4, 2, 8)
    np.testing.assert_allclose(
        batch["sentence"], sentences.mean(axis=1), rtol=1e-5, atol=1e-7
    )


def test_size_of_pictures_with_and_without_static_shape():
    dataset = as_dataset(tiny.dataset(image_size=8))
    assert picture_size(dataset) == 8
    signature = (
        tf.TensorSpec([None], tf.string),
        tf.TensorSpec([None, None, None, 3], tf.uint8),
    )

    def batches():
        yield ["a"], np.zeros((1, 32, 32, 3), "uint8")

    unknown = tf.data.Dataset.from_generator(batches, output_signature=signature)
    assert picture_size(as_dataset(unknown)) == 32


def pairs(text, pictures):
    return tf.data.Dataset.from_tensors((text, pictures))


UINT8 = np.zeros((2, 16, 16, 3), "uint8")


@pytest.mark.parametrize(
    "dataset, message",
    [
        (tf.data.Dataset.from_tensors(UINT8), "captions, pictures.*Received"),
        (pairs([1, 2], UINT8), "Received captions.*int32"),
        (pairs({"caption": ["a", "b"]}, UINT8), "Received captions: None"),
        (pairs(["a", "b"], UINT8.astype("float32")), "Received.*float32"),
        (pairs(["a"], UINT8[0]), r"of shape \(16, 16, 3\)"),
        (pairs(["a", "b"], UINT8[..., :1]), r"of shape \(2, 16, 16, 1\)"),
        (pairs("a", UINT8), "Received captions"),
    ],
)
def test_datasets_of_another_form_are_refused(dataset, message):
    with pytest.raises(ValueError, match=message):
        as_dataset(dataset)


def test_arrays_of_another_form_are_refused():
    x, y = tiny.arrays()
    with pytest.raises(ValueError, match="7 captions, 8 pictures"):
        as_dataset(list(x["text"])[:7], y)
    with pytest.raises(ValueError, match="y=NoneType"):
        as_dataset(x)
    with pytest.raises(ValueError, match="at least one"):
        as_dataset([], y[:0])
    with pytest.raises(ValueError, match="batched already"):
        as_dataset(tiny.dataset(), batch_size=4)
    with pytest.raises(ValueError, match="float64"):
        as_dataset(x, y / 255)


def test_pictures_must_be_square_and_there():
    dataset = as_dataset(pairs(["a", "b"], UINT8[:, :8]))
    with pytest.raises(ValueError, match="8 x 16.*image_size"):
        picture_size(dataset)
    signature = (
        tf.TensorSpec([None], tf.string),
        tf.TensorSpec([None, None, None, 3], tf.uint8),
    )
    empty = tf.data.Dataset.from_generator(
        lambda: iter(()), output_signature=signature
    )
    with pytest.raises(ValueError, match="empty"):
        picture_size(as_dataset(empty))


@pytest.mark.parametrize("frozen, words", [(False, False), (True, True)])
def test_words_and_training_encoders_take_one_caption(frozen, words):
    x, y = tiny.arrays()
    pairs = np.stack([x["text"], x["text"]], axis=1)
    dataset = tf.data.Dataset.from_tensor_slices((pairs, y)).batch(4)
    with pytest.raises(ValueError, match="one caption"):
        with_features(as_dataset(dataset), tiny.TinyTextEncoder(frozen), words)
