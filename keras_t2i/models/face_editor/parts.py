"""The models that an editor is made of, as a user or a file gives them."""

import os

from keras.src.saving import serialization_lib

from keras_t2i.text import CaptionReader
from keras_t2i.text import FOFETextEncoder


def as_model(name, part, cls):
    """A part as a model.

    Args:
        name: what errors call it.
        part: a model, the name or folder of a preset, a dict of arguments, or
            None.
        cls: class of the model.

    Returns:
        A `cls`, or None.

    Raises:
        ValueError: for another model, or a file that names a preset.
    """
    if isinstance(part, dict):
        return cls(**part)
    if isinstance(part, (str, os.PathLike)):
        if serialization_lib.in_safe_mode():
            raise ValueError(
                f"The file names a {name} that lies elsewhere, which it must "
                f"not: {str(part)!r}"
            )
        return cls.from_preset(part)
    if part is not None and not isinstance(part, cls):
        raise ValueError(
            f"`{name}` is a {cls.__name__}, or the name or folder of a preset "
            f"with one. Received: {part!r}"
        )
    return part


def check_sizes(size, image_size, features, captioner):
    """Raises ValueError if a part is made for pictures of another size."""
    found = {"image_size": image_size}
    for name, part in (("features", features), ("captioner", captioner)):
        found[name] = getattr(part, "image_size", None)
    for name, other in found.items():
        if other not in (None, size):
            raise ValueError(
                f"The generator draws {size} x {size}; `{name}` is for "
                f"{other} x {other}. All must have one size."
            )


def check_reader(text_encoder):
    if not isinstance(text_encoder, FOFETextEncoder):
        raise ValueError(
            "`text_encoder` must be a keras_t2i.text.FOFETextEncoder, which "
            f"knows what words name. Received: {text_encoder!r}"
        )


def reader_of(text_encoder):
    """Reads captions as the text encoder does, without its weights."""
    return CaptionReader(
        text_encoder.max_length, text_encoder.lexicon.get_config()
    )
