"""The C program, built with gcc and run on an exported file."""

import ctypes.util
import json
import pathlib
import shutil
import subprocess

import numpy as np
import pytest

from keras_t2i import export
from keras_t2i import models

SOURCE = (
    pathlib.Path(__file__).parents[2] / "examples" / "native" / "run_litert.c"
)
litert = pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    if ctypes.util.find_library("crypto") is None:
        pytest.skip("needs OpenSSL's libcrypto")
    out = tmp_path_factory.mktemp("native") / "run_litert"
    library = pathlib.Path(litert.__file__).parent
    subprocess.run(
        ["gcc", "-O1", "-Wall", "-Werror", "-o", str(out), str(SOURCE)]
        + [f"-L{library}", "-l:libLiteRt.so", f"-Wl,-rpath,{library}"]
        + [f"-l:{ctypes.util.find_library('crypto')}"],
        check=True,
    )

    def run(*arguments):
        command = [str(out), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True)

    return run


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    model = models.StyleGAN2(
        image_size=16,
        latent_width=8,
        mapping_layers=2,
        generator_channels=256,
        discriminator_channels=32,
    )
    path = tmp_path_factory.mktemp("exported") / "noise.tflite"
    export.to_litert(model, path, "int8")
    return export.LiteRTModel(path), path


@pytest.fixture
def inputs(tmp_path):
    arrays = {
        "latents": np.random.default_rng(0).normal(size=(1, 8)),
        "truncation": np.array([[0.7]]),
    }
    arrays = {name: x.astype("float32") for name, x in arrays.items()}
    for name, x in arrays.items():
        x.tofile(tmp_path / name)
    return arrays, [f"{name}={tmp_path / name}" for name in arrays]


@pytest.mark.parametrize(
    "signature, output", (("generate", "images"), ("generate_rgba", "rgba"))
)
def test_the_bits_are_those_of_python(
    program, exported, inputs, tmp_path, signature, output
):
    loaded, path = exported
    arrays, given = inputs
    done = program(path, signature, f"{output}={tmp_path / 'out'}", *given)
    assert done.returncode == 0, done.stderr
    expected = loaded.run(signature, **arrays)[output]
    found = np.fromfile(tmp_path / "out", expected.dtype)
    np.testing.assert_array_equal(found, expected.ravel())


def test_what_the_file_tells(program, exported):
    loaded, path = exported
    assert json.loads(program(path).stdout) == loaded.metadata


def test_mistakes_are_told(program, exported, inputs, tmp_path):
    _, path = exported
    _, given = inputs
    out = f"images={tmp_path / 'out'}"
    foreign, damaged, cut = (
        tmp_path / f"{name}.tflite" for name in ("foreign", "damaged", "cut")
    )
    foreign.write_bytes(b"no file of LiteRT")
    data = bytearray(path.read_bytes())
    cut.write_bytes(data[:64])
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    short = tmp_path / "short"
    short.write_bytes(b"1234")
    for arguments, message in (
        ([foreign, "generate", out, *given], "foreign.tflite: is no .tflite"),
        ([damaged, "generate", out, *given], "damaged.tflite: is damaged"),
        ([cut], "cut.tflite: was not written by keras_t2i, or its end"),
        (["none"], "none: cannot be opened"),
        ([path, "edit", out, *given], "edit: is no signature of the file"),
        ([path, "generate", out, given[0]], "truncation: has no NAME=PATH"),
        (
            [path, "generate", out, f"latents={short}", given[1]],
            "short: must hold 32 bytes",
        ),
        ([path, "generate", out, f"latents=none", given[1]], "none: cannot"),
    ):
        done = program(*arguments)
        assert done.returncode == 1
        assert f"run_litert: {message}" in done.stderr.replace(
            f"{tmp_path}/", ""
        )
    assert not (tmp_path / "out").exists()
