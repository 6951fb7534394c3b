import math

import keras
import numpy as np
import pytest

from keras_t2i import losses

CLASS_IDS = np.array([0, 1, 2, 1, 4])


def example(dtype="float64"):
    """Regions, words, and weights of which some are 0."""
    random = np.random.default_rng(0)
    weights = random.uniform(0.1, 2.0, size=(5, 4))
    weights[0, 1:] = weights[2, 3:] = 0.0
    return (
        random.normal(size=(5, 6, 3)).astype(dtype),
        random.normal(size=(5, 4, 3)).astype(dtype),
        weights.astype(dtype),
    )


def cosine(a, b):
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


def softmax(x):
    e = np.exp(np.asarray(x) - np.max(x))
    return e / e.sum()


def score(regions, words, weights, gamma1, gamma2):
    """One image [N, D] and the words [T, D] of one caption, by the formula."""
    total = 0.0
    for word, weight in zip(words, weights):
        if not weight:
            continue
        attention = softmax([gamma1 * cosine(r, word) for r in regions])
        context = sum(
            a * r / np.linalg.norm(r) for a, r in zip(attention, regions)
        )
        share = weight / weights.sum()
        total += share * math.exp(gamma2 * cosine(context, word))
    return math.log(total) / gamma2


def info_nce(logits, class_ids):
    total = 0.0
    for k in range(len(logits)):
        rivals = [
            i
            for i in range(len(logits))
            if i == k or class_ids[i] != class_ids[k]
        ]
        for line in (logits[k], logits[:, k]):
            total -= math.log(softmax(line[rivals])[rivals.index(k)])
    return total / len(logits)


def test_region_scores_and_loss_equal_loops():
    regions, words, weights = example()
    expected = np.array(
        [
            [score(r, w, u, 4.0, 3.0) for w, u in zip(words, weights)]
            for r in regions
        ]
    )
    scores = losses.weighted_region_scores(regions, words, weights, 4.0, 3.0)
    np.testing.assert_allclose(scores, expected, atol=1e-10)
    loss = losses.region_contrastive_loss(
        regions, words, weights, CLASS_IDS, 4.0, 3.0, 20.0
    )
    assert float(loss) == pytest.approx(
        info_nce(20.0 * expected, CLASS_IDS), abs=1e-6
    )


def test_global_loss_equals_loops():
    images, sentences = np.random.default_rng(1).normal(size=(2, 5, 3))
    logits = np.array([[cosine(g, s) / 0.2 for s in sentences] for g in images])
    loss = losses.global_contrastive_loss(images, sentences, CLASS_IDS, 0.2)
    assert float(loss) == pytest.approx(info_nce(logits, CLASS_IDS), abs=1e-6)


def test_features_that_know_nothing_give_log_b_a_direction():
    expected = pytest.approx(2 * math.log(6), abs=1e-6)
    ones, ids = np.ones((6, 4)), np.arange(6)
    assert float(losses.global_contrastive_loss(ones, ones, ids)) == expected
    # However many keywords a caption has, and however they weigh.
    weights = np.random.default_rng(0).uniform(size=(6, 3)) * np.tri(6, 3)
    loss = losses.region_contrastive_loss(
        np.ones((6, 5, 4)), np.ones((6, 3, 4)), weights, ids
    )
    assert float(loss) == expected


def test_only_the_proportions_of_the_weights_matter():
    regions, words, weights = example()
    scores = losses.weighted_region_scores(regions, words, weights)
    scaled = losses.weighted_region_scores(regions, words, 7.0 * weights)
    np.testing.assert_allclose(scores, scaled, rtol=1e-10)
    # What weighs nothing may be anything, and of any length.
    padded = np.concatenate([words, np.full((5, 2, 3), 50.0)], axis=1)
    padded[0, 1:] = -9.0
    more = np.pad(weights, ((0, 0), (0, 2)))
    again = losses.weighted_region_scores(regions, padded, more)
    np.testing.assert_allclose(again, scores, rtol=1e-10)


def test_perfect_pairs_cost_nothing():
    eye = np.eye(4)
    ids = np.arange(4)
    loss = losses.global_contrastive_loss(eye, eye, ids, temperature=0.01)
    assert float(loss) == pytest.approx(0.0, abs=1e-12)
    regions = np.repeat(eye[:, None], 2, axis=1)
    loss = losses.region_contrastive_loss(
        regions, eye[:, None], np.ones((4, 1)), ids
    )
    assert float(loss) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_stays(dtype):
    regions, words, weights = example(dtype)
    results = [
        losses.region_contrastive_loss(regions, words, weights, CLASS_IDS),
        losses.global_contrastive_loss(regions[:, 0], words[:, 0], CLASS_IDS),
    ]
    for result in results:
        assert keras.backend.standardize_dtype(result.dtype) == dtype


def test_gradients_stay_finite_without_keywords_and_at_zero():
    import tensorflow as tf

    regions, words, weights = example("float32")
    weights[1] = 0.0
    regions[0], words[2] = 0.0, 0.0
    variables = [tf.Variable(regions), tf.Variable(words)]
    with tf.GradientTape() as tape:
        loss = losses.region_contrastive_loss(*variables, weights, CLASS_IDS)
        loss += losses.global_contrastive_loss(
            variables[0][:, 0], variables[1][:, 0], CLASS_IDS
        )
    assert np.isfinite(float(loss))
    for gradient in tape.gradient(loss, variables):
        assert np.all(np.isfinite(gradient))
    scores = losses.weighted_region_scores(regions, words, weights)
    np.testing.assert_array_equal(scores[:, 1], 0.0)
