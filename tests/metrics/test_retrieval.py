import numpy as np
import pytest

from keras_t2i import metrics


def test_perfect_and_hopeless_embeddings():
    eye = np.eye(12)
    ids = np.arange(12)
    assert metrics.r_precision(eye, 5 * eye, ids, num_captions=12) == 1.0
    assert metrics.r_precision(eye, -eye, ids, num_captions=12) == 0.0


def test_chance_level():
    random = np.random.default_rng(0)
    images, texts = random.normal(size=(2, 4000, 8))
    found = metrics.r_precision(
        images, texts, np.arange(4000) // 4, num_captions=20
    )
    # Four standard deviations of a share of 1/20 among 4,000.
    assert abs(found - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 4000)


def test_ties_are_shared():
    ones = np.ones((8, 3))
    found = metrics.r_precision(ones, ones, np.arange(8), num_captions=5)
    assert found == pytest.approx(1 / 5)


def test_captions_of_the_same_class_are_no_rivals():
    # Pictures of a class lie nearest to the caption of their neighbor.
    images = np.repeat(np.eye(4), 2, axis=0)
    texts = images.copy()
    texts[::2] += 0.5 * np.roll(images[::2], 1, axis=1)
    classes = np.arange(8) // 2
    assert metrics.r_precision(images, texts, classes, num_captions=7) == 1.0
    assert metrics.r_precision(images, texts, np.arange(8), num_captions=8) < 1.0


def test_the_seed_decides():
    images, texts = np.random.default_rng(1).normal(size=(2, 60, 3))

    def score(seed):
        return metrics.r_precision(images, texts, np.arange(60), 5, seed)

    assert score(1) == score(1)
    assert len({score(seed) for seed in range(5)}) > 1


def test_what_does_not_fit_is_refused():
    x = np.ones((6, 2))
    with pytest.raises(ValueError, match="99 captions.*only 5"):
        metrics.r_precision(x, x, np.arange(6))
    with pytest.raises(ValueError, match="5 captions.*only 3"):
        metrics.r_precision(x, x, np.arange(6) // 3, num_captions=6)
    with pytest.raises(ValueError, match=r"class_ids \(5,\)"):
        metrics.r_precision(x, x, np.arange(5), num_captions=2)
    with pytest.raises(ValueError, match="num_captions.*1"):
        metrics.r_precision(x, x, np.arange(6), num_captions=1)
