"""A file that LiteRT runs: on phones, in browsers, in C programs."""

import collections
import contextlib
import os
import pathlib
import statistics
import tempfile
import time
import warnings

import keras
import numpy as np

import keras_t2i
from keras_t2i import files
from keras_t2i.models.preset_model import PresetModel

FORMS = (None, "float16", "int8")

# In float32 a file must give what Keras gives, up to another order of sums.
_PARITY = 1e-4
# Below this a smaller form is seen to draw differently.
_SSIM = 0.97


class LiteRTReport(
    collections.namedtuple("LiteRTReport", "path size signatures")
):
    """What `to_litert` found.

    Attributes:
        path: `pathlib.Path` of the file.
        size: its bytes.
        signatures: dict of name -> `SignatureReport`.
    """

    def __str__(self):
        lines = [f"{self.path}: {self.size / 1e6:.2f} MB"]
        lines += [
            f"  {name}: {found}" for name, found in self.signatures.items()
        ]
        return "\n".join(lines)


class SignatureReport(
    collections.namedtuple(
        "SignatureReport",
        "ops ops_on_cpu multiply_adds difference ssim milliseconds",
    )
):
    """One signature.

    Attributes:
        ops: dict of op -> how often it is there.
        ops_on_cpu: how many look words up or handle bytes, which the GPU of
            a phone leaves to its CPU.
        multiply_adds: of one run.
        difference: the largest to what Keras gives on the examples, in the
            units of the output.
        ssim: structural similarity to Keras's pictures, mean of the examples;
            None if it gives no pictures.
        milliseconds: of one run on this machine, median, two threads.
    """

    def __str__(self):
        ssim = "" if self.ssim is None else f", SSIM {self.ssim:.4f}"
        return (
            f"{sum(self.ops.values())} ops, {self.ops_on_cpu} of them for the "
            f"CPU; {self.multiply_adds / 1e6:.1f} million multiply-adds; "
            f"{self.milliseconds:.2f} ms; largest difference to Keras "
            f"{self.difference:.2g}{ssim}"
        )


def to_litert(model, path, quantize=None, locator=None):
    """Exports a model to one file for LiteRT.

    The file has built-in ops only, static shapes, no variables and no control
    flow, and ops that the GPUs of phones have too. All signatures share the
    weights. Its metadata, the entry "keras_t2i", are JSON that tells shape,
    type and meaning of all inputs and outputs. What is written has been run,
    and gives what the model gives.

    A text-to-image model has two signatures:

    - `generate`: `latents` float32 [1, Z], normal numbers; `sentence`
      [1, S]; and where the model reads words, `words` [1, T, W] and `mask`
      [1, T]. Gives `images`, float32 [1, H, W, 3] in [-1, 1].
    - `generate_rgba`: the same, but gives `rgba`, uint8 [1, H, W, 4].

    The features of a text are those of `model.text_encoder.encode(text)`. The
    text encoder is not inside: MiniLM alone has several times the size of a
    generator. An app ships the features of the texts that it offers, a few
    kilobytes each, or asks a server that runs the encoder.

    A `TextFaceEditor` has `encode`, `edit` and `synthesize`, and with a
    locator `locate`: `rgba` uint8 [1, H, W, 4], of the locator's size; gives
    `score` [1] and `place` [1, 3], float32, as `FaceLocator.locate` does.

    `StyleGAN2` has the same signatures of `latents` [1, Z] and `truncation`
    [1, 1].

    Args:
        model: a `StyleGAN2` or a text-to-image model that was trained or
            loaded.
        path: of the file, ending in `.tflite`.
        quantize: None for float32; "float16" stores weights in half the
            size; "int8" stores them in a quarter, and multiplies in whole
            numbers (dynamic range), which a CPU may do faster or slower
            (`benchmarks/litert_files.py`). Inputs and outputs stay as they
            are.
        locator: for a `TextFaceEditor`, a `FaceLocator` or a preset of one.

    Returns:
        `LiteRTReport`.

    Raises:
        ValueError: for another kind of model, one without networks, an
            unknown form, a layer that phones cannot run (it is named), or a
            file that does not give what the model gives.
        OSError: if the file cannot be written. What was there stays.
    """
    path = pathlib.Path(path)
    _check(model, path, quantize)
    from keras_t2i.export import litert_file
    from keras_t2i.export.endpoints import endpoints

    litert_file.interpreter_class()
    model = _in_float32(model)
    found, facts = endpoints(model)
    if locator is not None:
        found = {**_located(model, locator), **found}
    functions = _functions(found)
    content = _converted(functions, quantize, found)
    counts = _checked_ops(content, found)
    content = litert_file.with_metadata(
        content, _metadata(model, quantize, found, functions, facts)
    )
    loaded = litert_file.LiteRTModel(content)
    signatures = {}
    for name, endpoint in found.items():
        examples = endpoint.examples
        signatures[name] = SignatureReport(
            *counts[name],
            *_compared(loaded, name, examples, functions[name], quantize),
            _milliseconds(loaded, name, examples[0]),
        )
    with files.atomic_write(path) as temporary:
        temporary.write_bytes(content)
    return LiteRTReport(path, len(content), signatures)


def _check(model, path, quantize):
    if not isinstance(model, PresetModel):
        raise ValueError(
            "Only a model of keras_t2i can be exported to LiteRT. "
            f"Received: {type(model).__name__}"
        )
    if quantize not in FORMS:
        raise ValueError(
            f"`quantize` must be one of {FORMS}. Received: {quantize!r}"
        )
    if path.suffix != ".tflite" or path.is_dir():
        raise ValueError(
            "`path` must be that of a file that ends in .tflite. "
            f"Received: {path}"
        )
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "Exports need TensorFlow: save the model, set "
            "KERAS_BACKEND=tensorflow, and load it there. "
            f"Received: KERAS_BACKEND={keras.backend.backend()}"
        )
    model.check_built()


def _located(model, locator):
    """The endpoint of a locator, a preset or a model."""
    from keras_t2i.export.endpoints import locate
    from keras_t2i.models import FaceLocator
    from keras_t2i.models import TextFaceEditor

    if not isinstance(model, TextFaceEditor):
        raise ValueError(
            "Only with a TextFaceEditor a `locator` is exported. "
            f"Received: {type(model).__name__}"
        )
    if isinstance(locator, (str, os.PathLike)):
        locator = FaceLocator.from_preset(locator)
    if not isinstance(locator, FaceLocator):
        raise ValueError(
            "`locator` must be a FaceLocator or a preset of one. "
            f"Received: {type(locator).__name__}"
        )
    locator.check_built()
    return {"locate": locate(_in_float32(locator), model)}


def _in_float32(model):
    """The model itself, or its twin if it computes in another precision."""
    if model.compute_dtype == "float32":
        return model
    twin = type(model).from_config({**model.get_config(), "dtype": "float32"})
    for mine, other in zip(model.weights, twin.weights, strict=True):
        other.assign(mine)
    return twin


def _functions(endpoints):
    """dict of name -> concrete function."""
    import tensorflow as tf

    functions = {}
    for name, endpoint in endpoints.items():
        specs = {
            key: tf.TensorSpec(each.shape, each.dtype, name=key)
            for key, each in endpoint.inputs.items()
        }
        functions[name] = tf.function(
            endpoint.function, input_signature=[specs], autograph=False
        ).get_concrete_function()
    return functions


def _converted(functions, quantize, endpoints):
    """Bytes of a .tflite file."""
    import tensorflow as tf
    from tensorflow.lite.python.convert_phase import ConverterError

    module = tf.Module()
    # A SavedModel keeps what its module names, and variables that nobody
    # named would be lost without an error.
    module.weights = [v for f in functions.values() for v in f.graph.variables]
    with tempfile.TemporaryDirectory() as folder:
        try:
            tf.saved_model.save(module, folder, functions)
        except tf.errors.OpError as error:
            raise OSError(
                "The export needs room for a copy of the model in "
                f"{tempfile.gettempdir()}. Is the disk full? {error}"
            ) from error

        def convert(allow_custom_ops):
            converter = tf.lite.TFLiteConverter.from_saved_model(
                folder, signature_keys=list(functions)
            )
            builtins = tf.lite.OpsSet.TFLITE_BUILTINS
            converter.target_spec.supported_ops = [builtins]
            converter.allow_custom_ops = allow_custom_ops
            if quantize is not None:
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if quantize == "float16":
                converter.target_spec.supported_types = [tf.float16]
            return converter.convert()

        # The converter fails with whatever class of error it has for it.
        try:
            return convert(allow_custom_ops=False)
        except Exception as error:
            with contextlib.suppress(ConverterError):
                # This way it goes further, and the culprit can be named.
                content = convert(allow_custom_ops=True)
                _checked_ops(content, endpoints)
            raise ValueError(
                "TensorFlow's converter cannot make a LiteRT file of the "
                f"model. {type(error).__name__}: {error}"
            ) from error


def _checked_ops(content, endpoints):
    """Per signature: how often each op is there, CPU ops, multiply-adds.

    Raises:
        ValueError: naming every layer that phones cannot run.
    """
    from keras_t2i.export import litert_graph

    counts, wrong = {}, {}
    for name, ops in litert_graph.read(content).items():
        for op in ops:
            problem = litert_graph.problem(op, endpoints[name].on_gpu)
            if problem is not None:
                wrong[litert_graph.layer(op)] = f"{op.name} {problem}"
        counts[name] = (
            dict(collections.Counter(op.name for op in ops)),
            sum(map(litert_graph.on_cpu, ops)),
            sum(map(litert_graph.multiply_adds, ops)),
        )
    if wrong:
        places = "; ".join(f"{layer}: {why}" for layer, why in wrong.items())
        raise ValueError(f"Phones cannot run all layers. {places}")
    return counts


def _metadata(model, quantize, endpoints, functions, facts):
    def tensors(specs, about):
        return {
            key: {
                "shape": list(spec.shape),
                "dtype": spec.dtype.name,
                "about": about[key],
            }
            for key, spec in specs.items()
        }

    signatures = {}
    for name, endpoint in endpoints.items():
        specs, _ = functions[name].structured_input_signature
        about = {key: each.about for key, each in endpoint.inputs.items()}
        signatures[name] = {
            "inputs": tensors(specs[0], about),
            "outputs": tensors(
                functions[name].structured_outputs, endpoint.outputs
            ),
        }
    return {
        "written_by": f"keras_t2i {keras_t2i.__version__}",
        "model": type(model).__name__,
        "image_size": model.image_size,
        "quantize": quantize,
        "signatures": signatures,
        **facts,
    }


def _compared(loaded, name, examples, function, quantize):
    """Largest difference to Keras on the examples, and SSIM."""
    import tensorflow as tf

    differences, similarities, within = [], [], True
    for example in examples:
        found = loaded.run(name, **example)
        tensors = {key: tf.constant(x) for key, x in example.items()}
        for key, expected in function(tensors).items():
            expected = expected.numpy()
            difference = found[key].astype("float32") - expected
            differences.append(np.max(np.abs(difference)))
            # Of bytes one level: a rounding apart.
            allowed = 1.0 if expected.dtype == np.uint8 else _PARITY
            within &= bool(differences[-1] <= allowed)
            if expected.ndim == 4:
                similarities.append(_ssim(found[key], expected))
    difference = float(np.max(differences))
    ssim = float(np.mean(similarities)) if similarities else None
    if not np.isfinite(difference) or (quantize is None and not within):
        raise ValueError(
            f"The file gives something else than the model: {name!r} differs "
            f"by up to {difference}."
        )
    if ssim is not None and ssim < _SSIM:
        warnings.warn(
            f"With quantize={quantize!r} {name!r} draws other pictures than "
            f"the model (SSIM {ssim:.3f}). Look at them, or take another form."
        )
    return difference, ssim


def _ssim(found, expected):
    """Structural similarity of a picture in [-1, 1] or of bytes."""
    import tensorflow as tf

    black, levels = (0, 255) if expected.dtype == np.uint8 else (-1.0, 2.0)
    size = min(11, *expected.shape[1:3])  # 11 as published.
    images = [tf.constant(x[..., :3]) - black for x in (found, expected)]
    return tf.image.ssim(*images, levels, filter_size=size).numpy()[0]


def _milliseconds(loaded, name, example):
    """Of one run: median of up to 20 that take at most a second."""
    times = []
    for _ in range(20):
        start = time.perf_counter()
        loaded.run(name, **example)
        times.append(1e3 * (time.perf_counter() - start))
        if sum(times) > 1e3:
            break
    # The first ones find cold caches.
    return statistics.median(times[2:] or times)
