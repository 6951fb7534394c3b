"""What every method promises, on JAX without TensorFlow.

One process (`on_jax.py`) computes everything; these tests read what it found
and compare it with what TensorFlow finds here.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from tests import both_backends as both
from tests.models.test_contract import METHODS as ALL
from tests.models.test_contract import TINY

from keras_t2i import data
from keras_t2i import text

pytest.importorskip("jax", reason="the package jax is not installed")

# One variant a method: compiling all of them would take too long.
METHODS = {name: ALL[name] for name in ALL if "-" not in name}
STRINGS = [
    "A small RED circle, left of two-three stars!",
    "  tabs\tand\nlines and   spaces  ",
    "一个红色的圆 ひらがな カタカナ 한국어 ไทย ខ្មែរ",
    "Ünïcödé straße ЖИЗНЬ \u00a0 𝒳 🌸 a\u0301",
    "",
    "word " * 60,
    "x" * 300,
]


@pytest.fixture(scope="module")
def here():
    """Models of each method on TensorFlow."""
    random = np.random.default_rng(0)
    found = {}
    for name, (cls, settings) in METHODS.items():
        model = cls(**{**TINY, **settings, "text_encoder": both.encoder()})
        # Biases of zero let whole maps be zero, where the backends take
        # different slopes of ReLU.
        model.set_weights(
            [w + 0.02 * random.random(w.shape) for w in model.get_weights()]
        )
        found[name] = model
    return found


@pytest.fixture(scope="module")
def folder(here, tmp_path_factory):
    """A folder with all that the process on JAX found."""
    folder = tmp_path_factory.mktemp("jax")
    methods = {
        name: (cls.__name__, {**TINY, **settings})
        for name, (cls, settings) in METHODS.items()
    }
    (folder / "methods.json").write_text(json.dumps(methods))
    (folder / "strings.json").write_text(json.dumps(STRINGS))
    for name, model in here.items():
        np.savez(folder / f"{name}-weights.npz", *model.get_weights())
        model.save_to_preset(folder / f"{name}-preset")
    _write_pictures(folder / "pictures")
    data.pack(folder / "pictures", folder / "packed", progress=False)
    environment = {
        # What is compiled is compiled once only.
        "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
        **os.environ,
        **both.ON_JAX,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.models.on_jax", str(folder)],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


@pytest.fixture(scope="module")
def report(folder):
    return json.loads((folder / "report.json").read_text())


def _write_pictures(folder):
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(9):
        picture = random.integers(0, 256, (20, 24, 3), "uint8")
        Image.fromarray(picture).save(folder / f"{number}.png")
        caption = f"picture {number}\nthe same in other words {number}\n"
        (folder / f"{number}.txt").write_text(caption)


def test_nothing_imports_tensorflow(report):
    assert report["tensorflow"] is False


@pytest.mark.parametrize("name", METHODS)
def test_fit_trains(report, name):
    found = report[name]
    assert found["step"] == 2
    # All but what a step may leave as it is, such as a learning rate.
    assert found["moved"] > 0.8
    for shape, value in found["logs"].values():
        assert shape == [2] and np.isfinite(value)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("what", ["fit twice", "checkpoint", "keras file"])
def test_training_in_parts_ends_in_the_same_bits(report, name, what):
    assert report[name]["restored"] == 1
    assert report[name][what]


@pytest.mark.parametrize("name", METHODS)
def test_alternating_updates_in_bfloat16_with_r1(report, name):
    assert np.all(np.isfinite(report[name]["alternating"]))


@pytest.mark.parametrize("name", METHODS)
def test_losses_and_gradients_are_those_of_tensorflow(here, folder, name):
    expected = both.losses_and_gradients(here[name])
    found = np.load(folder / f"{name}-jax.npz")
    assert set(found) == set(expected)
    for key in found:
        scale = max(1.0, np.max(np.abs(expected[key])))
        np.testing.assert_allclose(
            found[key], expected[key], atol=1e-4 * scale, err_msg=key
        )


@pytest.mark.parametrize("name", METHODS)
def test_weights_are_exchanged_both_ways(here, folder, name):
    found = np.load(folder / f"{name}-jax-pictures.npz")
    cls = type(here[name])
    for preset, pictures in (
        (f"{name}-preset", found["theirs"]),
        (f"{name}-jax-preset", found["ours"]),
    ):
        loaded = cls.from_preset(folder / preset)
        expected = loaded.generate(both.CAPTIONS, seed=3).astype(int)
        # Our preset was trained in float32, and is kept in float16.
        assert np.max(np.abs(expected - pictures)) <= 1


@pytest.mark.parametrize("name", METHODS)
def test_generate_repeats_itself_and_follows_training(report, name):
    assert report[name]["generate repeats"]
    assert report[name]["generate follows"]


def test_text_encoders_are_trained_too_in_float16(report):
    found = report["trained_text_encoder"]
    assert np.all(np.isfinite(found["losses"])) and found["moved"]
    # The network that overflowed has halved its scale, no other.
    assert found["scales"] == [2.0**99, 8.0]


def test_the_guard_rolls_back(report):
    found = report["rolled_back"]
    assert found["back"] and found["goes on"] and found["step"] == 5
    assert found["rate"] == pytest.approx(0.5)
    assert any("Back to step-00000002" in message for message in found["told"])


def test_text_is_read_as_by_tensorflow(folder):
    found = np.load(folder / "tokens-jax.npz")
    for encoder in (both.encoder(), text.CharCNNRNNTextEncoder(8, 8)):
        for name, expected in encoder.tokenize(STRINGS).items():
            np.testing.assert_array_equal(found[name], expected, name)


def test_shards_give_the_batches_that_they_give_to_tensorflow(folder, report):
    expected = both.two_epochs(
        data.load(folder / "packed", image_size=16, batch_size=4)
    )
    found = np.load(folder / "packed-jax.npz")
    for key, values in expected.items():
        np.testing.assert_array_equal(found[key], values, key)
    assert report["packed"]["steps"] == 6
    assert np.all(np.isfinite(report["packed"]["losses"]))
    assert report["packed"]["pictures"] == [8, 16, 16, 3]


def test_what_needs_tensorflow_says_so(report):
    found = report["refusals"]
    encoder = text.get("minilm")
    # Features that were packed or cached elsewhere are found by this.
    assert found["minilm"] == [encoder.sentence_width, encoder.fingerprint]
    assert "tensorflow-text" in found["encode"]
    assert "bag_of_ngrams" in found["encode"]
    assert found["hub"].startswith("ImportError")
    assert "captions `x` with pictures `y`" in found["data"]
