import numpy as np
import pytest

from keras_t2i.metrics import recognition


def test_attribute_accuracies_of_four_pictures():
    shown = np.array([[1, 1], [0, 1], [0, 1], [0, 1]])
    logits = np.array([[0.5, 1], [0.5, 1], [-2.0, 1], [-2.0, 1]])
    scores = recognition.attribute_accuracy(
        logits, [-1.0, 0.0], shown, ["Bald", "Young"]
    )
    # With the odds of -1 nobody is called bald; all are young.
    assert scores["Bald"] == {
        "accuracy": 0.75,
        "majority": 0.75,
        "balanced": pytest.approx((1.0 + 2 / 3) / 2),
        "count": 1,
    }
    assert set(scores) == {"Bald", "mean"}


def test_persons_apart_are_verified_and_noise_is_not():
    random = np.random.default_rng(0)
    persons = np.repeat(np.arange(40), 5)
    noise = random.normal(size=(200, 16))
    centers = random.normal(size=(40, 16))[persons]
    for vectors, low, high in (
        (centers + 0.1 * noise, 0.99, 1.0),
        (noise, 0.4, 0.6),
    ):
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        scores = recognition.verification(vectors, persons)
        assert scores["pairs"] == 2 * 40 * 10
        assert low <= scores["auc"] <= high
        assert low <= scores["accuracy"] <= high
    assert recognition.verification(vectors[:3], np.arange(3)) == {}


def test_area_equals_a_loop():
    random = np.random.default_rng(0)
    own, others = random.integers(2, 9, 12), random.integers(0, 7, 15)
    won = [(a > b) + 0.5 * (a == b) for a in own for b in others]
    assert recognition.area(own, others) == pytest.approx(np.mean(won))
