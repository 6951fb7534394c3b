import threading

import numpy as np
import pytest
import tensorflow as tf

from keras_t2i import text


class CountingEncoder(text.BagOfNGramsEncoder):
    """Remembers what it had to encode."""

    def __init__(self):
        super().__init__(width=8, max_length=5)
        self.seen = []

    def encode(self, strings, batch_size=64):
        self.seen.extend(bytes(s) for s in strings)
        return super().encode(strings, batch_size)

    def get_config(self):
        return {"name": self.name, "width": 8, "max_length": 5}


CAPTIONS = ["a red circle", "一个圆", "blue", "a small green square here"]


@pytest.fixture
def encoder():
    return CountingEncoder()


def test_each_caption_is_encoded_once_ever(encoder, tmp_path):
    cache = text.FeatureCache(encoder, tmp_path)
    cache.precompute(CAPTIONS[:3], progress=False)
    assert len(encoder.seen) == 3
    rows = [3, 0, 0, 1]
    batch = np.array([CAPTIONS[i].encode() for i in rows], object)
    found = cache.lookup(batch)
    expected = text.BagOfNGramsEncoder(8, 5).encode(CAPTIONS).sentence[rows]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found.dtype == np.float32
    again = text.FeatureCache(encoder, tmp_path)
    np.testing.assert_array_equal(again.lookup(batch), found)
    assert len(encoder.seen) == len(again) == 4


def test_words(encoder, tmp_path):
    cache = text.FeatureCache(encoder, tmp_path, words=True)
    expected = text.BagOfNGramsEncoder(8, 5).encode(CAPTIONS)
    for _ in range(2):  # Computed, then read.
        found = cache.lookup(CAPTIONS)
        np.testing.assert_allclose(found.sentence, expected.sentence, atol=1e-6)
        np.testing.assert_allclose(found.words, expected.words, atol=1e-3)
        np.testing.assert_array_equal(found.mask, expected.mask)
    assert cache.lookup([]).words.shape == (0, 5, 8)


@pytest.mark.parametrize("words", [False, True])
def test_what_a_kill_left_half_written_is_dropped(encoder, tmp_path, words):
    cache = text.FeatureCache(encoder, tmp_path, words=words)
    expected = cache.lookup(CAPTIONS[:2])
    for name in ("index", "sentence.f32", "words.f16"):
        with open(cache.folder / name, "ab") as file:
            file.write(b"\x07" * 21)
    again = text.FeatureCache(encoder, tmp_path, words=words)
    assert len(again) == 2
    again.lookup(CAPTIONS)
    third = text.FeatureCache(encoder, tmp_path, words=words)
    assert len(third) == 4 == len(encoder.seen)
    np.testing.assert_array_equal(third.lookup(CAPTIONS[:2])[0], expected[0])
    np.testing.assert_array_equal(
        third.lookup(CAPTIONS)[0], again.lookup(CAPTIONS)[0]
    )


def test_two_caches_share_a_folder(encoder, tmp_path):
    one = text.FeatureCache(encoder, tmp_path, words=True)
    two = text.FeatureCache(encoder, tmp_path, words=True)
    one.lookup(CAPTIONS[:2])
    two.lookup(CAPTIONS[1:])  # Caption 1 again, as it had not been read yet.
    a, b = one.lookup(CAPTIONS), two.lookup(CAPTIONS)
    for x, y in zip(a, b):
        np.testing.assert_array_equal(x, y)
    assert len(text.FeatureCache(encoder, tmp_path, words=True)) == 4


def test_threads(encoder, tmp_path):
    cache = text.FeatureCache(encoder, tmp_path)
    captions = [f"caption {i}" for i in range(40)]
    expected = text.BagOfNGramsEncoder(8, 5).encode(captions).sentence
    wrong = []

    def work(offset):
        order = np.roll(np.arange(40), offset)
        for rows in np.split(order, 8):
            found = cache.lookup([captions[i] for i in rows])
            if not np.allclose(found, expected[rows], atol=1e-6):
                wrong.append(rows)

    threads = [threading.Thread(target=work, args=(7 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(encoder.seen) == 40


@pytest.mark.parametrize("words", [False, True])
def test_full_disk_is_a_warning_and_features_go_on(
    encoder, tmp_path, monkeypatch, words
):
    cache = text.FeatureCache(encoder, tmp_path / "disk", words)
    cache.precompute(CAPTIONS[:2], progress=False)

    def full(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.warns(UserWarning, match="disk.*No space.*every step"):
            cache.precompute(CAPTIONS, progress=False)
        found = cache.lookup(CAPTIONS)
    expected = text.FeatureCache(encoder, tmp_path / "other", words)
    for a, b in zip(found, expected.lookup(CAPTIONS), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    # The files are as whole as before.
    again = text.FeatureCache(encoder, tmp_path / "disk", words)
    assert len(again) == 2
    again.precompute(CAPTIONS, progress=False)
    assert len(again) == len(CAPTIONS)


def test_folder_that_cannot_be_made_is_a_warning(encoder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning, match="cannot be kept"):
        cache = text.FeatureCache(encoder, tmp_path / "file")
    expected = text.BagOfNGramsEncoder(8, 5).encode(CAPTIONS).sentence
    np.testing.assert_allclose(cache.lookup(CAPTIONS), expected, atol=1e-6)


def test_in_a_pipeline(encoder, tmp_path):
    cache = text.FeatureCache(encoder, tmp_path)
    dataset = tf.data.Dataset.from_tensor_slices(CAPTIONS).batch(2)
    dataset = dataset.map(
        lambda s: tf.numpy_function(cache.lookup, [s], tf.float32)
    )
    found = np.concatenate(list(dataset))
    np.testing.assert_array_equal(found, cache.lookup(CAPTIONS))


def test_trained_encoders_are_refused(tmp_path):
    encoder = text.CharCNNRNNTextEncoder(8, 8, num_characters=48)
    with pytest.raises(ValueError, match="frozen=False"):
        text.FeatureCache(encoder, tmp_path)
