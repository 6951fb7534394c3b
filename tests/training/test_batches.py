"""Batches without TensorFlow are those that TensorFlow gives."""

import numpy as np
import pytest
import tensorflow as tf
from tests import tiny

from keras_t2i import text
from keras_t2i.training import batches
from keras_t2i.training import pipeline


@pytest.mark.parametrize("words", [False, True])
def test_batches_of_arrays_are_those_of_tensorflow(words):
    x, y = tiny.arrays()
    encoder = text.BagOfNGramsEncoder(8, 5)
    for captions in (x, list(x["text"])):
        both = []
        for module in (pipeline, batches):
            dataset = module.as_dataset(captions, y, batch_size=4, start_step=2)
            assert module.picture_size(dataset) == 16
            dataset = module.with_features(dataset, encoder, words)
            both.append([e for _ in range(2) for e in dataset])
        assert len(both[0]) == len(both[1]) == 4
        for (x1, y1), (x2, y2) in zip(*both):
            np.testing.assert_array_equal(y1, y2)
            assert set(x1) == set(x2)
            for key in x1:
                np.testing.assert_array_equal(x1[key], x2[key])


def test_several_captions_a_picture_are_averaged():
    _, y = tiny.arrays(count=4)
    captions = np.array(tiny.CAPTIONS).reshape(4, 2)
    encoder = text.BagOfNGramsEncoder(8, 5)
    dataset = batches.as_dataset({"text": captions, "class_id": range(4)}, y)
    x, _ = next(iter(batches.with_features(dataset, encoder)))
    sentences = encoder.encode(tiny.CAPTIONS).sentence.reshape(4, 2, 8)
    expected = sentences.mean(axis=1)[x["class_id"]]
    np.testing.assert_allclose(x["sentence"], expected, rtol=1e-5, atol=1e-7)
    with pytest.raises(ValueError, match="one caption"):
        next(iter(batches.with_features(dataset, encoder, words=True)))


def test_keras_sees_epochs_or_no_end():
    x, y = tiny.arrays()
    dataset = batches.as_dataset(x, y, batch_size=4)
    sequence = batches.for_fit(dataset)
    assert sequence.num_batches == 2
    first, second = ([sequence[i][1] for i in range(2)] for _ in range(2))
    assert np.any(np.stack(first) != np.stack(second))
    dataset.repeat = True
    assert batches.for_fit(dataset).num_batches is None


@pytest.mark.parametrize(
    "change, message",
    [
        ({"x": [1, 2]}, "strings.*int64"),
        ({"x": {"caption": ["a", "b"]}}, "`text`.*caption"),
        ({"y": np.zeros((2, 8, 8, 3))}, "uint8.*float64"),
        ({"y": np.zeros((2, 8, 8, 1), "uint8")}, r"\[2, 8, 8, 1\]"),
        ({"y": None}, "y=NoneType"),
        ({"x": ["a"]}, "1 captions, 2 pictures"),
    ],
)
def test_arrays_of_another_form_are_refused(change, message):
    arguments = {"x": ["a", "b"], "y": np.zeros((2, 8, 8, 3), "uint8")}
    with pytest.raises(ValueError, match=message):
        batches.as_dataset(**{**arguments, **change})


def test_datasets_of_tensorflow_are_refused_and_pictures_are_square():
    with pytest.raises(ValueError, match="data.load.*KERAS_BACKEND=tensorflow"):
        batches.as_dataset(tf.data.Dataset.range(2))
    oblong = batches.as_dataset(["a"], np.zeros((1, 8, 16, 3), "uint8"))
    with pytest.raises(ValueError, match="8 x 16.*image_size"):
        batches.picture_size(oblong)
    with pytest.raises(ValueError, match="batched already"):
        batches.as_dataset(oblong, batch_size=4)
