"""Kills trainings with SIGKILL, resumes them, and compares the ends bit by bit.

    python -m tests.kill_campaign --kills 200

A small training is killed several times, each time at another kind of moment:
at any time; within milliseconds of the start of a save; or before, after or
in the middle of one of the file operations that a save is made of. Each kill is
followed by a resume, and in the end weights, averages, optimizer slots and
seeds must be those of a training that nothing stopped, and the log must hold
every step once. With `--command` the trainings are those of `keras-t2i train`.

Trainings are forked from a process that has imported TensorFlow but never used
it, which saves the seconds of the import and nothing else.
"""

import argparse
import collections
import functools
import io
import json
import os
import pathlib
import random
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback

import keras
import numpy as np

from keras_t2i import data
from keras_t2i import training
from keras_t2i.cli import training_run
from keras_t2i.cli.main import main as command
from tests import tiny

EPOCHS = 4
SIZE = 16
KINDS = ("any time", "during a save", "file operation")
# Of a training, on average; the last resume after them runs to the end.
KILLS_A_TRAINING = 4
SETTINGS = {
    "data": "shapes",
    "steps": 24,
    "batch_size": 4,
    "image_size": SIZE,
    "checkpoint_every": 2,
    "sample_every": 8,
    "text_encoder": "bag_of_ngrams",
    "generator_width": 4,
    "discriminator_width": 4,
}


def train_by_fit(folder):
    """24 steps by `fit`, as in a user's script."""
    model = tiny.LinearGAN(
        SIZE,
        optimizer={
            "discriminator": keras.optimizers.Adam(1e-2),
            "generator": keras.optimizers.Adam(1e-2),
        },
        r1_weight=1.0,
        r1_interval=2,
        augment=("color",),
    )
    pictures = data.shapes(num_images=26, image_size=SIZE, batch_size=4)
    model.fit(
        pictures,
        epochs=EPOCHS,
        callbacks=[
            training.Guard(),
            training.JsonlLog(folder / "log.jsonl", every_steps=1),
            training.Checkpoint(
                folder / "checkpoints", every_steps=2, resume=True
            ),
        ],
        verbose=0,
    )


def train_by_command(folder):
    """24 steps by the command line."""
    config = folder.with_suffix(".json")
    config.write_text(json.dumps(SETTINGS))
    training_run._JUDGED_CAPTIONS = 8
    argv = ["train", "gan_cls", "--config", str(config), "--out", str(folder)]
    if command([*argv, "--resume"]) != 0:
        raise RuntimeError("keras-t2i train failed")


def start(train, folder, kind=None, rng=random):
    """Forks a training, and kills it as `kind` says.

    Returns:
        Whether it was killed; False if it was over before.
    """
    messages, ours = os.pipe()
    moment = rng.randrange(1, 120)
    pid = os.fork()
    if pid == 0:
        os.close(messages)
        _child(train, folder, kind, moment, ours)
    os.close(ours)
    if kind == "any time":
        # Mostly after the first save has begun; sometimes before.
        if rng.random() < 0.9:
            select.select([messages], [], [])
        time.sleep(rng.uniform(0, 3.0) ** 2 / 3)
        os.kill(pid, signal.SIGKILL)
    elif kind == "during a save":
        for _ in range(rng.randrange(1, 10)):
            if not os.read(messages, 1):
                break
        time.sleep(rng.uniform(0, 0.03))
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    os.close(messages)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL, status
        return True
    assert os.WEXITSTATUS(status) == 0, f"the training failed: {folder}"
    return False


def _child(train, folder, kind, moment, messages):
    code = 1
    try:
        with open(folder.with_suffix(".out"), "a") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        count = moment if kind == "file operation" else None
        _watch_file_operations(count, messages)
        train(folder)
        code = 0
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _watch_file_operations(moment, messages):
    """Tells of saves; dies at the file operation of that number, if any."""
    passed = 0

    def pass_moment():
        nonlocal passed
        passed += 1
        if passed == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def watched(function):
        @functools.wraps(function)
        def call(*arguments, **kwargs):
            pass_moment()
            result = function(*arguments, **kwargs)
            pass_moment()
            return result

        return call

    def savez(path, **arrays):
        os.write(messages, b"s")
        whole = io.BytesIO()
        real_savez(whole, **arrays)
        whole = whole.getvalue()
        half = len(whole) // 2
        with open(path, "wb", buffering=0) as file:
            pass_moment()
            file.write(whole[:half])
            pass_moment()
            file.write(whole[half:])
        pass_moment()

    real_savez, np.savez = np.savez, savez
    for place, name in (
        (os, "fsync"),
        (os, "replace"),
        (os, "truncate"),
        (os, "unlink"),
        (os, "rmdir"),
        (pathlib.Path, "rename"),
        (pathlib.Path, "mkdir"),
        (pathlib.Path, "write_text"),
        (training.JsonlLog, "write"),
    ):
        setattr(place, name, watched(getattr(place, name)))


def end_of(folder):
    """All arrays of the last checkpoint, by name, and the step it is of."""
    path = training.checkpoint.checkpoints(folder / "checkpoints")[-1]
    with np.load(path / "variables.npz") as stored:
        return path.name, {name: stored[name] for name in stored}


def log_of(folder):
    """The losses of every step, and how often the run was resumed."""
    lines = [json.loads(line) for line in open(folder / "log.jsonl")]
    events = [line for line in lines if "event" in line]
    steps = [line for line in lines if "event" not in line]
    for line in steps:
        del line["seconds"]
    return steps, len(events)


def check(folder, reference):
    """Raises AssertionError unless both trainings ended alike."""
    name, values = end_of(folder)
    expected_name, expected = end_of(reference)
    assert name == expected_name, (name, expected_name)
    assert values.keys() == expected.keys()
    for key, value in values.items():
        assert value.dtype == expected[key].dtype
        assert value.tobytes() == expected[key].tobytes(), (folder, key)
    assert log_of(folder)[0] == log_of(reference)[0], folder


def campaign(kills, seed, train, out):
    """Kills trainings in `out`.

    Returns:
        The number of kills by kind, of trainings, and of kills that hit a
        training before its first checkpoint.
    """
    rng = random.Random(seed)
    reference = out / "reference"
    assert not start(train, reference)
    counts, trainings, early = collections.Counter(), 0, 0
    while counts.total() < kills:
        folder = out / f"run-{trainings:04d}"
        wanted = rng.randint(1, 2 * KILLS_A_TRAINING - 1)
        killed = True
        while killed:
            more = wanted > 0 and counts.total() < kills
            kind = rng.choice(KINDS) if more else None
            killed = start(train, folder, kind, rng)
            counts[kind] += killed
            early += killed and not training.checkpoint.checkpoints(
                folder / "checkpoints"
            )
            wanted -= 1
        check(folder, reference)
        trainings += 1
        shutil.rmtree(folder)
        print(
            f"{counts.total()} of {kills} kills, {trainings} trainings "
            "ended alike",
            flush=True,
        )
    return counts, trainings, early


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--command", action="store_true")
    arguments = parser.parse_args()
    began = time.monotonic()
    train = train_by_command if arguments.command else train_by_fit
    with tempfile.TemporaryDirectory() as out:
        os.environ["KERAS_T2I_CACHE"] = f"{out}/cache"
        counts, trainings, early = campaign(
            arguments.kills, arguments.seed, train, pathlib.Path(out)
        )
    kinds = ", ".join(f"{kind}: {counts[kind]}" for kind in KINDS)
    print(
        f"{counts.total()} kills ({kinds}; {early} before the first "
        f"checkpoint), each followed by a resume: {trainings} trainings, all "
        f"of them bit-identical to one that nothing stopped; "
        f"{time.monotonic() - began:.0f} s"
    )


if __name__ == "__main__":
    main()
