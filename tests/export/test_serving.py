import io
import os
import pathlib
import re
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text
from google.protobuf import text_format
from PIL import Image
from tensorflow_serving.apis import prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2
from tests import tiny
from tests.full_disk import room

from keras_t2i import export
from keras_t2i import files
from keras_t2i import models
from keras_t2i import pictures

ROOT = pathlib.Path(__file__).parents[2]
NATIVE = ROOT / "examples" / "native_serving"
# saved_models/serving/PRESET/VERSION, see benchmarks/served_presets.py.
SHIPPED = sorted((ROOT / "saved_models" / "serving").glob("*/*/saved_model.pb"))
SETTINGS = {
    "image_size": 16,
    "latent_width": 8,
    "text_width": 8,
    "generator_width": 4,
    "discriminator_width": 4,
}
CAPTIONS = ["a red circle", "a blue star"]

# What a server's process does, without this package: a graph and a session.
DRAW = """
import sys
sys.modules["keras_t2i"] = None
import numpy as np
import tensorflow as tf
import tensorflow_text
folder, out, *texts = sys.argv[1:]
v1 = tf.compat.v1
with tf.Graph().as_default(), v1.Session() as session:
    graph = v1.saved_model.load(session, ["serve"], folder)
    signature = graph.signature_def["generate"]
    values = {
        "text": texts,
        "seed": list(range(len(texts))),
        "truncation": [1.0] * len(texts),
    }
    feed = {signature.inputs[k].name: v for k, v in values.items()}
    np.save(out, session.run(signature.outputs["images"].name, feed))
"""


def make(**settings):
    return models.GANCLS(**{**SETTINGS, **settings})


@pytest.fixture(scope="module")
def model():
    return make(text_encoder=tiny.TinyTextEncoder())


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    return export.to_serving(model, tmp_path_factory.mktemp("served") / "red")


@pytest.fixture(scope="module")
def loaded(folder):
    return tf.saved_model.load(str(folder))


def call(loaded, text, seed=None, truncation=None, name="generate"):
    """A signature's outputs as NumPy arrays."""
    outputs = loaded.signatures[name](
        text=tf.constant(text, tf.string),
        seed=tf.constant(seed or [1] * len(text), tf.int64),
        truncation=tf.constant(truncation or [1.0] * len(text), tf.float32),
    )
    return {key: value.numpy() for key, value in outputs.items()}


def close(first, second):
    return np.max(np.abs(first.astype(int) - second.astype(int))) <= 1


# Pictures. That every method draws the same ones is in the contract.


@pytest.fixture(scope="module")
def minilm(tmp_path_factory):
    """A model with the text encoder that ships, and its export."""
    model = make(text_encoder="minilm")
    folder = tmp_path_factory.mktemp("served") / "minilm"
    return model, export.to_serving(model, folder)


def test_a_process_without_this_package_draws_the_same(minilm, tmp_path):
    model, folder = minilm
    texts = ["a yellow flower", "a small one with 1,000 petals", "ROT!"]
    texts.append("petal " * 1333 + "ab")  # 8,000 letters
    out = tmp_path / "images.npy"
    done = subprocess.run(
        [sys.executable, "-c", DRAW, str(folder), str(out), *texts],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    with pytest.warns(UserWarning, match="max_length"):
        for seed, (text, image) in enumerate(zip(texts, np.load(out))):
            assert close(image, model.generate(text, seed=seed)[0])


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """Runs examples/native_serving/draw.c; returns exit code and errors."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    path = tmp_path_factory.mktemp("native") / "draw"
    done = subprocess.run(
        ["sh", str(NATIVE / "build.sh"), str(path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHON": sys.executable},
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    # Those that the README names.
    names = re.findall(r"\$ops/(\w+\.so)", (NATIVE / "README.md").read_text())
    ops = pathlib.Path(tensorflow_text.__file__).parent / "python" / "ops"
    libraries = [str(ops / name) for name in names]

    def run(folder, text, seed, out):
        done = subprocess.run(
            [str(path), str(folder), text, str(seed), str(out), *libraries],
            capture_output=True,
            text=True,
            env={"TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        told = [x for x in done.stderr.splitlines() if x.startswith("draw: ")]
        return done.returncode, told

    return run


def test_a_program_in_c_draws_the_same(program, minilm, tmp_path):
    model, folder = minilm
    text = "a yellow flower with 1,000 petals"
    assert program(folder, text, -3, tmp_path / "drawn.png") == (0, [])
    found = pictures.read(tmp_path / "drawn.png")
    assert close(found, model.generate(text, seed=-3)[0])


def test_the_program_in_c_says_what_is_wrong(program, folder, tmp_path):
    out = tmp_path / "drawn.png"
    code, (error,) = program(folder, " ", 1, out)
    assert code == 1 and "at least one word" in error
    code, (error,) = program(tmp_path / "nowhere", "a", 1, out)
    assert code == 1 and "FOLDER is no SavedModel" in error
    damaged = tmp_path / "damaged"
    shutil.copytree(folder, damaged)
    content = (folder / "saved_model.pb").read_bytes()
    (damaged / "saved_model.pb").write_bytes(content[: len(content) // 2])
    code, (error,) = program(damaged, "a", 1, out)
    assert code == 1 and "FOLDER is no SavedModel" in error
    # The preprocessor of MiniLM is a SavedModel of another kind.
    foreign = files.shipped("text/minilm_l6_v2/preprocessor")
    code, (error,) = program(foreign, "a", 1, out)
    assert code == 1 and "no export of keras-t2i" in error
    assert not out.exists()


@pytest.mark.parametrize("name", ["bag_of_ngrams", "bilstm", "char_cnn_rnn"])
def test_encoders_that_are_made_here_tokenize_inside(name, tmp_path):
    # An export that drew another picture would be refused.
    model = make(text_encoder=name)
    folder = export.to_serving(model, tmp_path / name)
    # The largest table is in the graph, once.
    assert (folder / "saved_model.pb").stat().st_size < 8e6
    texts = ["A Red  circle!", "一朵花", "x" * 8000]
    found = call(tf.saved_model.load(str(folder)), texts)["images"]
    for text, image in zip(texts, found):
        assert close(image, model.generate(text, seed=1)[0])


def test_png_holds_the_pictures(loaded):
    expected = call(loaded, CAPTIONS)["images"]
    found = call(loaded, CAPTIONS, name="serving_default")
    assert set(found["error"]) == {b""}
    for png, image in zip(found["image_bytes"], expected):
        with Image.open(io.BytesIO(png)) as opened:
            assert opened.format == "PNG"
            np.testing.assert_array_equal(np.asarray(opened), image)


def test_text_alone_draws_seeds_and_tells_them(loaded):
    draw = loaded.signatures["text"]
    answers = [draw(text=tf.constant(CAPTIONS * 2)) for _ in range(2)]
    seeds = np.concatenate([answer["seed"] for answer in answers])
    assert len(set(seeds)) == 8 and seeds.min() >= 0
    again = call(loaded, CAPTIONS * 2, list(seeds[:4]), name="serving_default")
    np.testing.assert_array_equal(
        again["image_bytes"], answers[0]["image_bytes"]
    )


def test_rows_do_not_change_each_other(loaded, model):
    texts = ["a red circle", "", "a blue star", " \u3000\t", "a", "b", b"\xff"]
    truncation = [1.0, 1.0, 0.5, 1.0, 0.0, float("nan"), 1.0]
    found = call(loaded, texts, list(range(7)), truncation)
    told = [bool(error) for error in found["error"]]
    assert told == [False, True, False, True, True, True, False]
    assert b"at least one word" in found["error"][1]
    assert b"truncation" in found["error"][4]
    assert not found["images"][told].any()
    assert close(found["images"][0], model.generate(texts[0], seed=0)[0])
    expected = model.generate(texts[2], seed=2, truncation=0.5)[0]
    assert close(found["images"][2], expected)
    wrong = call(loaded, [""], name="serving_default")
    assert wrong["image_bytes"][0] == b"" and wrong["error"][0]


@pytest.mark.parametrize(
    "text, seed, truncation, message",
    (
        ([], [], [], "1 to 64 rows"),
        (["a"] * 65, None, None, r"1 to 64 rows.*\[65\]"),
        (["a"], [1, 2], None, r"`text` and `seed`.*\[1\] \[2\]"),
        (["a"], None, [1.0, 1.0], "`text` and `truncation`"),
    ),
)
def test_requests_that_are_refused(loaded, text, seed, truncation, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        call(loaded, text, seed, truncation)


@pytest.mark.skipif(not SHIPPED, reason="saved_models/serving is not built")
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parts[-3])
def test_what_ships_draws_what_its_preset_draws(path):
    model = models.from_preset(path.parts[-3])
    loaded = tf.saved_model.load(str(path.parent))
    if isinstance(model, models.TextFaceEditor):
        faces = model.draw(model.latents_for(2, seed=1, truncation=0.7))
        found = loaded.signatures["generate"](
            image_bytes=tf.stack([tf.io.encode_png(face) for face in faces]),
            text=tf.constant(["smiling"] * 2),
            strength=tf.constant([1.2] * 2),
        )["images"]
        latents = model.encoder.encode(faces)
        expected = model.edit_latents(latents, "smiling", 1.2).image
    else:
        found = call(loaded, CAPTIONS)["images"]
        expected = [model.generate(text, seed=1)[0] for text in CAPTIONS]
    for image, wanted in zip(np.asarray(found), expected, strict=True):
        assert close(image, wanted)
    sizes = [p.stat().st_size for p in path.parent.rglob("*")]
    assert max(sizes) <= 30e6


# The folder.


def test_weights_of_a_preset_take_half_the_room(model, tmp_path):
    model.save_to_preset(tmp_path / "preset")
    loaded = models.GANCLS.from_preset(tmp_path / "preset")
    folder = export.to_serving(loaded, tmp_path / "half")
    reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    stored = [
        dtype
        for name, dtype in reader.get_variable_to_dtype_map().items()
        if "/.ATTRIBUTES/VARIABLE_VALUE" in name
    ]
    expected = model.generator_ema.weights + model.text_encoder.weights
    assert stored.count(tf.float16) == len(stored) == len(expected)


def test_no_file_is_large(minilm):
    # And all of them are read: other tests draw with this export.
    _, folder = minilm
    sizes = [p.stat().st_size for p in (folder / "variables").iterdir()]
    assert sum(sizes) > 22e6 and max(sizes) <= 20e6


def test_only_what_draws_is_inside(folder, model):
    stored = tf.train.list_variables(str(folder / "variables" / "variables"))
    count = sum("/.ATTRIBUTES/VARIABLE_VALUE" in name for name, _ in stored)
    expected = len(model.generator_ema.weights + model.text_encoder.weights)
    assert count == expected < len(model.weights)


def test_warmup_requests_are_answered(folder, loaded):
    path = folder / "assets.extra" / "tf_serving_warmup_requests"
    signatures = []
    for record in tf.data.TFRecordDataset(str(path)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        assert request.model_spec.name == "red"
        signatures.append(request.model_spec.signature_name)
        inputs = {
            name: tf.constant(tf.make_ndarray(value))
            for name, value in request.inputs.items()
        }
        outputs = loaded.signatures[signatures[-1]](**inputs)
        assert set(outputs["error"].numpy()) == {b""}
    assert set(signatures) == {"serving_default", "text", "generate"}


def test_settings_of_the_server(folder):
    config = text_format.Parse(
        (folder.parent / "models.config").read_text("utf-8"),
        model_server_config_pb2.ModelServerConfig(),
    ).model_config_list.config[0]
    assert (config.name, config.base_path) == ("red", "/models/red")
    compose = (folder.parent / "compose.yaml").read_text("utf-8")
    assert ".:/models/red:ro" in compose
    assert "max_batch_size { value: 64 }" in (
        folder.parent / "batching.config"
    ).read_text("utf-8")


def test_versions(folder, model):
    assert folder.name == "1"
    (folder.parent / "models.config").write_text("mine")
    assert export.to_serving(model, folder.parent) == folder.parent / "2"
    assert (folder.parent / "models.config").read_text() == "mine"
    files = sorted(os.listdir(folder.parent))
    with pytest.raises(ValueError, match="1 exists"):
        export.to_serving(model, folder.parent, version=1)
    assert sorted(os.listdir(folder.parent)) == files
    for version in (0, -1, True, "2"):
        with pytest.raises(ValueError, match="`version`.*Received"):
            export.to_serving(model, folder.parent, version=version)


def test_a_full_disk_leaves_nothing(model, tmp_path):
    with room(20_000), pytest.raises(OSError, match="nothing of it.*disk full"):
        export.to_serving(model, tmp_path / "red")
    assert os.listdir(tmp_path / "red") == []


# What cannot be exported.


class InPython(tiny.TinyTextEncoder):
    def tokenize(self, strings):
        return {"ids": np.array([[len(s)] * 4 for s in strings.numpy()])}


class CallsBack(tiny.TinyTextEncoder):
    def tokenize(self, strings):
        ids = tf.py_function(
            lambda s: tf.strings.length(s) % 64, [strings], tf.int32
        )
        ids = tf.tile(tf.reshape(ids, [-1, 1]), [1, 4])
        return {"ids": tf.ensure_shape(ids, [None, 4])}


@pytest.mark.parametrize(
    "encoder, message",
    ((InPython, "InPython cannot be exported"), (CallsBack, "EagerPyFunc")),
)
def test_text_encoders_of_python_are_refused(encoder, message, tmp_path):
    model = make(text_encoder=encoder())
    with pytest.raises(ValueError, match=message):
        export.to_serving(model, tmp_path / "red")
    assert not list(tmp_path.glob("red/*"))


def test_other_models_and_folders_are_refused(model, tmp_path):
    with pytest.raises(ValueError, match="`fit`.*from_preset"):
        unbuilt = make(image_size=None, text_encoder=tiny.TinyTextEncoder())
        export.to_serving(unbuilt, tmp_path / "red")
    with pytest.raises(ValueError, match="text-to-image.*Sequential"):
        export.to_serving(keras.Sequential(), tmp_path / "red")
    with pytest.raises(ValueError, match="name.*'red flowers'"):
        export.to_serving(model, tmp_path / "red flowers")
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="a file, not a folder"):
        export.to_serving(model, tmp_path / "file")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
