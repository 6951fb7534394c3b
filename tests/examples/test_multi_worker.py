"""Two workers, one of which dies (examples/multi_worker)."""

import os
import pathlib
import subprocess
import sys

import numpy as np

from keras_t2i import models
from keras_t2i.training import checkpoint

ROOT = pathlib.Path(__file__).parents[2]


def train(out, *arguments):
    return subprocess.run(
        [
            sys.executable,
            str(ROOT / "examples/multi_worker/train.py"),
            *f"--out {out} --steps 6 --batch-size 4 --image-size 16".split(),
            *"--checkpoint-every 2 --pictures 40".split(),
            *arguments,
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=300,
    )


def test_a_killed_worker_and_a_restart_go_on_from_the_checkpoint(tmp_path):
    killed = train(tmp_path, "--kill-at", "3")
    assert killed.returncode == 1, killed.stderr[-4000:]
    assert "worker 1: dies at step 3" in killed.stdout
    saved = checkpoint.checkpoints(tmp_path / "checkpoints")
    assert [path.name for path in saved] == ["step-00000002"]

    again = train(tmp_path)
    assert again.returncode == 0, again.stderr[-4000:]
    for worker in (0, 1):
        assert f"worker {worker}: from step 2" in again.stdout
        assert f"worker {worker}: at step 6" in again.stdout
    # The chief alone has written, and what it wrote is whole.
    pictures = models.from_preset(tmp_path / "model").generate("a red circle")
    assert pictures.shape == (1, 16, 16, 3) and pictures.dtype == np.uint8
