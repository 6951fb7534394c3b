"""Callbacks that act every so many training steps."""

import keras

from keras_t2i.training import backend


class EverySteps(keras.callbacks.Callback):
    """Calls `act(logs)` at each multiple of `every_steps`.

    Of several workers only the chief acts: one process writes the files.

    Where `compile(steps_per_execution=...)` runs past a multiple, it is
    called after that execution.

    Args:
        every_steps: training steps between two calls.

    Raises:
        ValueError: if that is below 1.
    """

    def __init__(self, every_steps):
        super().__init__()
        if every_steps < 1:
            raise ValueError(
                f"`every_steps` must be at least 1. Received: {every_steps}"
            )
        self.every_steps = every_steps

    @property
    def step(self):
        """Training steps that the model has made, in all runs together."""
        return backend.steps_made(self.model)

    def act(self, logs):
        raise NotImplementedError

    def on_train_begin(self, logs=None):
        self._passed = self.step // self.every_steps

    def on_train_batch_end(self, batch, logs=None):
        passed = self.step // self.every_steps
        if passed > self._passed:
            self._passed = passed
            if backend.is_chief():
                self.act(logs)
