import numpy as np

from keras_t2i.training.latents import row_latents


def test_a_row_depends_on_seed_and_number_alone():
    all_rows = row_latents(7, range(6), 16)
    assert all_rows.shape == (6, 16) and all_rows.dtype == np.float32
    np.testing.assert_array_equal(all_rows[4:5], row_latents(7, [4], 16))
    assert len({row.tobytes() for row in all_rows}) == 6
    assert np.any(all_rows != row_latents(8, range(6), 16))


def test_latents_are_standard_normal():
    latents = row_latents(0, range(200), 50)
    assert abs(latents.mean()) < 0.05
    assert abs(latents.std() - 1.0) < 0.05
    neighbors = np.corrcoef(latents[:-1].ravel(), latents[1:].ravel())[0, 1]
    assert abs(neighbors) < 0.05


def test_seeds_and_rows_do_not_meet():
    firsts = {
        row[0] for seed in range(-20, 20) for row in row_latents(seed, range(40), 1)
    }
    assert len(firsts) == 1600


def test_numbers_are_those_of_every_version_and_backend():
    # A picture that was drawn with a seed can be drawn again.
    expected = [[1.78229, -0.14211048]]
    np.testing.assert_allclose(row_latents(7, [3], 2), expected, rtol=1e-6)
