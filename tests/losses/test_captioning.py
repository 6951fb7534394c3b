import numpy as np
import pytest
import tensorflow as tf

from keras_t2i import losses


def log_softmax(row):
    return row - np.log(np.sum(np.exp(row - row.max()))) - row.max()


def test_likelihood_and_loss_equal_a_float64_reference():
    random = np.random.default_rng(0)
    logits = random.normal(size=(3, 5, 7)) * 4.0
    words = np.array([[3, 4, 2, 0, 0], [1, 6, 5, 3, 2], [2, 0, 0, 0, 0]])
    expected = np.zeros((3, 5))
    for i in range(3):
        for t in range(5):
            if words[i, t]:
                expected[i, t] = log_softmax(logits[i, t])[words[i, t]]
    found = losses.word_log_likelihoods(tf.constant(logits), words)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    loss = float(losses.caption_loss(tf.constant(logits), words))
    assert loss == pytest.approx(-expected.sum() / 3, rel=1e-12)


def test_a_word_that_is_certain_costs_nothing():
    logits = np.full((1, 2, 4), -1e3)
    logits[0, [0, 1], [3, 2]] = 1e3
    assert float(losses.caption_loss(tf.constant(logits), [[3, 2]])) == 0.0


def test_l2_penalty_is_the_sum_of_all_squares():
    found = losses.l2_penalty([tf.constant([[1.0, 2.0]]), tf.constant(3.0)])
    assert float(found) == 14.0
