import numpy as np

from keras_t2i.training.latents import row_latents
from keras_t2i.training.latents import row_seed


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


def test_row_seeds_do_not_meet():
    seeds = {row_seed(s, row) for s in range(40) for row in range(40)}
    assert len(seeds) == 1600
    assert all(0 <= seed < 2**31 for seed in seeds)
