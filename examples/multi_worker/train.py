"""Trains GANCLS on drawn shapes with two workers on this machine.

    python examples/multi_worker/train.py --out runs/two_workers --steps 200

Each worker is a process of its own, as it would be on a machine of its own:
they differ only in TF_CONFIG. The same command goes on after a worker was
killed. See README.md beside this file.
"""

import argparse
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time


def parse(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--out", type=pathlib.Path, required=True, help="the run folder")
    add("--steps", type=int, default=200, help="steps in all")
    add("--workers", type=int, default=2)
    add("--batch-size", type=int, default=32, help="of all workers together")
    add("--image-size", type=int, default=32)
    add("--pictures", type=int, default=2000, help="how many are drawn")
    add("--checkpoint-every", type=int, default=50)
    add("--kill-at", type=int, help="kill -9 the last worker at this step")
    return parser.parse_args(arguments)


# What a worker does.


def train(options):
    """One worker: the training script of one machine, under a scope."""
    # Collective operations must be set up before anything else of TensorFlow.
    import tensorflow as tf

    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    import keras

    from keras_t2i import data
    from keras_t2i import models
    from keras_t2i import training

    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = models.GANCLS(options.image_size, "shapes")
    folder = options.out / "checkpoints"
    state = training.restore(model, folder) or {"step": 0}
    first = state["step"]
    say(f"from step {first}")
    if first >= options.steps:
        return
    pace = Pace(model, options)
    model.fit(
        data.shapes(
            image_size=options.image_size,
            batch_size=options.batch_size,
            num_images=options.pictures,
            repeat=True,
            start_step=first,
        ),
        steps_per_epoch=options.steps - first,
        callbacks=[
            pace.callback(keras),
            training.Checkpoint(folder, options.checkpoint_every),
            training.JsonlLog(options.out / "log.jsonl", 10),
        ],
        verbose=0,
    )
    say(f"at step {model.step}, {pace.pictures_per_second():.0f} pictures/s")
    if worker_number() == 0:
        model.save_to_preset(options.out / "model")


class Pace:
    """Counts pictures a second, and falls where it is told to."""

    def __init__(self, model, options):
        self.model = model
        self.options = options
        self.times = []

    def callback(self, keras):
        return keras.callbacks.LambdaCallback(on_train_batch_end=self.on_step)

    def on_step(self, batch, logs):
        self.times.append(time.monotonic())
        last = worker_number() == self.options.workers - 1
        if last and self.model.step == self.options.kill_at:
            say(f"dies at step {self.model.step}")
            os.kill(os.getpid(), signal.SIGKILL)

    def pictures_per_second(self):
        """Without the first ten steps, among which is the compilation."""
        times = self.times[10:]
        if len(times) < 2:
            return float("nan")
        seconds = times[-1] - times[0]
        return self.options.batch_size * (len(times) - 1) / seconds


def worker_number():
    return json.loads(os.environ["TF_CONFIG"])["task"]["index"]


def say(text):
    # One write: the other workers print too.
    sys.stdout.write(f"worker {worker_number()}: {text}\n")
    sys.stdout.flush()


# What starts them: on several machines, you or your scheduler.


def start(options):
    """Starts the workers and waits; returns 0 if all of them finished."""
    cluster = {"worker": [free_address() for _ in range(options.workers)]}
    workers = []
    for index in range(options.workers):
        task = {"type": "worker", "index": index}
        config = json.dumps({"cluster": cluster, "task": task})
        environment = {
            **os.environ,
            "TF_CONFIG": config,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "-1",
        }
        workers.append(
            subprocess.Popen([sys.executable, *sys.argv], env=environment)
        )
    try:
        while any(worker.poll() is None for worker in workers):
            if any(worker.poll() for worker in workers):
                # The others would wait for it. A scheduler does the same:
                # one worker is gone, all start again.
                print("A worker died; the others are stopped.", flush=True)
                return 1
            time.sleep(0.2)
        return max(abs(worker.returncode) for worker in workers)
    finally:
        for worker in workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait()


def free_address():
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return f"localhost:{probe.getsockname()[1]}"


if __name__ == "__main__":
    chosen = parse()
    if "TF_CONFIG" in os.environ:
        train(chosen)
    else:
        sys.exit(start(chosen))
