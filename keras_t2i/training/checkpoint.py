"""Checkpoints that hold all of a training run, and never half of one.

A checkpoint is a folder `step-<N>` with `variables.npz` (weights, averages,
optimizer slots and the state of every seed generator) and `state.json`. It is
written under a temporary name, synced, and renamed: a kill or a full disk at
any moment leaves the one before it as it was.
"""

import contextlib
import hashlib
import json
import pathlib
import shutil
import warnings

import keras
import numpy as np

from keras_t2i import files
from keras_t2i.training import backend
from keras_t2i.training import resume as resuming
from keras_t2i.training.every import EverySteps

_VARIABLES = "variables.npz"
_STATE = "state.json"


class Checkpoint(EverySteps):
    """Saves everything that `fit` reads, every so many steps.

    With `resume=True`, `fit` first goes back to the newest whole checkpoint of
    the folder, if there is one, and trains what is left of its `epochs`. A
    script that was killed at any moment and is started again ends, on a CPU,
    in the same bits as one that nothing stopped, if the order of its data is a
    function of a seed: `keras_t2i.data.load` and `shapes`, and arrays. Other
    datasets get a warning that says so. For this, TensorFlow's arithmetic
    graph optimizer, which rounds differently from process to process, is
    switched off in this process.

    Args:
        folder: where the checkpoints go. A training takes it for itself: a
            second one is refused until the first one ends or dies.
        every_steps: steps between two checkpoints.
        keep: how many of the last checkpoints stay.
        state: dict of further JSON values to keep with each.
        resume: whether `fit` goes on from the last checkpoint.
        allow_changes: go on, with a warning, where data, settings, precision
            or backend are not those of the checkpoint; else this is an error
            that names the differences.

    A checkpoint that cannot be written (a full disk), or whose weights are not
    finite, is a warning: training goes on, and the last good one stays.

    Example:

    ```python
    train = keras_t2i.data.load("flowers/", image_size=64)
    model = keras_t2i.models.GANCLS()
    checkpoint = keras_t2i.training.Checkpoint("runs/flowers", resume=True)
    model.fit(train, epochs=100, callbacks=[checkpoint])
    ```
    """

    def __init__(
        self,
        folder,
        every_steps=1000,
        keep=3,
        state=None,
        resume=False,
        allow_changes=False,
    ):
        super().__init__(every_steps)
        if keep < 1:
            raise ValueError(f"`keep` must be at least 1. Received: {keep}")
        self.folder = pathlib.Path(folder)
        self.keep = keep
        self.state = {} if state is None else state
        self.resume = resume
        self.allow_changes = allow_changes
        self.last_step = None
        # What must not change from one part of a run to the next.
        self.facts = None
        self._lock = None

    def prepare(self, model, dataset):
        """Takes the folder; goes back to its checkpoint if that is wanted.

        `fit` calls this. Call it before to know where a run goes on; then
        `fit` does not do it again.

        Args:
            model: as for `training.restore`.
            dataset: what it is about to be trained on, a dataset of
                `keras_t2i.data` or from `pipeline.as_dataset`.

        Returns:
            dict of the checkpoint's state; None if there is no checkpoint.

        Raises:
            ValueError: if another training has the folder, the checkpoint
                belongs to another model, or what the run is made of has
                changed and `allow_changes` is False.
        """
        self.lock()
        if self.facts is not None:
            return None
        facts = resuming.facts(model, dataset)
        path, state = newest(self.folder) if self.resume else (None, None)
        if path is not None:
            self._go_back(model, path, state, facts)
        self.facts = facts
        return state

    def _go_back(self, model, path, state, facts):
        known = state.get("facts")
        changed = resuming.differences(known, facts) if known else []
        if changed:
            message = f"Not as when {path} was written: {'; '.join(changed)}."
            if not self.allow_changes:
                raise ValueError(
                    f"{message} Undo this, or say that it is meant "
                    "(`allow_changes=True`, --allow-changes), or train in "
                    "another folder."
                )
            warnings.warn(f"{message} Training goes on from there.")
        rate = float(model.optimizer.learning_rate)
        _assign(model, path)
        if any("learning_rate" in change for change in changed):
            # The checkpoint holds the old one, unless it is a schedule.
            with contextlib.suppress(TypeError):
                model.optimizer.learning_rate = rate
        self.last_step = state["step"]

    def lock(self):
        # Workers of one job share the folder; one of them writes.
        if self._lock is None and backend.is_chief():
            self._lock = files.lock(self.folder)

    def unlock(self):
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.lock()

    def act(self, logs):
        self.save()

    def on_train_end(self, logs=None):
        if backend.is_chief():
            self.save()
        self.unlock()

    def save(self):
        """Saves now, unless this step is saved already."""
        step = self.step
        if step == self.last_step:
            return
        broken = not_finite(self.model)
        if broken:
            warnings.warn(
                f"No checkpoint at step {step}: {broken} holds values that are "
                f"not finite. The checkpoints in {self.folder} are from before."
            )
            return
        try:
            save(self.model, self.folder, {**self.state, "facts": self.facts})
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
    _clear(folder)
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
        files.sync_folder(folder.parent)
    finally:
        _clear(folder)
    return target


def _clear(folder):
    """Removes what an interrupted `save` left, or brings it back."""
    for temporary in folder.glob(".step-*.tmp"):
        shutil.rmtree(temporary, ignore_errors=True)
    for replaced in folder.glob(".step-*.old"):
        target = _target(replaced)
        if target.exists():
            shutil.rmtree(replaced, ignore_errors=True)
        else:
            replaced.rename(target)


def _target(replaced):
    return replaced.with_name(replaced.name[1:].removesuffix(".old"))


def checkpoints(folder):
    """Paths of the checkpoints in `folder`, oldest first."""
    folder = pathlib.Path(folder)
    # A kill between the two renames of `save` leaves one under this name.
    replaced = (
        path
        for path in folder.glob(".step-*.old")
        if not _target(path).exists()
    )
    return sorted(
        [*folder.glob("step-*"), *replaced],
        key=lambda path: path.name.removeprefix("."),
    )


def newest(folder):
    """Path and state of the newest whole checkpoint, or (None, None).

    Damaged checkpoints are passed over with a warning.
    """
    for path in reversed(checkpoints(folder)):
        state = read_state(path)
        if state is not None:
            return path, state
        warnings.warn(f"The checkpoint {path} is damaged; trying an older.")
    return None, None


def restore(model, folder):
    """Puts the newest whole checkpoint of `folder` into a built model.

    Unlike `Checkpoint(folder, resume=True)` it asks neither for the data nor
    for the settings of the run: to look at a training, or to start another.

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
    path, state = newest(folder)
    if path is not None:
        _assign(model, path)
    return state


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


def not_finite(model):
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


def _assign(model, path):
    if not model.built:
        raise ValueError(
            f"The model has no networks yet, so the checkpoint {path} cannot be "
            "put into it. Make the model with its `image_size`, or call "
            "`model.build_for(image_size)` first."
        )
    variables = _variables(model)
    with np.load(path / _VARIABLES, allow_pickle=False) as stored:
        names = sorted(stored)
        shapes = [tuple(stored[name].shape) for name in names]
        if shapes != [tuple(v.shape) for v in variables]:
            raise ValueError(
                f"The checkpoint {path} belongs to another model: its arrays "
                "have other shapes. Use the settings of the run that wrote it."
            )
        for variable, name in zip(variables, names, strict=True):
            variable.assign(stored[name])


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
