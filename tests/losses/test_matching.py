import math

import keras
import numpy as np
import pytest

from keras_t2i import losses

GAMMAS = (4.0, 5.0, 10.0)


def example(dtype="float64", count=5, regions=6, words=4, width=3):
    """Regions, words, mask of differing lengths, and two equal classes."""
    random = np.random.default_rng(0)
    lengths = 1 + np.arange(count) % words
    mask = (np.arange(words)[None] < lengths[:, None]).astype(dtype)
    return (
        random.normal(size=(count, regions, width)).astype(dtype),
        random.normal(size=(count, words, width)).astype(dtype),
        mask,
        np.array([0, 1, 2, 1, 4][:count]),
    )


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def score(regions, words, gamma1, gamma2):
    """One image [N, D] and the real words [T, D] of one caption."""
    similarity = regions @ words.T  # [N, T]
    among_words = np.stack([softmax(row) for row in similarity])
    total = 0.0
    for t, word in enumerate(words):
        attention = softmax(gamma1 * among_words[:, t])
        context = attention @ regions
        cosine = context @ word / np.linalg.norm(context) / np.linalg.norm(word)
        total += math.exp(gamma2 * cosine)
    return math.log(total)


def cross_entropies(logits, class_ids):
    total = 0.0
    count = len(logits)
    for k in range(count):
        rivals = [
            i for i in range(count) if i == k or class_ids[i] != class_ids[k]
        ]
        for line in (logits[k], logits[:, k]):
            total -= math.log(softmax(line[rivals])[rivals.index(k)]) / count
    return total


def real_words(words, mask):
    return [w[m > 0] for w, m in zip(words, mask)]


def test_word_scores_and_loss_equal_loops():
    regions, words, mask, class_ids = example()
    captions = real_words(words, mask)
    expected = np.array([[score(r, w, 4.0, 5.0) for w in captions] for r in regions])
    found = losses.word_region_scores(regions, words, mask)
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    loss = losses.word_matching_loss(regions, words, mask, class_ids, *GAMMAS)
    assert float(loss) == pytest.approx(
        cross_entropies(10.0 * expected, class_ids), abs=1e-6
    )


def test_sentence_loss_equals_loops():
    random = np.random.default_rng(1)
    images, sentences = random.normal(size=(2, 5, 3))
    class_ids = np.array([0, 1, 2, 1, 4])
    logits = np.zeros((5, 5))
    for j, image in enumerate(images):
        for i, text in enumerate(sentences):
            lengths = np.linalg.norm(image) * np.linalg.norm(text)
            logits[j, i] = 10.0 * (image @ text) / lengths
    loss = losses.sentence_matching_loss(images, sentences, class_ids)
    assert float(loss) == pytest.approx(
        cross_entropies(logits, class_ids), abs=1e-6
    )


def test_attention_is_a_distribution_over_regions():
    regions, words, mask, _ = example()
    similarity, attention = losses.word_region_attention(regions, words, mask)
    np.testing.assert_allclose(np.sum(attention, axis=2), 1.0, rtol=1e-12)
    np.testing.assert_allclose(
        similarity[3, 2, :, :3], regions[3] @ words[2, :3].T, rtol=1e-12
    )
    # A word that fits one region alone looks there most.
    one = np.zeros((1, 6, 3))
    one[0, 4] = [9.0, 0.0, 0.0]
    two_words = np.array([[[1.0, 0, 0], [0, 1.0, 0]]])
    _, attention = losses.word_region_attention(one, two_words, np.ones((1, 2)))
    assert np.argmax(attention[0, 0, :, 0]) == 4


def test_padding_and_batch_mates_do_not_matter():
    regions, words, mask, _ = example()
    whole = np.array(losses.word_region_scores(regions, words, mask))
    padded = np.concatenate([words, np.full((5, 3, 3), 7.0)], axis=1)
    padded[mask_of(mask, 7) == 0] = -50.0
    again = losses.word_region_scores(regions, padded, mask_of(mask, 7))
    np.testing.assert_allclose(again, whole, rtol=1e-12)
    for j in range(5):
        for i in range(5):
            alone = losses.word_region_scores(
                regions[j : j + 1], words[i : i + 1], mask[i : i + 1]
            )
            assert float(alone[0, 0]) == pytest.approx(whole[j, i], rel=1e-12)


def mask_of(mask, length):
    return np.pad(mask, ((0, 0), (0, length - mask.shape[1])))


def test_one_copy_of_a_sentence_equals_several():
    regions, words, _, class_ids = example()
    one = losses.word_matching_loss(
        regions, words[:, :1], np.ones((5, 1)), class_ids
    )
    copies = np.repeat(words[:, :1], 7, axis=1)
    seven = losses.word_matching_loss(
        regions, copies, np.ones((5, 7)), class_ids
    )
    assert float(seven) == pytest.approx(float(one), rel=1e-12)


def test_pairs_of_one_class_are_left_out():
    logits = np.random.default_rng(2).normal(size=(4, 4))
    class_ids = np.array([3, 8, 3, 9])
    before = float(losses.pair_matching_loss(logits, class_ids))
    logits[0, 2] = logits[2, 0] = 100.0
    assert float(losses.pair_matching_loss(logits, class_ids)) == before
    others = float(losses.pair_matching_loss(logits, np.arange(4)))
    assert others > before + 10.0


def test_features_that_know_nothing_give_log_b_a_direction():
    ones = np.ones((6, 4))
    expected = pytest.approx(2 * math.log(6), rel=1e-12)
    loss = losses.sentence_matching_loss(ones, ones, np.arange(6))
    assert float(loss) == expected
    words = np.ones((6, 3, 4))
    loss = losses.word_matching_loss(
        words, words, np.ones((6, 3)), np.arange(6)
    )
    assert float(loss) == expected


def test_perfect_pairs_cost_nothing():
    loss = losses.sentence_matching_loss(
        np.eye(4), np.eye(4), np.arange(4), gamma3=100.0
    )
    assert float(loss) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_stays(dtype):
    regions, words, mask, class_ids = example(dtype)
    results = [
        losses.word_region_scores(regions, words, mask),
        losses.word_matching_loss(regions, words, mask, class_ids),
        losses.sentence_matching_loss(regions[:, 0], words[:, 0], class_ids),
    ]
    for result in results:
        assert keras.backend.standardize_dtype(result.dtype) == dtype


def test_word_gradients_equal_differences():
    import tensorflow as tf

    regions, words, mask, class_ids = example()
    variables = [tf.Variable(regions), tf.Variable(words)]

    def loss():
        return losses.word_matching_loss(*variables, mask, class_ids, *GAMMAS)

    with tf.GradientTape() as tape:
        value = loss()
    random = np.random.default_rng(3)
    for variable, gradient in zip(variables, tape.gradient(value, variables)):
        before = variable.numpy()
        step = 1e-6 * random.normal(size=before.shape)
        variable.assign(before + step)
        above = float(loss())
        variable.assign(before - step)
        below = float(loss())
        variable.assign(before)
        expected = 2.0 * np.sum(gradient * step)
        assert above - below == pytest.approx(expected, rel=1e-6)


def test_attention_that_would_overflow_is_refused():
    regions, words, mask, _ = example()
    with pytest.raises(ValueError, match=r"`gamma1`.*Received: 31"):
        losses.word_region_scores(regions, words, mask, gamma1=31.0)


def test_gradients_stay_finite_without_words_and_at_zero():
    import tensorflow as tf

    regions, words, mask, class_ids = example("float32")
    mask[1] = 0.0
    regions[0], words[2] = 0.0, 0.0
    variables = [tf.Variable(regions), tf.Variable(words)]
    with tf.GradientTape() as tape:
        loss = losses.word_matching_loss(*variables, mask, class_ids)
        loss += losses.sentence_matching_loss(
            variables[0][:, 0], variables[1][:, 0], class_ids
        )
    assert np.isfinite(float(loss))
    for gradient in tape.gradient(loss, variables):
        assert np.all(np.isfinite(gradient))
    scores = losses.word_region_scores(regions, words, mask)
    np.testing.assert_array_equal(scores[:, 1], 0.0)
