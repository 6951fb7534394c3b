"""Several replicas: the same losses, other noise (one process for all)."""

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory):
    """What `tests/training/mirrored.py` found on two logical devices."""
    folder = tmp_path_factory.mktemp("mirrored")
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.mirrored", str(folder)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "name",
    [
        "linear",
        "alternating",
        "normalised",
        "linear, normalised, R1",
        "compact, R1",
    ],
)
def test_two_replicas_train_as_one_on_the_same_global_batch(mirrored, name):
    one, two = mirrored[name]["histories"]
    assert set(one) == set(two)
    # How far the pictures of a replica's own share lie apart.
    one.pop("drawn_spread", None)
    for log, values in one.items():
        assert np.ndim(values) == 1
        np.testing.assert_allclose(values, two[log], rtol=1e-4, atol=1e-5)
    assert mirrored[name]["weights"] < 1e-4


@pytest.mark.parametrize("updates", ["simultaneous", "alternating"])
def test_a_bad_loss_of_one_replica_changes_nothing_on_any(mirrored, updates):
    found = mirrored["guard"][updates]
    # Between the states after four steps, of which the second was bad.
    assert found["same"] == [True, False, False]
    assert any(
        "At step 2 the loss of the generator was not finite" in message
        for message in found["told"]
    )


def test_every_replica_and_every_step_draws_noise_of_its_own(mirrored):
    for one, other in itertools.combinations(mirrored["noise"], 2):
        assert not np.isin(one, other).any()


def test_a_checkpoint_goes_on_identically_on_replicas(mirrored):
    assert mirrored["restored"] == 2
    assert mirrored["goes on"]


def test_batches_that_cannot_be_shared_equally_are_refused(mirrored):
    assert "multiple of 2" in mirrored["odd"] and "3" in mirrored["odd"]
