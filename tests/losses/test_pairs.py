import keras
import numpy as np

from keras_t2i import losses


def partners(class_id, seed):
    generator = keras.random.SeedGenerator(seed)
    rows, exists = losses.wrong_partners(np.array(class_id), generator)
    return np.array(rows), np.array(exists)


def test_partner_is_always_of_another_class():
    class_id = np.array([0, 1, 0, 2, 1, 0])
    chosen = set()
    for seed in range(30):
        rows, exists = partners(class_id, seed)
        assert np.all(exists == 1.0)
        assert np.all(class_id[rows] != class_id)
        chosen.update(enumerate(rows))
    # And every such pair comes up.
    assert len(chosen) == np.sum(class_id[:, None] != class_id[None])


def test_choice_is_uniform():
    # Three hundred pictures with three to choose from.
    class_id = np.array([0] * 300 + [1, 2, 3])
    rows, _ = partners(class_id, 0)
    counts = np.bincount(class_id[rows[:300]], minlength=4)
    assert counts[0] == 0
    assert np.all(np.abs(counts[1:] - 100) < 35)


def test_single_class_is_flagged():
    rows, exists = partners([5, 5, 5], 0)
    assert np.all(exists == 0.0)
    assert np.all((0 <= rows) & (rows < 3))
    _, exists = partners([5], 0)
    assert np.all(exists == 0.0)


def test_other_class_matrix():
    expected = [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    np.testing.assert_array_equal(
        losses.other_class(np.array([7, 3, 7])), expected
    )
