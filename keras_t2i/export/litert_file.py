"""Files for LiteRT: what they tell of themselves, and running them."""

import hashlib
import json
import pathlib

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

_KEY = "keras_t2i"  # Of the metadata.
_MAGIC = b"TFL3"  # Bytes 4 to 7 of a .tflite file.
_SHA256 = b'"sha256": "'
_ZEROS = b"0" * 64


def with_metadata(content, metadata):
    """A .tflite file with facts in its metadata, and a checksum over all.

    The checksum is the SHA-256 of the file with zeros in its place.

    Args:
        content: bytes of a .tflite file.
        metadata: dict of JSON values.

    Returns:
        bytes.
    """
    text = json.dumps({"sha256": _ZEROS.decode(), **metadata})
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    entry = schema.MetadataT()
    entry.name, entry.buffer = _KEY, len(model.buffers)
    model.metadata.append(entry)
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(text.encode(), np.uint8)
    model.buffers.append(buffer)
    content = bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    digest = hashlib.sha256(content).hexdigest().encode()
    return content.replace(_SHA256 + _ZEROS, _SHA256 + digest, 1)


def _read_metadata(content, name):
    """The facts inside of an intact file."""
    if content[4:8] != _MAGIC:
        raise ValueError(f"{name} is no LiteRT file.")
    start = content.rfind(_SHA256) + len(_SHA256)
    digest = content[start : start + len(_ZEROS)]
    if start < len(_SHA256):
        raise ValueError(
            f"{name} was not written by `keras_t2i.export.to_litert`, or the "
            "end of it is missing."
        )
    blank = b"".join([content[:start], _ZEROS, content[start + len(_ZEROS) :]])
    if hashlib.sha256(blank).hexdigest().encode() != digest:
        raise ValueError(f"{name} is damaged. Copy or export it again.")
    model = schema.Model.GetRootAs(content, 0)
    for index in range(model.MetadataLength()):
        entry = model.Metadata(index)
        if entry.Name() == _KEY.encode():
            data = model.Buffers(entry.Buffer()).DataAsNumpy()
            return json.loads(data.tobytes())
    raise ValueError(f"{name} has no metadata of keras_t2i.")


class LiteRTModel:
    """Runs a file that `to_litert` wrote, as a check before it ships.

    Args:
        file: path, or bytes of such a file.
        num_threads: threads that share a run.

    Attributes:
        metadata: dict of what the file tells: `model`, `quantize`, and
            `signatures`, with shape, type and meaning of every tensor.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged or foreign, or the package ai-edge-litert
            is missing.

    Example:

    ```python
    flowers = keras_t2i.export.LiteRTModel("flowers.tflite")
    features = model.text_encoder.encode("a red flower")
    flowers.run(
        "generate_rgba",
        latents=model.latents_for(1, seed=7),
        sentence=features.sentence,
    )["rgba"]  # uint8 [1, 64, 64, 4]
    ```
    """

    def __init__(self, file, num_threads=2):
        if isinstance(file, bytes):
            name, content = "The file", file
        else:
            name, content = str(file), pathlib.Path(file).read_bytes()
        self.metadata = _read_metadata(content, name)
        self._runners = {}
        interpreter = interpreter_class()(
            model_content=content, num_threads=num_threads
        )
        for signature in self.metadata["signatures"]:
            runner = interpreter.get_signature_runner(signature)
            self._runners[signature] = runner

    def run(self, signature, **inputs):
        """One run.

        Args:
            signature: one of `metadata["signatures"]`.
            **inputs: an array for every input.

        Returns:
            dict of name -> NumPy array.

        Raises:
            ValueError: for an unknown signature, or inputs of other names,
                shapes or types.
        """
        if signature not in self._runners:
            raise ValueError(
                f"The file has the signatures {sorted(self._runners)}. "
                f"Received: {signature!r}"
            )
        expected = self.metadata["signatures"][signature]["inputs"]
        if set(inputs) != set(expected):
            raise ValueError(
                f"{signature!r} takes {sorted(expected)}. "
                f"Received: {sorted(inputs)}"
            )
        arrays = {}
        for name, value in inputs.items():
            array = arrays[name] = np.asarray(value)
            shape, dtype = (expected[name][key] for key in ("shape", "dtype"))
            if list(array.shape) != shape or array.dtype != dtype:
                raise ValueError(
                    f"{name!r} must be {dtype} {shape}. Received: "
                    f"{array.dtype} {list(array.shape)}"
                )
        return self._runners[signature](**arrays)


def interpreter_class():
    """`ai_edge_litert.interpreter.Interpreter`.

    Raises:
        ValueError: if the package is missing.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise ValueError(
            "LiteRT files are checked and run by the package ai-edge-litert, "
            "which is not installed: pip install 'keras-t2i[litert]'"
        ) from error
    return Interpreter
