"""`keras-t2i train` where there is JAX and no TensorFlow."""

import json
import os
import subprocess
import sys

import pytest
from tests import both_backends as both

from keras_t2i.models import presets

pytest.importorskip("jax", reason="the package jax is not installed")

_SETTINGS = {
    "latent_width": 4,
    "mapping_layers": 1,
    "generator_channels": 32,
    "discriminator_channels": 32,
    "max_channels": 4,
    "path_length_weight": 0,
    "r1_weight": 0,
}
_WITHOUT_TENSORFLOW = """
import sys
from tests.models import on_jax
from keras_t2i.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_run_trains_and_leaves_a_preset(tmp_path):
    config, run = tmp_path / "config.json", tmp_path / "run"
    config.write_text(json.dumps(_SETTINGS))
    arguments = ["train", "stylegan2", "--data", "shapes", "--steps", "2"]
    arguments += ["--image-size", "16", "--batch-size", "4"]
    arguments += ["--config", config, "--out", run]
    ended = subprocess.run(
        [sys.executable, "-c", _WITHOUT_TENSORFLOW, *map(str, arguments)],
        env={**os.environ, **both.ON_JAX},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    facts = json.loads((run / "model" / presets.METADATA).read_text())
    assert facts["steps"] == 2
    assert list((run / "samples").glob("*.png"))
