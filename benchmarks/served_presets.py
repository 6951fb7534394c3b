"""Exports presets for TensorFlow Serving, and says what came out.

    python benchmarks/served_presets.py --out served

exports every preset that draws, each to a folder of its name; `--presets`
names some. `saved_models/serving/` is made by

    python benchmarks/served_presets.py --out saved_models/serving \\
        --presets progressive_flowers_64

The columns: megabytes of the version folder; milliseconds from a text to a
PNG, called as TensorFlow Serving calls it, one picture at a time, the median
of 25 of wall time with all cores, and of CPU time; and how far the pixels of
32 pictures are from those of `generate`, in levels of 255 (at most 1: another
order of sums).
"""

import argparse
import pathlib

import numpy as np
import tensorflow as tf
import timing

from keras_t2i import export
from keras_t2i import models
from keras_t2i.models import presets

CAPTIONS = [
    "a purple flower with yellow stamen",
    "this yellow flower has many thin petals",
    "a small blue flower with five petals",
    "red",
]


def served(folder, signature, output):
    """A function of inputs that runs a signature in a session."""
    v1 = tf.compat.v1
    session = v1.Session(graph=tf.Graph())
    with session.graph.as_default():
        graph = v1.saved_model.load(session, ["serve"], str(folder))
    signature = graph.signature_def[signature]
    run = session.make_callable(
        [signature.outputs[output].name],
        [signature.inputs[key].name for key in sorted(signature.inputs)],
    )
    return lambda **inputs: run(*(inputs[key] for key in sorted(inputs)))[0]


def inputs_of(model, seeds):
    """Inputs of `serving_default` with the captions in turn."""
    given = {"seed": seeds, "truncation": [1.0] * len(seeds)}
    if model.text_encoder is not None:
        given["text"] = [CAPTIONS[seed % len(CAPTIONS)] for seed in seeds]
    return given


def expected(model, seed):
    """The picture of `generate` for a row of `inputs_of`."""
    if model.text_encoder is None:
        return model.generate(seed=seed)[0]
    return model.generate(CAPTIONS[seed % len(CAPTIONS)], seed=seed)[0]


def row(model, folder):
    """Megabytes, wall and CPU milliseconds, levels."""
    sizes = [p.stat().st_size for p in folder.rglob("*") if p.is_file()]
    draw = served(folder, "generate", "images")
    images = draw(**inputs_of(model, list(range(32)))).astype(int)
    levels = max(
        np.max(np.abs(image - expected(model, seed)))
        for seed, image in enumerate(images)
    )
    png = served(folder, "serving_default", "image_bytes")
    one = inputs_of(model, [7])
    seconds = timing.interleaved({"PNG": lambda: png(**one)}, 25)["PNG"]
    return sum(sizes) / 1e6, *(1e3 * each for each in seconds), levels


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--presets", nargs="+")
    options = parser.parse_args(arguments)
    rows = {}
    for name in options.presets or presets.shipped_names():
        model = models.from_preset(name)
        if not hasattr(model, "generate"):
            continue
        rows[name] = row(model, export.to_serving(model, options.out / name))
    print("\n| preset | MB | wall ms | CPU ms | levels |")
    print("|---|---|---|---|---|")
    for name, (size, wall, cpu, levels) in rows.items():
        print(f"| `{name}` | {size:.1f} | {wall:.1f} | {cpu:.1f} | {levels} |")


if __name__ == "__main__":
    main()
