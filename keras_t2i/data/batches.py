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
        start_step: global step of the first batch. Inside an epoch and
            without `repeat`, the first pass goes past its end and the second
            one starts there.
        source: where the batches come from, with `captions` (all different
            ones), `texts` (those of each picture) and `folder` (or None).
        facts: function without arguments that returns what the batches depend
            on, as JSON values.
    """

    def __init__(
        self,
        read,
        steps,
        picture_shape,
        repeat=False,
        start_step=0,
        source=None,
        facts=None,
    ):
        self.read = read
        self.steps = steps
        self.picture_shape = picture_shape
        self.repeat = repeat
        self.start_step = start_step
        self.source = source
        self.facts = facts
        next_epoch_at = (start_step // steps + 1) * steps
        self._starts = itertools.chain(
            [start_step], itertools.count(next_epoch_at, steps)
        )

    def __len__(self):
        if self.repeat:
            raise TypeError("These batches never end: they have no length.")
        return self.steps

    def __iter__(self):
        if self.repeat:
            numbers = itertools.count(self.start_step)
        else:
            first = next(self._starts)
            numbers = range(first, first + self.steps)
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            coming = None
            for number in numbers:
                ready, coming = coming, thread.submit(self.read, number)
                if ready:
                    yield ready.result()
            yield coming.result()

    def cardinality(self):
        """Batches of a pass; -1 for endless ones, as of `tf.data.Dataset`."""
        return -1 if self.repeat else self.steps

    def from_step(self, step, endless):
        """The same batches from a global step on."""
        return self._with(start_step=step, repeat=endless)

    def map(self, function):
        """The same batches (x, y), each as `function(x, y)` makes it."""
        mapped = self._with(read=lambda step: function(*self.read(step)))
        mapped._starts = self._starts
        return mapped

    def _with(self, **changes):
        arguments = {
            "read": self.read,
            "steps": self.steps,
            "picture_shape": self.picture_shape,
            "repeat": self.repeat,
            "start_step": self.start_step,
            "source": self.source,
            "facts": self.facts,
        }
        return Batches(**{**arguments, **changes})
