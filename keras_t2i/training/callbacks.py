"""Callbacks by which a person follows a training run."""

import json
import pathlib
import time

import keras
import numpy as np

from keras_t2i import pictures


class SampleGrid(keras.callbacks.Callback):
    """Draws the same captions with the same latents as training goes on.

    Writes `folder/step-<N>.png`: a row a caption, a column a seed.

    Args:
        folder: where the pictures go.
        captions: list of captions.
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
        super().__init__()
        self.folder = pathlib.Path(folder)
        self.captions = list(captions)
        self.num_images = num_images
        self.every_steps = every_steps
        self.seed = seed
        self.log_dir = log_dir
        self.last_step = None

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) % self.every_steps == 0:
            self.draw()

    def on_train_end(self, logs=None):
        self.draw()

    def draw(self):
        """Draws now, unless this step is drawn already."""
        step = int(self.model.optimizer.iterations)
        if step == self.last_step:
            return
        self.last_step = step
        images = self.model.generate(
            self.captions, seed=self.seed, num_images=self.num_images
        )
        sheet = pictures.grid(
            images, columns=self.num_images, captions=self.captions
        )
        pictures.save_png(self.folder / f"step-{step:08d}.png", sheet)
        if self.log_dir is not None:
            import tensorflow as tf

            with tf.summary.create_file_writer(str(self.log_dir)).as_default():
                tf.summary.image("samples", sheet[None], step=step)


class JsonlLog(keras.callbacks.Callback):
    """Appends losses to a file, one JSON object a line.

    Args:
        path: the file.
        every_steps: steps between two lines.
    """

    def __init__(self, path, every_steps=50):
        super().__init__()
        self.path = pathlib.Path(path)
        self.every_steps = every_steps

    def on_train_begin(self, logs=None):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.started = time.monotonic()

    def write(self, **values):
        """Appends one line; numbers and strings only."""
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")

    def on_train_batch_end(self, batch, logs=None):
        step = int(self.model.optimizer.iterations)
        if step % self.every_steps:
            return
        numbers = {k: float(np.mean(v)) for k, v in (logs or {}).items()}
        seconds = round(time.monotonic() - self.started, 3)
        self.write(step=step, seconds=seconds, **numbers)
