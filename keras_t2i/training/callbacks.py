"""Callbacks by which a person follows a training run."""

import contextlib
import json
import math
import os
import pathlib
import time
import warnings

import numpy as np

from keras_t2i import pictures
from keras_t2i.training import backend
from keras_t2i.training.every import EverySteps


class SampleGrid(EverySteps):
    """Draws the same captions with the same latents as training goes on.

    Writes `folder/step-<N>.png`: a row a caption, a column a seed. A picture
    that cannot be written (a full disk) is a warning.

    Args:
        folder: where the pictures go.
        captions: list of captions; None for a model without captions, of
            which `num_images` rows are drawn.
        num_images: pictures a caption.
        every_steps: steps between two grids; one is drawn at the end too.
        seed: seed of the latents.
        log_dir: also writes the grid as a TensorBoard image there; None does
            not.
    """

    def __init__(
        self,
        folder,
        captions,
        num_images=8,
        every_steps=1000,
        seed=0,
        log_dir=None,
    ):
        super().__init__(every_steps)
        self.folder = pathlib.Path(folder)
        self.captions = None if captions is None else list(captions)
        self.num_images = num_images
        self.seed = seed
        self.log_dir = log_dir
        self.last_step = None

    def act(self, logs):
        self.draw()

    def on_train_end(self, logs=None):
        if backend.is_chief():
            self.draw()

    def draw(self):
        """Draws now, unless this step is drawn already."""
        step = self.step
        if step == self.last_step:
            return
        self.last_step = step
        columns = self.num_images
        if self.captions is None:
            images = self.model.generate(columns**2, seed=self.seed)
        else:
            images = self.model.generate(
                self.captions, seed=self.seed, num_images=columns
            )
        sheet = pictures.grid(images, columns, captions=self.captions)
        try:
            pictures.save_png(self.folder / f"step-{step:08d}.png", sheet)
            if self.log_dir is not None:
                _write_summary(self.log_dir, sheet, step)
        except OSError as error:
            warnings.warn(f"No sample grid at step {step}: {error}.")


def _write_summary(log_dir, image, step):
    """Writes a TensorBoard image.

    `tf.summary.image` would need the package tensorboard; this writes what it
    writes: width, height and a PNG, marked for the plugin "images".
    """
    import tensorflow as tf

    height, width, _ = image.shape
    metadata = tf.compat.v1.SummaryMetadata(
        plugin_data={"plugin_name": "images"}
    )
    png = tf.io.encode_png(image)
    try:
        with tf.summary.create_file_writer(str(log_dir)).as_default():
            values = tf.stack([str(width), str(height), png])
            tf.summary.write("samples", values, step, metadata)
    except tf.errors.OpError as error:
        raise OSError(error.message) from error


def _step_of(line):
    try:
        found = json.loads(line)
        # A part that was trained before counts steps of its own.
        return 0 if "part" in found else found["step"]
    except (ValueError, KeyError, TypeError):
        return 0


class JsonlLog(EverySteps):
    """Appends losses to a file, one JSON object a line.

    Each `fit` begins with `{"event": "started", "step": 0}`, or `"resumed"` and
    the step where there are lines before. A torn last line, which a kill may
    leave, is cut off; where a `Checkpoint(resume=True)` goes back, so are the
    lines of the steps that are about to be done again. Values that are not
    finite become null, which JSON has. A line that cannot be written (a full
    disk) is a warning.

    Args:
        path: the file.
        every_steps: steps between two lines.
    """

    # The losses of a part that is trained before the rest are logged too.
    whole = None

    def __init__(self, path, every_steps=50):
        super().__init__(every_steps)
        self.path = pathlib.Path(path)

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.started = time.monotonic()
        self.cut(math.inf)
        known = self.path.exists() and self.path.stat().st_size
        event = "resumed" if known or self.step else "started"
        self.write(event=event, step=self.step, **self._part())

    def cut(self, step):
        """Drops the lines of steps after this one, and a torn last line."""
        if not self.path.exists():
            return
        end = 0
        with open(self.path, "rb") as file:
            for line in file:
                if not line.endswith(b"\n") or _step_of(line) > step:
                    break
                end += len(line)
        os.truncate(self.path, end)

    def write(self, **values):
        """Appends one line; numbers and strings only."""
        end = self.path.stat().st_size if self.path.exists() else 0
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(values) + "\n")
        except OSError as error:
            warnings.warn(f"{self.path} lacks lines: {error}.")
            with contextlib.suppress(OSError):
                os.truncate(self.path, end)

    def act(self, logs):
        numbers = {k: float(np.mean(v)) for k, v in (logs or {}).items()}
        numbers = {
            k: v if math.isfinite(v) else None for k, v in numbers.items()
        }
        seconds = round(time.monotonic() - self.started, 3)
        self.write(step=self.step, seconds=seconds, **self._part(), **numbers)

    def _part(self):
        apart = self.whole not in (None, self.model)
        return {"part": self.model.name} if apart else {}
