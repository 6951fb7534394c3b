import os
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from keras import ops
from tests import tiny
from tests.full_disk import room

from keras_t2i import export
from keras_t2i import models
from keras_t2i.export import litert
from keras_t2i.export import litert_graph

pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert")

SETTINGS = {
    "image_size": 16,
    "latent_width": 8,
    "text_width": 8,
    "generator_width": 16,
    "discriminator_width": 4,
}
CAPTION = "a red circle"


def make(**settings):
    encoder = tiny.TinyTextEncoder()
    return models.GANCLS(text_encoder=encoder, **{**SETTINGS, **settings})


@pytest.fixture(scope="module")
def model():
    return make()


@pytest.fixture(scope="module")
def reports(model, tmp_path_factory):
    """Of the three forms."""
    folder = tmp_path_factory.mktemp("litert")
    return {
        form: export.to_litert(model, folder / f"{form}.tflite", form)
        for form in (None, "float16", "int8")
    }


@pytest.fixture(scope="module")
def loaded(reports):
    return export.LiteRTModel(reports[None].path)


def inputs_for(model, seed):
    features = model.text_encoder.encode([CAPTION])
    return {
        "latents": model.latents_for(1, seed),
        "sentence": features.sentence,
    }


# Pictures. That every method draws the same ones is in the contract.


def test_a_file_draws_what_the_model_draws(model, loaded):
    inputs = inputs_for(model, seed=5)
    rgba = loaded.run("generate_rgba", **inputs)["rgba"]
    assert rgba.dtype == np.uint8 and np.all(rgba[..., 3] == 255)
    expected = model.generate(CAPTION, seed=5)
    assert np.max(np.abs(rgba[..., :3].astype(int) - expected)) <= 1
    images = loaded.run("generate", **inputs)["images"]
    np.testing.assert_allclose(
        (images + 1.0) * 127.5, expected, atol=0.5 + 1e-3
    )


def test_stylegan2_draws_from_latents_and_truncation(tmp_path):
    model = models.StyleGAN2(
        image_size=8,
        variant="efficient",
        latent_width=8,
        mapping_layers=2,
        generator_channels=64,
        discriminator_channels=32,
    )
    model.means.w.assign(np.linspace(-1.0, 1.0, 8))
    path = tmp_path / "noise.tflite"
    report = export.to_litert(model, path)
    assert report.signatures["generate"].difference < 1e-4
    latents = models.stylegan2.model.row_latents(3, [0], 8)
    rgba = export.LiteRTModel(path).run(
        "generate_rgba",
        latents=latents,
        truncation=np.array([[0.5]], "float32"),
    )["rgba"]
    expected = model.generate(1, seed=3, truncation=0.5)
    assert np.max(np.abs(rgba[..., :3].astype(int) - expected)) <= 1


def test_mixed_precision_is_exported_in_float32(tmp_path):
    model = make(dtype="mixed_bfloat16", generator_width=4)
    export.to_litert(model, tmp_path / "mixed.tflite")
    loaded = export.LiteRTModel(tmp_path / "mixed.tflite")
    inputs = inputs_for(model, seed=5)
    rgba = loaded.run("generate_rgba", **inputs)["rgba"]
    expected = model.generate(CAPTION, seed=5)
    assert np.max(np.abs(rgba[..., :3].astype(int) - expected)) <= 8


# The report.


def test_smaller_forms(reports):
    sizes = {form: report.size for form, report in reports.items()}
    assert sizes["float16"] < 0.6 * sizes[None]
    assert sizes["int8"] < 0.55 * sizes[None]
    for report in reports.values():
        assert report.path.stat().st_size == report.size
    whole, half, small = (
        reports[form].signatures["generate"] for form in reports
    )
    assert whole.difference < 1e-5 < half.difference < small.difference
    assert min(whole.ssim, half.ssim) > 0.999 and small.ssim > 0.95


def test_signatures_share_the_weights(model, reports):
    weights = 4 * model.generator_ema.count_params()
    assert weights < reports[None].size < 1.2 * weights


def test_ops_and_their_cost(model, reports):
    report = reports[None].signatures["generate_rgba"]
    assert set(report.ops) <= litert_graph._ON_GPU | litert_graph._ON_CPU
    assert report.ops["RESIZE_NEAREST_NEIGHBOR"] == 2
    assert reports[None].signatures["generate"].ops_on_cpu == 0
    assert 0 < report.ops_on_cpu < 6  # To bytes.
    count = 0
    for layer in model.generator_ema.layers:
        if isinstance(layer, layers.Conv2D):
            _, height, width, channels = layer.output.shape
            kernel = np.prod(layer.kernel_size) * layer.input.shape[-1]
            count += height * width * channels * kernel
        elif isinstance(layer, layers.Dense):
            count += np.prod(layer.kernel.shape)
    assert report.multiply_adds == count
    told = str(reports[None])
    assert f"{sum(report.ops.values())} ops" in told and "generate_rgba" in told
    assert report.milliseconds > 0


def test_a_form_that_draws_worse_is_warned_of(model, tmp_path, monkeypatch):
    monkeypatch.setattr(litert, "_SSIM", 1.1)
    with pytest.warns(UserWarning, match="'float16'.*'generate' draws other"):
        export.to_litert(model, tmp_path / "worse.tflite", "float16")


def test_multiply_adds_of_other_ops(tmp_path):
    kernel = tf.random.normal((3, 3, 4, 6), seed=1)

    @tf.function(
        input_signature=[tf.TensorSpec((1, 8, 8, 4)), tf.TensorSpec((1, 5, 7))]
    )
    def function(x, y):
        turned = tf.random.normal((3, 3, 2, 4), seed=2)
        return {
            "depthwise": tf.nn.depthwise_conv2d(
                x, kernel[..., :1], [1] * 4, "SAME"
            ),
            "transposed": tf.nn.conv2d_transpose(x, turned, (1, 16, 16, 2), 2),
            "strided": tf.nn.conv2d(x, kernel, 2, "SAME"),
            "product": tf.matmul(y, y, transpose_b=True),
            "turned": tf.matmul(y, y, transpose_a=True),
        }

    signatures = {"run": function.get_concrete_function()}
    tf.saved_model.save(tf.Module(), str(tmp_path), signatures)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path))
    found = litert_graph.read(converter.convert())["run"]
    counts = sorted(filter(None, map(litert_graph.multiply_adds, found)))
    # Depthwise, both products, strided, transposed.
    strided, transposed = 4 * 4 * 6 * 36, 8 * 8 * 4 * 9 * 2
    expected = [8 * 8 * 4 * 9, 5 * 5 * 7, 7 * 7 * 5, strided, transposed]
    assert counts == sorted(expected)


# The file.


def test_what_the_file_tells(model, reports):
    facts = export.LiteRTModel(reports["int8"].path).metadata
    assert (facts["model"], facts["quantize"]) == ("GANCLS", "int8")
    assert facts["image_size"] == 16
    fingerprint = model.text_encoder.fingerprint
    assert facts["text_encoder"]["fingerprint"] == fingerprint
    signature = facts["signatures"]["generate_rgba"]
    latents, rgba = signature["inputs"]["latents"], signature["outputs"]["rgba"]
    assert (latents["shape"], latents["dtype"]) == ([1, 8], "float32")
    assert (rgba["shape"], rgba["dtype"]) == ([1, 16, 16, 4], "uint8")
    assert "normal numbers" in latents["about"]


@pytest.mark.parametrize(
    "inputs, message",
    (
        ({"latents": np.zeros((1, 8), "float32")}, "takes.*'sentence'"),
        (
            {"latents": np.zeros((2, 8)), "sentence": np.zeros((1, 8))},
            r"'latents' must be float32 \[1, 8\].*float64 \[2, 8\]",
        ),
    ),
)
def test_wrong_inputs_are_refused(loaded, inputs, message):
    with pytest.raises(ValueError, match=message):
        loaded.run("generate", **inputs)


def test_unknown_signatures_are_refused(loaded):
    with pytest.raises(ValueError, match="'generate_rgba'.*Received: 'edit'"):
        loaded.run("edit")


def foreign(content):
    x = tf.TensorSpec((1, 2))
    function = tf.function(lambda x: 2.0 * x, input_signature=[x])
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], function
    )
    return converter.convert()


@pytest.mark.parametrize(
    "change, message",
    (
        (lambda content: b"", "is no LiteRT file"),
        (lambda content: b"PK\3\4 this is a zip", "is no LiteRT file"),
        (lambda content: content[: len(content) // 2], "not written|damaged"),
        (lambda content: content[:-7], "damaged"),
        (lambda content: content + b"more", "damaged"),
        (
            lambda content: content[:5000]
            + bytes([content[5000] ^ 1])
            + content[5001:],
            "damaged",
        ),
        (foreign, "not written by"),
    ),
    ids=["empty", "zip", "half", "cut", "longer", "one bit", "foreign"],
)
def test_damaged_and_foreign_files(reports, tmp_path, change, message):
    path = tmp_path / "bad.tflite"
    path.write_bytes(change(reports[None].path.read_bytes()))
    with pytest.raises(ValueError, match=f"bad.tflite.*({message})"):
        export.LiteRTModel(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.tflite"):
        export.LiteRTModel(tmp_path / "none.tflite")


def test_a_full_disk_keeps_what_is_there(model, tmp_path):
    path = tmp_path / "old.tflite"
    path.write_bytes(b"old")
    with room(20_000), pytest.raises(OSError):
        export.to_litert(model, path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["old.tflite"]


# What cannot be exported.


def refused(message, *arguments):
    with pytest.raises(ValueError, match=message):
        export.to_litert(*arguments)


def test_other_models_forms_and_paths_are_refused(model, tmp_path):
    path = tmp_path / "red.tflite"
    refused("model of keras_t2i.*Sequential", keras.Sequential(), path)
    refused("`fit`.*from_preset", make(image_size=None), path)
    matcher = models.ImageTextMatcher(
        16, "shapes", image_width=4, embedding_width=8
    )
    refused("text-to-image.*ImageTextMatcher", matcher, path)
    for quantize in ("int4", "", True, 8):
        refused("None, 'float16', 'int8'.*Received", model, path, quantize)
    refused("ends in .tflite.*red.onnx", model, tmp_path / "red.onnx")
    (tmp_path / "folder.tflite").mkdir()
    refused("ends in .tflite", model, tmp_path / "folder.tflite")
    assert os.listdir(tmp_path) == ["folder.tflite"]


def test_without_the_package(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    refused(r"pip install 'keras-t2i\[litert\]'", model, tmp_path / "a.tflite")


@keras.saving.register_keras_serializable("tests")
class Odd(layers.Layer):
    """A layer that phones cannot run."""

    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function

    def call(self, x):
        return self.function(x)


def loop(x):
    return ops.fori_loop(0, 3, lambda i, x: 0.5 * x, x)


def computed_kernel(x):
    return ops.conv(x, x[0, :3, :3, :, None] * ops.ones((3,)), 1, "same")


@pytest.mark.parametrize(
    "function, message",
    (
        (ops.erfinv, "Erfinv is no op"),
        (loop, "WHILE is no op"),
        (lambda x: ops.flip(x, axis=1), "REVERSE_V2 is no op.*GPUs"),
        (lambda x: ops.repeat(x, 2, axis=2)[:, :, ::2], "four dimensions"),
        (computed_kernel, "kernel that is computed"),
    ),
    ids=["unknown", "loop", "op", "five dimensions", "kernel"],
)
def test_layers_that_phones_cannot_run_are_named(function, message, tmp_path):
    model = make()
    latents, sentence = keras.Input((8,)), keras.Input((8,))
    x = layers.Dense(16 * 16 * 3)(layers.Concatenate()([latents, sentence]))
    x = Odd(function, name="odd_one")(layers.Reshape((16, 16, 3))(x))
    model.generator_ema = keras.Model([latents, sentence], x)
    refused(f"odd_one.*{message}", model, tmp_path / "odd.tflite")
    assert os.listdir(tmp_path) == []
