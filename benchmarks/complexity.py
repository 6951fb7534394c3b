"""GatedT2I beside ProgressiveT2I: parameters, multiply-adds and times.

    python benchmarks/complexity.py --image-size 64

Both are built for one size of picture: with the widths of their default
variants, and GatedT2I once more with those of ProgressiveT2I. Both take
bag-of-n-grams features and no R1 penalty. Multiply-adds are those of all
convolutions and dense layers, counted while the networks run: of `generate`,
and of the forward pass of a training step, each for one picture. Attention and
element-wise work are not counted, but are in the times, which are medians of
interleaved runs on random pictures.
"""

import argparse
import contextlib
import math

import keras
import numpy as np
import tensorflow as tf
import timing

from keras_t2i import models
from keras_t2i.training.pipeline import as_dataset

WIDTHS = ("generator_width", "discriminator_width")
OF_OTHER = models.ProgressiveT2I.variants["default"]
# Column -> (class, settings). The others are compared with the first one.
COLUMNS = {
    "ProgressiveT2I": (models.ProgressiveT2I, {}),
    "GatedT2I": (models.GatedT2I, {}),
    "GatedT2I as wide": (
        models.GatedT2I,
        {name: OF_OTHER[name] for name in WIDTHS},
    ),
}
CAPTION = "a purple flower with yellow stamen"


@contextlib.contextmanager
def counted():
    """Counts multiply-adds of every layer with a kernel that is called inside.

    Yields:
        list with one number a call.
    """
    calls = []
    call = keras.layers.Layer.__call__

    def watched(layer, *arguments, **kwargs):
        outputs = call(layer, *arguments, **kwargs)
        if hasattr(layer, "kernel"):
            calls.append(multiply_adds(layer, arguments[0], outputs))
        return outputs

    keras.layers.Layer.__call__ = watched
    try:
        yield calls
    finally:
        keras.layers.Layer.__call__ = call


def multiply_adds(layer, inputs, outputs):
    """Every weight of a kernel is used once at every position."""
    # A transposed convolution visits the positions of its input.
    map_ = inputs if "Transpose" in type(layer).__name__ else outputs
    return math.prod(layer.kernel.shape) * math.prod(map_.shape[:-1])


def parameters(networks):
    """Trainable numbers of lists of layers."""
    return sum(
        math.prod(v.shape)
        for layers in networks
        for layer in layers
        for v in layer.trainable_variables
    )


def measured(cls, settings, options):
    """Facts of a model, and two functions to time: a step and `generate`."""
    model = cls(
        image_size=options.image_size,
        text_encoder="bag_of_ngrams",
        r1_weight=0.0,
        **settings,
    )
    shape = (options.batch_size, options.image_size, options.image_size, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, "uint8")
    captions = [f"{CAPTION} {n}" for n in range(options.batch_size)]
    dataset = model.batches(as_dataset(captions, images, options.batch_size))
    data = next(iter(dataset))
    with counted() as of_step:
        model.losses(model._unpack(data))
    features = model.text_encoder.encode([CAPTION])
    latents = model.latents_for(1, seed=0)
    with counted() as of_picture:
        model.synthesize(latents, features)
    facts = {
        "parameters of the generator": parameters(
            [model.networks()["generator"]]
        ),
        "all that is trained": parameters(model.networks().values()),
        "multiply-adds of generate": sum(of_picture),
        "multiply-adds of a step": sum(of_step) // options.batch_size,
    }
    step = tf.function(model.train_step)
    return (
        facts,
        lambda: step(data)["generator_loss"].numpy(),
        lambda: model.generate(CAPTION, seed=0),
    )


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args(arguments)

    found = {
        name: measured(*column, options) for name, column in COLUMNS.items()
    }
    columns = {name: facts for name, (facts, _, _) in found.items()}
    for label, place in (("step", 1), ("generate", 2)):
        calls = {name: parts[place] for name, parts in found.items()}
        for name, times in timing.interleaved(calls, options.rounds).items():
            for kind, seconds in zip(("wall", "CPU"), times):
                columns[name][f"{label}, {kind} ms"] = 1e3 * seconds
    print(
        f"\n{options.image_size} x {options.image_size}, batches of "
        f"{options.batch_size}; in brackets how many times less than the first"
    )
    for name, (cls, settings) in COLUMNS.items():
        widths = {**cls.variants["default"], **settings}
        print(f"{name}: " + ", ".join(f"{w} {widths[w]}" for w in WIDTHS))
    first, *others = columns.values()
    print(f"{'':30}" + "".join(f"{name:>22}" for name in columns))
    for row, value in first.items():
        digits = 1 if row.endswith("ms") else 0
        cells = [f"{value:14,.{digits}f}{'':8}"] + [
            f"{other[row]:14,.{digits}f}"
            + f"({value / other[row]:.2f}x)".rjust(8)
            for other in others
        ]
        print(f"{row:30}" + "".join(cells))
    print("On a busy machine trust the CPU times.")


if __name__ == "__main__":
    main()
