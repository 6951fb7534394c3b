"""A disk that is full after any number of bytes costs no checkpoint.

    python -m tests.full_disk --stride 1

Writes checkpoints with room for 0, 1, 2, ... bytes: for the arrays (a limit on
the size of files), then for `state.json` alone, and on a small filesystem of
its own where the kernel lets a user mount one. After each failure the last
good checkpoint must load, bit by bit, and nothing may be left beside it.
"""

import argparse
import contextlib
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import warnings

import keras
import numpy as np

from keras_t2i import training
from keras_t2i.training.checkpoint import checkpoints
from tests import tiny


@contextlib.contextmanager
def room(count):
    """No file can grow beyond `count` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def room_for_state(count):
    """The same, once the arrays are written."""
    real = np.savez
    with contextlib.ExitStack() as stack:

        def savez(path, **arrays):
            real(path, **arrays)
            stack.enter_context(room(count))

        stack.callback(setattr, np, "savez", real)
        np.savez = savez
        yield


class Sweep:
    """A model with a good checkpoint, and attempts to write the next one."""

    def __init__(self, folder):
        self.folder = folder
        self.model = tiny.LinearGAN(
            optimizer={
                "discriminator": keras.optimizers.Adam(1e-2),
                "generator": keras.optimizers.Adam(1e-2),
            }
        )
        members = self.model.optimizer.members
        self.other = tiny.LinearGAN(optimizer=dict(members))
        self.callback = training.Checkpoint(folder, every_steps=1)
        self.callback.set_model(self.model)
        self.callback.save()
        self.good = tiny.everything(self.model)
        (path,) = checkpoints(folder)
        self.sizes = {p.name: p.stat().st_size for p in path.iterdir()}
        # What the next checkpoint would hold instead.
        for weight in self.model.weights:
            weight.assign(weight + 1.0)
        self.model.optimizer.iterations.assign(1)

    def attempt(self, limit):
        """Saves inside `limit`; checks what is there then.

        Returns:
            Whether the checkpoint was written.
        """
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with limit:
                self.callback.save()
        written = self.callback.last_step == 1
        told = any("No checkpoint at step 1" in str(w.message) for w in caught)
        assert told != written, [str(w.message) for w in caught]
        state = training.restore(self.other, self.folder)
        assert state["step"] == int(written)
        expected = tiny.everything(self.model) if written else self.good
        assert tiny.same(tiny.everything(self.other), expected)
        names = ["step-00000000"] + ["step-00000001"] * written
        assert sorted(os.listdir(self.folder)) == names
        if written:
            shutil.rmtree(self.folder / "step-00000001")
            self.callback.last_step = 0
        return written


def sweep(folder, stride):
    """Every `stride`-th number of bytes that fit.

    Returns:
        The numbers of attempts that failed and that succeeded.
    """
    it = Sweep(folder)
    results = []
    for make_room, name in (
        (room, "variables.npz"),
        (room_for_state, "state.json"),
    ):
        enough = it.sizes[name] + 64  # The step has one more digit, or so.
        for count in [*range(0, enough, stride), enough]:
            results.append(it.attempt(make_room(count)))
        assert results[-1], f"{enough} bytes are not enough for {name}"
    return results.count(False), results.count(True)


def sweep_filesystem(folder):
    """The same on a real full filesystem, page by page."""
    it = Sweep(folder)
    results = []
    page = os.sysconf("SC_PAGE_SIZE")
    filler = folder.parent / "filler"
    pages = 0
    while not results or not results[-1]:
        with contextlib.suppress(OSError), open(filler, "wb", 0) as file:
            while True:
                file.write(b"\0" * page)
        os.truncate(filler, max(0, filler.stat().st_size - pages * page))
        results.append(it.attempt(contextlib.nullcontext()))
        filler.unlink()
        pages += 1
    return results.count(False), results.count(True)


def _mounted():
    """Runs this module's filesystem part where it may mount, if it may."""
    script = 'mount -t tmpfs -o size=1m none "$0" && exec "$@"'
    with tempfile.TemporaryDirectory() as folder:
        argv = ["unshare", "-rm", "sh", "-c", script, folder]
        argv += [sys.executable, "-m", "tests.full_disk", "--on", folder]
        if shutil.which("unshare") is None:
            return None
        done = subprocess.run(argv, capture_output=True, text=True)
    if "failed" in done.stderr and "Traceback" not in done.stderr:
        return None
    if done.returncode:
        raise AssertionError(done.stderr)
    return done.stdout.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--on", metavar="FOLDER", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.on:
        failed, written = sweep_filesystem(
            pathlib.Path(arguments.on) / "checkpoints"
        )
        print(f"{failed} full filesystems and {written} with room enough")
        return
    with tempfile.TemporaryDirectory() as folder:
        failed, written = sweep(pathlib.Path(folder), arguments.stride)
    print(
        f"{failed} writes failed for want of room, {written} had enough: the "
        "last good checkpoint loaded every time"
    )
    print(_mounted() or "No filesystem can be mounted here: that part is out")


if __name__ == "__main__":
    main()
