"""Presets: folders with trained weights, safe to load from a stranger.

`config.json` names the class, its arguments and its weights in their order,
`model.weights.h5` holds the arrays in float16, `metadata.json` the facts and
the checksums. Loading reads JSON and numbers; it never runs code from the
folder, reads no file outside of it, and takes no more memory than its arrays
give reason for.
"""

import hashlib
import json
import os
import pathlib

import h5py
import keras
import numpy as np
from keras.src.saving import serialization_lib

import keras_t2i
from keras_t2i import files
from keras_t2i.models import limits
from keras_t2i.models.weight_order import check_order
from keras_t2i.models.weight_order import weight_names

CONFIG = "config.json"
WEIGHTS = "model.weights.h5"
METADATA = "metadata.json"

_MAX_JSON_BYTES = 1_000_000
# A preset lacks what only training needs: discriminators, averages. So a
# model may have this many times the numbers of its file, and so many more.
_MAX_GROWTH = 64
_MAX_SMALL = 20_000_000


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
    arguments = model.get_config()
    # What trained fast in 16 bits is drawn in 32: not every CPU has 16.
    policy = keras.dtype_policies.DTypePolicy("float32")
    arguments["dtype"] = keras.dtype_policies.serialize(policy)
    config = {
        "class_name": type(model).__name__,
        "keras_t2i_version": keras_t2i.__version__,
        "config": arguments,
        "weights": {
            name: weight_names(network)
            for name, network in model.preset_networks().items()
        },
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


def load(name_or_path, expected_class=None, safe_mode=True):
    """Loads a preset.

    Args:
        name_or_path: name of a shipped preset, or a folder.
        expected_class: the class asked for; None takes what the preset holds.
        safe_mode: False lets a preset name a TF Hub module or SavedModel as
            its text encoder. TensorFlow runs those like programs.

    Returns:
        A model, ready to `generate`.

    Raises:
        FileNotFoundError: if there is no such preset.
        ValueError: if a file is missing, damaged, unsafe, or of another class.
    """
    folder, config, cls = _read(name_or_path, expected_class)
    model = _make(cls, config, folder, safe_mode)
    _load_weights(model, folder, config)
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
    folder, config, _ = _read(name_or_path, type(model))
    _load_weights(model, folder, config)


def _read(name_or_path, expected_class):
    """Folder, configuration and class of a preset whose checksums are right."""
    folder = find(name_or_path)
    _settle(folder)
    config = _read_json(folder / CONFIG)
    checksums = _read_json(folder / METADATA).get("sha256")
    if not isinstance(checksums, dict):
        raise ValueError(f"{folder / METADATA} is damaged: it has no checksums.")
    for name in (CONFIG, WEIGHTS):
        if not _inside(folder, name).is_file():
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


def _load_weights(model, folder, config):
    try:
        store = h5py.File(folder / WEIGHTS, "r")
    except OSError as error:
        raise ValueError(f"{folder / WEIGHTS} is damaged: {error}") from None
    with store:
        for name, network in model.preset_networks().items():
            if "weights" in config:  # Old presets have no names.
                recorded = config["weights"]
                check_order(network, name, recorded, folder / WEIGHTS)
            _assign(network, store, name, folder)
    model.start_from_averages()
    model.from_weights = True


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


def _make(cls, config, folder, safe_mode):
    numbers = (folder / WEIGHTS).stat().st_size // 2  # Of float16.
    limit = _MAX_GROWTH * numbers + _MAX_SMALL
    # Keras builds nothing but registered classes here, and no code.
    try:
        with serialization_lib.SafeModeScope(safe_mode), limits.at_most(limit):
            return cls.from_config(config["config"])
    # A made-up config fails in any way, in any layer.
    except Exception as error:
        raise ValueError(
            f"{folder / CONFIG} does not make a {cls.__name__}: "
            f"{type(error).__name__}: {error}"
        ) from error


def _inside(folder, name):
    """The path of a file of the preset, which no link may lead out of."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(
            f"{path} is a link to {path.resolve()}, outside of the preset. "
            "Copy the preset with the files themselves."
        )
    return path


def _plain(group, name, path):
    """A group or an array that lies in the HDF5 file itself, uncompressed.

    Raises:
        ValueError: it is missing, lies elsewhere, or is no plain array.
    """
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError(
            f"{path} is damaged: {group.name}/{name} is missing, or a link."
        )
    value = group[name]
    if isinstance(value, h5py.Dataset) and (
        value.external
        or value.is_virtual
        or value.chunks
        or value.dtype.kind not in "biuf"
    ):
        raise ValueError(
            f"{path} is damaged: {value.name} is no plain array of numbers."
        )
    return value


def _assign(network, store, name, folder):
    path = folder / WEIGHTS
    if not network.weights and name not in store:
        return  # Nothing of it was saved.
    stored = _plain(store, name, path)
    if len(stored) != len(network.weights):
        raise ValueError(
            f"{path} does not fit its config: {name} has "
            f"{len(network.weights)} arrays, the file {len(stored)}."
        )
    for number, variable in enumerate(network.weights):
        value = _plain(stored, f"{number:03d}", path)
        if tuple(value.shape) != tuple(variable.shape):
            raise ValueError(
                f"{path} does not fit its config: {variable.path} "
                f"has shape {tuple(variable.shape)}, the file "
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
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_json(path):
    path = _inside(path.parent, path.name)
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise ValueError(f"it has more than {_MAX_JSON_BYTES} bytes")
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ValueError(f"The preset {path.parent} lacks {path.name}.") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{path} is damaged: it holds no JSON object.")
    return value


def _write_json(path, value):
    with files.atomic_write(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n", "utf-8")
