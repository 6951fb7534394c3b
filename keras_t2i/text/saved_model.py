"""Loading and calling SavedModels of several origins in the same way."""

import concurrent.futures
import inspect
import pathlib

import keras


def load(folder, handle, trainable=False):
    """Loads a SavedModel.

    Args:
        folder: where it is.
        handle: what errors call it.
        trainable: whether its variables follow the current
            `tf.distribute` strategy.

    Raises:
        ValueError: if it is damaged.
    """
    import tensorflow_hub as hub

    # Registers the ops that tokenizers are made of.
    import tensorflow_text  # noqa: F401

    try:
        if trainable:
            return hub.load(str(folder))
        # A strategy's scope belongs to a thread. Frozen modules are loaded
        # outside it: many cannot be restored as mirrored variables.
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            return pool.submit(hub.load, str(folder)).result()
    except Exception as error:
        raise ValueError(
            f"The SavedModel {handle!r} in {str(folder)!r} cannot be loaded:"
            " it is damaged, incomplete, or made for another version of"
            f" TensorFlow ({type(error).__name__}: {error}). If TF Hub"
            " downloaded it, delete that folder and try again."
        ) from error


def call(module, inputs, training=False):
    """Calls a loaded module, or its signature if it cannot be called.

    Args:
        module: what `load` gives.
        inputs: a tensor, or a dict of tensors.
        training: passed on if the module takes it.
    """
    if callable(module):
        if _takes_training(module):
            return module(inputs, training=training)
        return module(inputs)
    names = [n for n in ("serving_default", "default") if n in module.signatures]
    if not names:
        raise ValueError(
            "the SavedModel is not callable and has no signature"
            " 'serving_default' or 'default'; it has"
            f" {sorted(module.signatures)}"
        )
    signature = module.signatures[names[0]]
    wanted = list(signature.structured_input_signature[1])
    if not isinstance(inputs, dict):
        inputs = {wanted[0]: inputs}
    return signature(**{name: inputs[name] for name in wanted})


def sentence(outputs):
    """Returns the vector `[B, S]` among the outputs of a text encoder.

    Raises:
        ValueError: if there is none.
    """
    if isinstance(outputs, dict):
        names = ("pooled_output", "default", "outputs", "output_0")
        found = [outputs[n] for n in names if n in outputs]
        # The only output may have any name.
        outputs = found or list(outputs.values())
    if isinstance(outputs, (list, tuple)) and outputs:
        outputs = outputs[0]
    if len(getattr(outputs, "shape", ())) != 2:
        raise ValueError(f"no vector [batch, width] in the outputs {outputs!r}")
    return outputs


def variables(module, handle):
    """The module's trainable variables, as Keras variables of the same memory.

    Raises:
        ValueError: if there are none.
    """
    found = getattr(module, "trainable_variables", ())
    if not found:
        raise ValueError(
            f"The text encoder {handle!r} has no trainable variables"
            " ('minilm' is stored as 8-bit integers). Received:"
            " trainable=True. Use trainable=False, or a module that can be"
            " fine-tuned."
        )
    return [
        keras.Variable(v, trainable=True, name=v.name.replace("/", "_"))
        for v in found
    ]


def content(folder):
    """Relative path and `pathlib.Path` of every file in a folder, sorted."""
    paths = sorted(p for p in pathlib.Path(folder).rglob("*") if p.is_file())
    return [(str(p.relative_to(folder)), p) for p in paths]


def _takes_training(module):
    function = getattr(module.__call__, "python_function", module.__call__)
    spec = getattr(module.__call__, "function_spec", None)
    spec = getattr(spec, "fullargspec", None)
    if spec is None:
        spec = inspect.getfullargspec(function)
    return "training" in (*spec.args, *spec.kwonlyargs)
