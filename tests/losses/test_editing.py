import numpy as np
import pytest
import tensorflow as tf

from keras_t2i import losses


def test_named_words_shall_be_likely_or_denied_unlikely():
    log_p = np.log([[0.5, 0.9, 0.2], [0.25, 0.5, 0.7]])
    named = np.array([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    present = np.array([1.0, 0.0])
    total, count = 0.0, 0
    for i in range(2):
        for t in range(3):
            if named[i, t]:
                p = np.exp(log_p[i, t])
                total -= np.log(p if present[i] else 1.0 + 1e-4 - p)
                count += 1
    found = losses.named_words_loss(
        tf.constant(log_p), tf.constant(named), tf.constant(present)
    )
    assert float(found) == pytest.approx(total / count, rel=1e-9)
    nothing = losses.named_words_loss(
        tf.constant(log_p), tf.zeros((2, 3), tf.float64), tf.constant(present)
    )
    assert float(nothing) == 0.0


def test_kept_words_shall_stay_as_likely():
    before, after = np.array([[-1.0, -2.0]]), np.array([[-1.5, -9.0]])
    kept = tf.constant([[1.0, 0.0]], tf.float64)
    found = losses.kept_words_loss(tf.constant(before), tf.constant(after), kept)
    assert float(found) == pytest.approx(0.25)


def logit(p):
    return np.log(p) - np.log(1.0 - p)


def test_attributes_become_as_named_and_stay_elsewhere():
    random = np.random.default_rng(1)
    before, after = random.uniform(0.01, 0.99, (2, 4, 3))
    target = random.integers(0, 2, (4, 3)).astype("float64")
    named = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0]], "float64")
    kept = np.array([[0, 1, 1], [1, 0, 1], [0, 0, 0], [1, 1, 1]], "float64")
    changed, stayed = [], []
    for i in range(4):
        for j in range(3):
            p, q, t = before[i, j], after[i, j], target[i, j]
            if named[i, j]:
                changed.append(-np.log(q if t else 1.0 - q))
            if kept[i, j]:
                stayed.append(
                    p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
                )
    found = losses.attribute_change_loss(
        *map(tf.constant, (logit(before), logit(after), target, named, kept))
    )
    np.testing.assert_allclose(
        found, [np.mean(changed), np.mean(stayed)], rtol=1e-9
    )


def test_identity_and_distance():
    first = np.array([[1.0, 0.0], [0.6, 0.8]])
    second = np.array([[0.0, 1.0], [0.6, 0.8]])
    found = losses.identity_loss(tf.constant(first), tf.constant(second))
    assert float(found) == pytest.approx(0.5)
    found = losses.latent_distance(tf.constant(first), tf.constant(second))
    assert float(found) == pytest.approx(2.0 / 4.0)


def test_the_unlikely_is_told_where_to_go():
    """However sure the networks are, there is a gradient."""
    zero, one = tf.zeros((1, 1)), tf.ones((1, 1))
    for loss in (
        lambda x: losses.named_words_loss(x, one, one[0]),
        lambda x: losses.attribute_change_loss(x, x, one, one, zero)[0],
    ):
        x = tf.constant([[-30.0]])
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(x)
        assert float(tape.gradient(value, x)[0, 0]) < -0.9
