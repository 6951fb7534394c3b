"""A picture by an exported model against `generate` of the model it is of.

    python benchmarks/serving.py

The exported one is called as TensorFlow Serving calls it: a graph loaded from
the folder, and a session. Everything is inside: tokenizing, the text encoder,
noise and the picture; "PNG" also encodes it. No network is between.
"""

import pathlib
import tempfile

import numpy as np
import tensorflow as tf
import timing

from keras_t2i import export
from keras_t2i import models

CAPTION = "a purple flower with yellow stamen"
SEED = 7


def served(folder, signature, output):
    """A function of a number of rows that runs a signature."""
    v1 = tf.compat.v1
    session = v1.Session(graph=tf.Graph())
    with session.graph.as_default():
        graph = v1.saved_model.load(session, ["serve"], str(folder))
    inputs = graph.signature_def[signature].inputs
    names = [inputs[key].name for key in ("text", "seed", "truncation")]
    outputs = [graph.signature_def[signature].outputs[output].name]
    run = session.make_callable(outputs, names)
    return lambda rows: run([CAPTION] * rows, [SEED] * rows, [1.0] * rows)[0]


def main():
    model = models.from_preset("gan_cls_flowers_64")
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = export.to_serving(model, pathlib.Path(temporary) / "flowers")
        pixels = served(folder, "generate", "images")
        png = served(folder, "serving_default", "image_bytes")
        expected = model.generate(CAPTION, seed=SEED).astype(int)
        assert np.max(np.abs(expected - pixels(1))) <= 1
        for count in (1, 8):
            seconds = timing.interleaved(
                {
                    "generate": lambda: model.generate(
                        [CAPTION] * count, seed=SEED
                    ),
                    "pixels": lambda: pixels(count),
                    "PNG": lambda: png(count),
                },
                rounds=25,
            )
            for name in ("pixels", "PNG"):
                label = f"{count} caption{'s' * (count > 1)}, {name}"
                rows.append((label, seconds["generate"], seconds[name]))
    timing.print_table(rows, "at least 1x")


if __name__ == "__main__":
    main()
