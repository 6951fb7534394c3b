"""A picture by an exported model against `generate` of the model it is of.

    python benchmarks/serving.py

The exported one is called as TensorFlow Serving calls it: a graph loaded from
the folder, and a session. Everything is inside: tokenizing, the text encoder,
noise and the picture; "PNG" also encodes it. No network is between.
"""

import pathlib
import tempfile

import numpy as np
import timing
from served_presets import served

from keras_t2i import export
from keras_t2i import models

CAPTION = "a purple flower with yellow stamen"
SEED = 7


def rows(count):
    """Inputs of `count` equal rows."""
    return {
        "text": [CAPTION] * count,
        "seed": [SEED] * count,
        "truncation": [1.0] * count,
    }


def main():
    model = models.from_preset("gan_cls_flowers_64")
    table = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = export.to_serving(model, pathlib.Path(temporary) / "flowers")
        pixels = served(folder, "generate", "images")
        png = served(folder, "serving_default", "image_bytes")
        expected = model.generate(CAPTION, seed=SEED).astype(int)
        assert np.max(np.abs(expected - pixels(**rows(1)))) <= 1
        for count in (1, 8):
            seconds = timing.interleaved(
                {
                    "generate": lambda: model.generate(
                        [CAPTION] * count, seed=SEED
                    ),
                    "pixels": lambda: pixels(**rows(count)),
                    "PNG": lambda: png(**rows(count)),
                },
                rounds=25,
            )
            for name in ("pixels", "PNG"):
                label = f"{count} caption{'s' * (count > 1)}, {name}"
                table.append((label, seconds["generate"], seconds[name]))
    timing.print_table(table, "at least 1x")


if __name__ == "__main__":
    main()
