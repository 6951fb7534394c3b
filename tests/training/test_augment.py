import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_t2i.training import diff_augment
from keras_t2i.training.augment import POLICIES
from keras_t2i.training.augment import check_policies


def pictures(count=6, size=16):
    """`count` times one picture, so that only the draws differ."""
    one = np.random.default_rng(0).uniform(-1, 1, (1, size, size, 3))
    return np.repeat(one.astype("float32"), count, axis=0)


def augmented(images, *policies, seed=0):
    seed = keras.random.SeedGenerator(seed)
    return np.array(diff_augment(tf.constant(images), policies, seed))


@pytest.mark.parametrize("policy", POLICIES)
def test_every_row_has_its_own_draw(policy):
    images = pictures()
    result = augmented(images, policy)
    assert result.shape == images.shape
    assert result.dtype == np.float32
    assert len({row.tobytes() for row in result}) > 3
    again = augmented(images, policy)
    np.testing.assert_array_equal(result, again)
    assert np.any(result != augmented(images, policy, seed=1))


@pytest.mark.parametrize("policy", POLICIES)
def test_gradients_flow(policy):
    images = tf.constant(pictures())
    seed = keras.random.SeedGenerator(0)
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(diff_augment(images, [policy], seed) ** 2)
    gradient = np.array(tape.gradient(total, images))
    assert np.all(np.isfinite(gradient))
    assert np.all(np.any(gradient != 0, axis=(1, 2, 3)))


def test_no_policy_is_the_identity():
    images = pictures()
    np.testing.assert_array_equal(augmented(images), images)


def test_two_calls_draw_anew():
    images = tf.constant(pictures())
    seed = keras.random.SeedGenerator(0)
    first = np.array(diff_augment(images, POLICIES, seed))
    assert np.any(first != np.array(diff_augment(images, POLICIES, seed)))


def test_color_moves_the_mean_by_the_brightness_alone():
    images = pictures(count=64)
    shift = np.mean(augmented(images, "color") - images, axis=(1, 2, 3))
    # Saturation and contrast turn around the mean; brightness is in +-0.5.
    assert np.all(np.abs(shift) <= 0.5 + 1e-5)
    assert np.ptp(shift) > 0.5


def test_color_of_a_gray_even_picture_is_a_shift():
    gray = np.full((8, 4, 4, 3), 0.25, "float32")
    result = augmented(gray, "color")
    np.testing.assert_allclose(
        result, np.broadcast_to(result[:, :1, :1, :1], result.shape), atol=1e-5
    )


def test_translation_shifts_and_fills_with_zeros():
    images = pictures(count=32)
    result = augmented(images, "translation")
    padded = np.pad(images[0], ((2, 2), (2, 2), (0, 0)))
    shifts = set()
    for row in result:
        matches = [
            (top, left)
            for top in range(5)
            for left in range(5)
            if np.array_equal(padded[top : top + 16, left : left + 16], row)
        ]
        assert len(matches) == 1
        shifts.add(matches[0])
    # An eighth of 16 pixels each way, both axes on their own.
    assert {top for top, _ in shifts} == set(range(5))
    assert {left for _, left in shifts} == set(range(5))


def test_cutout_is_a_square_of_half_the_size():
    images = np.ones((64, 16, 16, 1), "float32")
    result = augmented(images, "cutout")[..., 0]
    areas = []
    for row in result:
        holes = row == 0
        assert set(np.unique(row)) <= {0.0, 1.0}
        ys, xs = np.where(holes)
        height, width = np.ptp(ys) + 1, np.ptp(xs) + 1
        assert holes.sum() == height * width
        areas.append((height, width))
    # It may hang over the edge, by half at most.
    assert max(areas) == (8, 8)
    assert min(min(area) for area in areas) >= 4


def test_unknown_policy_is_refused():
    assert check_policies(["cutout"]) == ("cutout",)
    assert check_policies(None) == ()
    assert check_policies("color") == ("color",)
    with pytest.raises(ValueError, match="rotation"):
        check_policies(["color", "rotation"])
