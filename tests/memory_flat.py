"""Whether a long training needs more memory as it goes on.

    python -m tests.memory_flat --steps 5000

Trains a small model by `fit` with all callbacks, prints the resident memory as
it goes, and ends with exit code 1 if it grew by more than `--allowed` MB after
the first fifth.
"""

import argparse
import pathlib
import sys
import tempfile
import time

import keras

from keras_t2i import data
from keras_t2i import training
from tests import tiny

SIZE = 16


class Memory(keras.callbacks.Callback):
    """Notes and prints the resident memory every so many steps."""

    def __init__(self, every_steps):
        super().__init__()
        self.every_steps = every_steps
        self.megabytes = {}

    def on_train_batch_end(self, batch, logs=None):
        step = int(self.model.optimizer.iterations)
        if step % self.every_steps == 0:
            self.megabytes[step] = resident()
            print(f"step {step:6d}  {self.megabytes[step]:8.1f} MB", flush=True)


def resident():
    """Megabytes of memory that this process holds."""
    status = pathlib.Path("/proc/self/status").read_text()
    line = next(s for s in status.splitlines() if s.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def growth(steps, folder):
    """Trains; megabytes by which memory grew after the first fifth."""
    model = tiny.LinearGAN(SIZE, r1_weight=1.0, r1_interval=2)
    pictures = data.shapes(num_images=200, image_size=SIZE, batch_size=4)
    memory = Memory(steps // 10)
    model.fit(
        pictures,
        epochs=steps // len(pictures),
        callbacks=[
            training.Guard(),
            training.JsonlLog(folder / "log.jsonl"),
            training.Checkpoint(
                folder / "checkpoints", steps // 20, resume=True
            ),
            training.EarlyWarnings(),
            memory,
        ],
        verbose=0,
    )
    return memory.megabytes[steps] - memory.megabytes[steps // 5]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--allowed", type=float, default=10.0)
    arguments = parser.parse_args()
    if arguments.steps < 50 or arguments.steps % 50:
        parser.error("--steps must be a multiple of 50")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        grown = growth(arguments.steps, pathlib.Path(folder))
    print(
        f"Grown by {grown:.1f} MB from step {arguments.steps // 5} to "
        f"{arguments.steps} (allowed: {arguments.allowed}); "
        f"{time.monotonic() - began:.0f} s"
    )
    sys.exit(grown > arguments.allowed)


if __name__ == "__main__":
    main()
