"""Loading and calling SavedModels of several origins in the same way."""

import concurrent.futures
import inspect
import pathlib

import keras


def check_installed():
    """Raises ImportError where SavedModels cannot run."""
    try:
        import tensorflow_hub  # noqa: F401

        # Registers the ops that tokenizers are made of.
        import tensorflow_text  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "Text encoders that are SavedModels need TensorFlow: install "
            "tensorflow, tensorflow-text and tensorflow-hub. Without them, "
            "use text_encoder='bag_of_ngrams' or 'char_cnn_rnn', or train on "
            "shards that hold the features (`keras-t2i data pack "
            f"--text-encoder ...`). {type(error).__name__}: {error}"
        ) from error


def load(folder, handle, trainable=False):
    """Loads a SavedModel.

    Args:
        folder: where it is.
        handle: what errors call it.
        trainable: whether its variables follow the current
            `tf.distribute` strategy.

    Raises:
        ImportError: if TensorFlow is not installed.
        ValueError: if it is damaged.
    """
    check_installed()
    import tensorflow_hub as hub

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
    known = ("serving_default", "default")
    names = [name for name in known if name in module.signatures]
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
    found = getattr(module, "trainable_variables", None)
    if found is None and callable(module):
        # Only some savers list them; the functions know what they read.
        functions = module.__call__.concrete_functions
        used = [v for f in functions for v in f.trainable_variables]
        found = list({v.ref(): v for v in used}.values())
    if not found:
        raise ValueError(
            f"The text encoder {handle!r} has no variables to train"
            " ('minilm' is stored as 8-bit integers). Received:"
            " trainable=True. Use trainable=False, or another module."
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
