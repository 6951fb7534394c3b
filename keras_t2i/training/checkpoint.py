"""Checkpoints that hold all of a training run, and never half of one.

A checkpoint is a folder `step-<N>` with `variables.npz` (weights, averages,
optimizer slots and the state of every seed generator) and `state.json`. It is
written under a temporary name, synced, and renamed: a kill or a full disk at
any moment leaves the one before it as it was.
"""

import hashlib
import json
import pathlib
import shutil
import warnings

import keras
import numpy as np

from keras_t2i import files
from keras_t2i.training import backend
from keras_t2i.training.every import EverySteps

_VARIABLES = "variables.npz"
_STATE = "state.json"


class Checkpoint(EverySteps):
    """Saves everything that `fit` reads, every so many steps.

    Args:
        folder: where the checkpoints go.
        every_steps: steps between two checkpoints.
        keep: how many of the last checkpoints stay.
        state: dict of further JSON values to keep with each, such as the
            settings of the run.

    A checkpoint that cannot be written (a full disk), or whose weights are not
    finite, is a warning: training goes on, and the last good one stays.
    """

    def __init__(self, folder, every_steps=1000, keep=3, state=None):
        super().__init__(every_steps)
        if keep < 1:
            raise ValueError(f"`keep` must be at least 1. Received: {keep}")
        self.folder = pathlib.Path(folder)
        self.keep = keep
        self.state = state or {}
        self.last_step = None

    def act(self, logs):
        self.save()

    def on_train_end(self, logs=None):
        if backend.is_chief():
            self.save()

    def save(self):
        """Saves now, unless this step is saved already."""
        step = self.step
        if step == self.last_step:
            return
        broken = _not_finite(self.model)
        if broken:
            warnings.warn(
                f"No checkpoint at step {step}: {broken} holds values that are "
                f"not finite. The checkpoints in {self.folder} are from before."
            )
            return
        try:
            save(self.model, self.folder, self.state)
        except OSError as error:
            warnings.warn(
                f"No checkpoint at step {step}: {error}. Training goes on; the "
                f"checkpoints in {self.folder} are as they were."
            )
            return
        self.last_step = step
        for old in checkpoints(self.folder)[: -self.keep]:
            shutil.rmtree(old, ignore_errors=True)


def save(model, folder, state=None):
    """Writes the checkpoint `folder/step-<iterations>` and returns its path."""
    folder = pathlib.Path(folder)
    step = model.step
    target = folder / f"step-{step:08d}"
    temporary = folder / f".{target.name}.tmp"
    replaced = folder / f".{target.name}.old"
    for leftover in (temporary, replaced):
        shutil.rmtree(leftover, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        with files.atomic_write(temporary / _VARIABLES) as path:
            np.savez(path, **_values(model))
        state = {
            **(state or {}),
            "step": step,
            "sha256": _sha256(temporary / _VARIABLES),
        }
        with files.atomic_write(temporary / _STATE) as path:
            path.write_text(json.dumps(state, indent=2) + "\n", "utf-8")
        if target.exists():  # A folder cannot be renamed over another.
            target.rename(replaced)
        temporary.rename(target)
        files.sync_folder(folder)
    finally:
        if replaced.exists() and not target.exists():
            replaced.rename(target)
        for leftover in (temporary, replaced):
            shutil.rmtree(leftover, ignore_errors=True)
    return target


def checkpoints(folder):
    """Paths of the checkpoints in `folder`, oldest first."""
    return sorted(pathlib.Path(folder).glob("step-*"))


def restore(model, folder):
    """Puts the newest whole checkpoint of `folder` into a built model.

    Args:
        model: a model built for its image size (`model.build_for(size)`).
        folder: where `Checkpoint` wrote. Damaged checkpoints are passed over
            with a warning.

    Returns:
        dict of the checkpoint's state, `step` among it; None if there is no
        checkpoint.

    Raises:
        ValueError: if the checkpoint belongs to another model, or the model
            has no networks yet.
    """
    for path in reversed(checkpoints(folder)):
        state = read_state(path)
        if state is None:
            warnings.warn(f"The checkpoint {path} is damaged; trying an older.")
            continue
        with np.load(path / _VARIABLES, allow_pickle=False) as stored:
            _assign(model, stored, path)
        return state
    return None


def read_state(path):
    """The state of one checkpoint, or None if it is damaged."""
    try:
        state = json.loads((path / _STATE).read_text("utf-8"))
        whole = state["sha256"] == _sha256(path / _VARIABLES)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return state if whole else None


def _variables(model):
    # `variables` holds seed generators, which `save_weights` leaves out.
    return [*model.variables, *model.optimizer.variables]


def _not_finite(model):
    """Path of the first variable with a NaN or an infinity, or None."""
    for variable in _variables(model):
        value = keras.ops.convert_to_numpy(variable.value)
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            return variable.path
    return None


def _values(model):
    return {
        f"{number:04d}": keras.ops.convert_to_numpy(variable.value)
        for number, variable in enumerate(_variables(model))
    }


def _assign(model, stored, path):
    if not model.built:
        raise ValueError(
            f"The model has no networks yet, so the checkpoint {path} cannot be "
            "put into it. Make the model with its `image_size`, or call "
            "`model.build_for(image_size)` first."
        )
    variables = _variables(model)
    shapes = [tuple(stored[name].shape) for name in sorted(stored)]
    if shapes != [tuple(v.shape) for v in variables]:
        raise ValueError(
            f"The checkpoint {path} belongs to another model: its arrays have "
            "other shapes. Use the settings of the run that wrote it."
        )
    for variable, name in zip(variables, sorted(stored), strict=True):
        variable.assign(stored[name])


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
