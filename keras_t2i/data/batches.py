"""Batches of NumPy arrays, for a backend that is not TensorFlow."""

import concurrent.futures
import itertools


class Batches:
    """What `load` gives on JAX: iterate over it, or give it to `fit`.

    A pass reads one batch ahead in a thread of its own.

    Args:
        read: function of a global step that returns its batch
            `({"text": [B], "class_id": int64 [B]}, uint8 [B, H, W, 3])`.
        steps: batches of one epoch.
        picture_shape: (H, W, 3).
        repeat: endless, from `start_step` on; else one epoch, another one
            each time that it is iterated over.
        start_step: global step of the first batch; without `repeat` a
            multiple of `steps`.
        source: where the batches come from, with `captions` (all different
            ones) and `folder` (or None).
    """

    def __init__(
        self,
        read,
        steps,
        picture_shape,
        repeat=False,
        start_step=0,
        source=None,
    ):
        self.read = read
        self.steps = steps
        self.picture_shape = picture_shape
        self.repeat = repeat
        self.start_step = start_step
        self.source = source
        self._epochs = itertools.count(start_step // steps)

    def __len__(self):
        if self.repeat:
            raise TypeError("These batches never end: they have no length.")
        return self.steps

    def __iter__(self):
        if self.repeat:
            numbers = itertools.count(self.start_step)
        else:
            first = next(self._epochs) * self.steps
            numbers = range(first, first + self.steps)
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            coming = None
            for number in numbers:
                ready, coming = coming, thread.submit(self.read, number)
                if ready:
                    yield ready.result()
            yield coming.result()

    def map(self, function):
        """The same batches (x, y), each as `function(x, y)` makes it."""
        mapped = Batches(
            lambda step: function(*self.read(step)),
            self.steps,
            self.picture_shape,
            self.repeat,
            self.start_step,
            self.source,
        )
        mapped._epochs = self._epochs
        return mapped
