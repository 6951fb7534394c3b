"""`keras-t2i train` where there is JAX and no TensorFlow."""

import json
import os
import subprocess
import sys

import pytest

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
sys.modules["tensorflow"] = None
from keras_t2i.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_run_trains_and_leaves_a_preset(tmp_path):
    config, run = tmp_path / "config.json", tmp_path / "run"
    config.write_text(json.dumps(_SETTINGS))
    arguments = ["train", "stylegan2", "--data", "shapes", "--steps", "2"]
    arguments += ["--image-size", "16", "--batch-size", "4"]
    arguments += ["--config", config, "--out", run]
    environment = {
        # Two steps take no time beside their compilation.
        "XLA_FLAGS": (
            "--xla_backend_optimization_level=0"
            " --xla_cpu_use_fusion_emitters=false"
            " --xla_llvm_disable_expensive_passes=true"
        ),
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
    }
    ended = subprocess.run(
        [sys.executable, "-c", _WITHOUT_TENSORFLOW, *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    facts = json.loads((run / "model" / presets.METADATA).read_text())
    assert facts["steps"] == 2
    assert list((run / "samples").glob("*.png"))
