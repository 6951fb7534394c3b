"""StyleGAN2 by size, plain beside efficient: work, times and memory.

    python benchmarks/stylegan2.py
    python benchmarks/stylegan2.py --channels 32768

For pictures of 64, 128 and 256 pixels, each in a process of its own:

- parameters of mapping and synthesis, and the multiply-adds of all their
  kernels for one picture (blurs, noise and sums are not counted, but are in
  the times);
- milliseconds of drawing one picture, and of a training step: medians of
  rounds in which all take turns, and of a step the mean of the sixteen between
  two R1 penalties (thirteen without penalty, one with both, and the path
  length in one or, where its interval is four, three more);
- the most memory that a process takes in which one variant alone trains.

`--channels` sets `generator_channels`; 32768 are those of the publication.
"""

import argparse
import json
import math
import resource
import subprocess
import sys

import numpy as np
import tensorflow as tf
import timing

from keras_t2i import models
from keras_t2i.layers.modulation import ModulatedConv2D
from keras_t2i.training.pipeline import as_dataset

BATCHES = {64: 32, 128: 16, 256: 8}  # pixels -> pictures a step
VARIANTS = {"plain": "default", "efficient": "efficient"}


def multiply_adds(network):
    """Of all kernels of a functional model, for one picture."""
    total = 0
    for layer in network.layers:
        if isinstance(layer, ModulatedConv2D):
            # A transposed convolution visits the positions of its input.
            shape = layer.input[0].shape if layer.double else layer.output.shape
            kernels = math.prod(layer.kernel.shape)
            if layer.separable:
                kernels += math.prod(layer.spatial.shape)
            total += kernels * shape[1] * shape[2]
        elif hasattr(layer, "kernel"):  # Dense.
            total += math.prod(layer.kernel.shape)
    return total


def made(variant, size, options):
    """A model, and one batch of noise as its data."""
    changes = {}
    if options.channels:
        changes["generator_channels"] = options.channels
    model = models.StyleGAN2(size, variant=variant, **changes)
    shape = (options.batch_size or BATCHES[size], size, size, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, "uint8")
    data = as_dataset([""] * shape[0], images, shape[0])
    return model, next(iter(model.batches(data)))


def steps_of(model, data):
    """Name of each kind of step -> a function that makes one."""
    step = tf.function(model.train_step)

    def at(iteration):
        def call():
            model.optimizer.iterations.assign(iteration)
            float(step(data)["generator_loss"])

        return call

    # Penalties are due where the interval divides the number of the step.
    between = model.settings["path_length_interval"]
    return {"both": at(16), "path": at(16 + between), "none": at(17)}


def measure(size, options):
    """Facts of both variants."""
    facts, calls = {}, {}
    for name, variant in VARIANTS.items():
        model, data = made(variant, size, options)
        networks = (model.mapping, model.synthesis)
        facts[name] = {
            "parameters": sum(n.count_params() for n in networks),
            "multiply-adds": sum(map(multiply_adds, networks)),
            "batch": len(data[1]),
            "interval": model.settings["path_length_interval"],
        }
        calls[name, "draw"] = lambda model=model: model.generate(1, seed=0)
        for kind, call in steps_of(model, data).items():
            calls[name, kind] = call
    times = timing.interleaved(calls, options.rounds, warm_up=1)
    for name, row in facts.items():
        for index, clock in enumerate(("wall", "CPU")):
            draw, both, path, none = (
                1e3 * times[name, kind][index]
                for kind in ("draw", "both", "path", "none")
            )
            paths = 16 // row["interval"] - 1
            step = (both + paths * path + (15 - paths) * none) / 16
            row[f"draw, {clock} ms"] = draw
            row[f"step, {clock} ms"] = step
            row[f"pictures a {clock} second"] = 1e3 * row["batch"] / step
        del row["interval"]
    return facts


def peak(variant, size, options):
    """Gigabytes of a process that makes each kind of step once."""
    for step in steps_of(*made(variant, size, options)).values():
        step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(BATCHES))
    parser.add_argument("--batch-size", type=int, help="of every size")
    parser.add_argument("--channels", type=int, help="a map of r: so many / r")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        kind, size = options.one
        if kind == "both":
            print(json.dumps(measure(int(size), options)))
        else:
            print(json.dumps(peak(kind, int(size), options)))
        return

    def in_a_process(kind, size):
        argv = [sys.executable, *sys.argv, "--one", kind, str(size)]
        done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout.splitlines()[-1])

    for size in options.sizes:
        facts = in_a_process("both", size)
        for name, row in facts.items():
            row["peak GB of training"] = in_a_process(VARIANTS[name], size)
        plain, efficient = facts.values()
        batch = plain.pop("batch")
        print(f"\n{size} x {size}, batches of {batch}")
        print(f"{'':26}{'plain':>15}{'efficient':>15}")
        for key, value in plain.items():
            digits = 0 if isinstance(value, int) else 2
            print(
                f"{key:26}{value:15,.{digits}f}{efficient[key]:15,.{digits}f}"
                f"{value / efficient[key]:9.2f}x",
                flush=True,
            )
    print("On a busy machine trust the CPU times.")


if __name__ == "__main__":
    main()
