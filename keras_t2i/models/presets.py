"""Presets: folders with trained weights, safe to load from a stranger.

`config.json` names the class and its arguments, `model.weights.h5` holds the
arrays in float16, `metadata.json` the facts and the checksums. Loading reads
JSON and numbers; it never runs code from the folder.
"""

import hashlib
import json
import os
import pathlib

import h5py
import keras
import numpy as np

import keras_t2i
from keras_t2i import files

CONFIG = "config.json"
WEIGHTS = "model.weights.h5"
METADATA = "metadata.json"


def save(model, folder, metadata=None):
    """Writes a preset, or replaces one: as a whole or not at all.

    New files wait beside the old ones until the metadata, with the checksums
    of the new ones, is in its place. After a kill at any moment `load` finds
    the files that the metadata means, be they the old ones or the new ones.

    Args:
        model: a built model with `preset_networks()`.
        folder: made if needed.
        metadata: dict of JSON values, added to `metadata.json`.

    Raises:
        ValueError: if the model has no networks yet.
    """
    if not model.built:
        raise ValueError(
            "The model has no networks yet, so there is nothing to save. "
            "Call `fit` first."
        )
    folder = pathlib.Path(folder)
    _settle(folder)
    config = {
        "class_name": type(model).__name__,
        "keras_t2i_version": keras_t2i.__version__,
        "config": model.get_config(),
    }
    paths = {name: folder / name for name in (CONFIG, WEIGHTS)}
    for name, path in paths.items():
        if path.exists():
            paths[name] = _waiting(path)
    _write_json(paths[CONFIG], config)
    with files.atomic_write(paths[WEIGHTS]) as temporary:
        with h5py.File(temporary, "w") as store:
            for name, network in model.preset_networks().items():
                for number, variable in enumerate(network.weights):
                    value = keras.ops.convert_to_numpy(variable.value)
                    if np.issubdtype(value.dtype, np.floating):
                        value = _as_float16(value, variable.path)
                    store[f"{name}/{number:03d}"] = value
    checksums = {name: _sha256(path) for name, path in paths.items()}
    _write_json(folder / METADATA, {**(metadata or {}), "sha256": checksums})
    _settle(folder)


def _waiting(path):
    return path.with_name(path.name + ".new")


def _settle(folder):
    """Puts waiting files that the metadata means in their places."""
    for path in (folder / CONFIG, folder / WEIGHTS):
        if _waiting(path).is_file():
            meant = _read_json(folder / METADATA).get("sha256") or {}
            if meant.get(path.name) == _sha256(_waiting(path)):
                os.replace(_waiting(path), path)


def load(name_or_path, expected_class=None):
    """Loads a preset.

    Args:
        name_or_path: name of a shipped preset, or a folder.
        expected_class: the class asked for; None takes what the preset holds.

    Returns:
        A model, ready to `generate`.

    Raises:
        FileNotFoundError: if there is no such preset.
        ValueError: if a file is missing, damaged, or of another class.
    """
    folder, config, cls = _read(name_or_path, expected_class)
    model = _make(cls, config, folder)
    _load_weights(model, folder)
    return model


def arguments(name_or_path, expected_class):
    """Constructor arguments of a preset's model, as JSON values.

    Raises:
        FileNotFoundError, ValueError: as `load`.
    """
    _, config, _ = _read(name_or_path, expected_class)
    kept = dict(config["config"])
    for key in ("name", "trainable", "dtype", "networks"):
        kept.pop(key, None)
    return kept


def start_from(model, name_or_path):
    """Gives a built model the weights of a preset, to train on from there.

    Args:
        model: a built model of the preset's class.
        name_or_path: as in `load`.

    Raises:
        FileNotFoundError, ValueError: as `load`, or if the networks differ.
    """
    folder, _, _ = _read(name_or_path, type(model))
    _load_weights(model, folder)


def _read(name_or_path, expected_class):
    """Folder, configuration and class of a preset whose checksums are right."""
    folder = find(name_or_path)
    _settle(folder)
    config = _read_json(folder / CONFIG)
    checksums = _read_json(folder / METADATA).get("sha256")
    if not isinstance(checksums, dict):
        raise ValueError(f"{folder / METADATA} is damaged: it has no checksums.")
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise ValueError(f"The preset {folder} lacks {name}.")
        if checksums.get(name) != _sha256(folder / name):
            raise ValueError(
                f"{folder / name} is damaged: its checksum is not the one in "
                f"{METADATA}. Copy or download the preset again."
            )
    cls = _model_class(config.get("class_name"), folder)
    if expected_class is not None and not issubclass(cls, expected_class):
        raise ValueError(
            f"The preset {folder} holds a {cls.__name__}. Load it with "
            f"keras_t2i.models.{cls.__name__}.from_preset."
        )
    return folder, config, cls


def _load_weights(model, folder):
    try:
        store = h5py.File(folder / WEIGHTS, "r")
    except OSError as error:
        raise ValueError(f"{folder / WEIGHTS} is damaged: {error}") from None
    with store:
        for name, network in model.preset_networks().items():
            _assign(network, store, name, folder)
    model.start_from_averages()


def find(name_or_path):
    """The folder of a preset: a path that exists, or a shipped name."""
    folder = pathlib.Path(name_or_path)
    if (folder / CONFIG).is_file():
        return folder
    shipped = files.shipped("") / name_or_path
    if (shipped / CONFIG).is_file():
        return shipped
    raise FileNotFoundError(
        f"There is no preset {str(name_or_path)!r}: neither a folder with "
        f"{CONFIG} nor one of the shipped presets {shipped_names()}."
    )


def checksum(folder):
    """SHA-256 of the weights of a preset that `load` accepts."""
    return _read_json(folder / METADATA)["sha256"][WEIGHTS]


def shipped_names():
    """Sorted names of the presets that ship with the package."""
    root = files.shipped("")
    return sorted(p.parent.name for p in root.glob(f"*/{CONFIG}"))


def _model_class(name, folder):
    from keras_t2i import models

    if name not in models.__all__:
        raise ValueError(
            f"{folder / CONFIG} names the unknown class {name!r}. "
            f"Known: {sorted(models.__all__)}"
        )
    return getattr(models, name)


def _make(cls, config, folder):
    # Keras builds nothing but registered classes here, and no code.
    try:
        return cls.from_config(config["config"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{folder / CONFIG} does not make a {cls.__name__}: "
            f"{type(error).__name__}: {error}"
        ) from error


def _assign(network, store, name, folder):
    stored = store.get(name, {})
    if len(stored) != len(network.weights):
        raise ValueError(
            f"{folder / WEIGHTS} does not fit its config: {name} has "
            f"{len(network.weights)} arrays, the file {len(stored)}."
        )
    for number, variable in enumerate(network.weights):
        value = stored[f"{number:03d}"]
        if tuple(value.shape) != tuple(variable.shape):
            raise ValueError(
                f"{folder / WEIGHTS} does not fit its config: "
                f"{variable.path} has shape {tuple(variable.shape)}, the file "
                f"{tuple(value.shape)}."
            )
        variable.assign(value[()].astype(variable.dtype))


def _as_float16(value, path):
    half = value.astype(np.float16)
    if not np.isfinite(half).all():
        raise ValueError(
            f"{path} holds values that are not finite in float16; the largest "
            f"is {np.max(np.abs(value)):.4g}. The training has diverged."
        )
    return half


def _sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_json(path):
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ValueError(f"The preset {path.parent} lacks {path.name}.") from None
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{path} is damaged: it holds no JSON object.")
    return value


def _write_json(path, value):
    with files.atomic_write(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n", "utf-8")
