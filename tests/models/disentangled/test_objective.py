import keras
import numpy as np
import pytest

from keras_t2i.models.disentangled import objective


def others(count, negatives, seed=0):
    content = np.arange(2.0 * count).reshape(count, 2)
    result = objective.of_other_texts(
        keras.ops.convert_to_tensor(content),
        negatives,
        keras.random.SeedGenerator(seed),
    )
    return [int(row[0]) // 2 for row in np.array(result)]


def test_neighbours_in_a_circle():
    assert others(4, "previous") == [3, 0, 1, 2]
    assert others(4, "next") == [1, 2, 3, 0]


def test_random_is_never_the_own_picture():
    seen = set()
    for seed in range(40):
        rows = others(5, "random", seed)
        assert sorted(rows) == list(range(5))
        assert all(row != i for i, row in enumerate(rows))
        seen.add(rows[0])
    assert seen == {1, 2, 3, 4}


@pytest.mark.parametrize("negatives", objective.NEGATIVES)
def test_a_batch_of_one_is_its_own_negative(negatives):
    assert others(1, negatives) == [0]


def test_content_seeking_is_a_ratio_of_mean_distances():
    random = np.random.default_rng(1)
    maps = random.normal(size=(6, 2, 2, 3))
    latents = random.normal(size=(6, 4))
    apart = np.mean([np.abs(maps[i] - maps[i + 3]) for i in range(3)])
    asked = np.mean([np.abs(latents[i] - latents[i + 3]) for i in range(3)])
    expected = asked / (apart / np.mean(np.abs(maps)))
    for size in (1.0, 100.0):
        found = objective.content_seeking_loss(
            keras.ops.convert_to_tensor(size * maps, "float32"),
            keras.ops.convert_to_tensor(latents, "float32"),
        )
        assert float(found) == pytest.approx(expected, rel=1e-4)


def test_halved_pictures_are_means_of_four_pixels():
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 3))
    expected = images.reshape(2, 4, 2, 4, 2, 3).mean(axis=(2, 4))
    result = objective.halved(keras.ops.convert_to_tensor(images))
    np.testing.assert_allclose(result, expected, atol=1e-6)


def test_styles_of_pictures_are_given_like_noise():
    style = np.random.default_rng(2).normal(3.0, 5.0, size=(4, 6))
    style = keras.ops.convert_to_tensor(style)
    result = np.array(objective.as_noise(style, np.zeros((4, 6))))
    # A fifth of the variance is left to noise.
    np.testing.assert_allclose(result.mean(axis=1), 0.0, atol=1e-6)
    np.testing.assert_allclose(result.std(axis=1), 0.8**0.5, atol=1e-6)
    for row, before in zip(result, np.array(style), strict=True):
        assert np.corrcoef(row, before)[0, 1] == pytest.approx(1.0)
    noise = np.random.default_rng(3).normal(size=(4, 6))
    blurred = np.array(objective.as_noise(style, noise))
    np.testing.assert_allclose(blurred - result, 0.2**0.5 * noise, atol=1e-6)


def test_reconstruction_compares_means_of_sixteen_by_sixteen():
    random = np.random.default_rng(3)
    images, drawn = random.uniform(-1.0, 1.0, size=(2, 3, 32, 32, 3))
    small = [
        x.reshape(3, 16, 2, 16, 2, 3).mean(axis=(2, 4)) for x in (images, drawn)
    ]
    result = objective.reconstruction_loss(*map(np.asarray, (images, drawn)))
    assert float(result) == pytest.approx(
        np.abs(small[0] - small[1]).mean(), abs=1e-6
    )
    smaller = objective.reconstruction_loss(images[:, :8, :8], drawn[:, :8, :8])
    assert float(smaller) == pytest.approx(
        np.abs(images - drawn)[:, :8, :8].mean(), abs=1e-6
    )


def test_difference_of_contents_is_relative():
    random = np.random.default_rng(4)
    first, second = random.normal(size=(2, 3, 4, 4, 5))
    expected = np.abs(first - second).mean() / (np.abs(first).mean() + 1e-5)
    found = objective.content_difference(first, second)
    assert float(found) == pytest.approx(expected, abs=1e-6)
    found = objective.content_difference(9.0 * first, 9.0 * second)
    assert float(found) == pytest.approx(expected, abs=1e-4)
