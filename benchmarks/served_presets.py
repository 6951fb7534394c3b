"""Exports presets for TensorFlow Serving, and says what came out.

    python benchmarks/served_presets.py --out served

exports every preset that draws or edits, each to a folder of its name;
`--presets` names some, or folders of presets. `saved_models/serving/` is made
by

    python benchmarks/served_presets.py --out saved_models/serving \\
        --presets progressive_flowers_64 faces_64

The columns: megabytes of the version folder, and of the largest file in it;
milliseconds from a text, and a photo where one is edited, to a PNG, called as
TensorFlow Serving calls it, one picture at a time, the median of 25 of wall
time with all cores, and of CPU time; and how far the pixels of 32 pictures are
from those of `generate`, or of `edit_latents`, in levels of 255 (at most 1:
another order of sums).
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


EDITS = ["smiling", "eyeglasses", "not smiling", "no eyeglasses"]


def served(folder, signature, output):
    """A function of inputs that runs a signature in a session.

    Raises:
        ValueError: for a folder that is no whole SavedModel, or one without
            the signature.
    """
    v1 = tf.compat.v1
    session = v1.Session(graph=tf.Graph())
    try:
        # Without it TensorFlow loads a model that fails when it is called.
        if not (folder / "variables" / "variables.index").is_file():
            raise FileNotFoundError("variables/variables.index is missing")
        with session.graph.as_default():
            graph = v1.saved_model.load(session, ["serve"], str(folder))
    except (OSError, RuntimeError, tf.errors.OpError) as error:
        raise ValueError(
            f"{folder} is no whole SavedModel; export it again. "
            f"{type(error).__name__}: {error}"
        ) from error
    if signature not in graph.signature_def:
        raise ValueError(
            f"{folder} has no signature {signature!r}. "
            f"Received: {sorted(graph.signature_def)}"
        )
    signature = graph.signature_def[signature]
    run = session.make_callable(
        [signature.outputs[output].name],
        [signature.inputs[key].name for key in sorted(signature.inputs)],
    )
    return lambda **inputs: run(*(inputs[key] for key in sorted(inputs)))[0]


def photo(model, seed):
    """A face that the editor draws, uint8 [H, W, 3]."""
    return model.draw(model.latents_for(1, seed=seed))[0]


def inputs_of(model, seeds):
    """Inputs of `serving_default` with the texts in turn."""
    if isinstance(model, models.TextFaceEditor):
        photos = [photo(model, seed) for seed in seeds]
        return {
            "image_bytes": [tf.io.encode_png(x).numpy() for x in photos],
            "text": [EDITS[seed % len(EDITS)] for seed in seeds],
            "strength": [1.0] * len(seeds),
        }
    given = {"seed": seeds, "truncation": [1.0] * len(seeds)}
    if model.text_encoder is not None:
        given["text"] = [CAPTIONS[seed % len(CAPTIONS)] for seed in seeds]
    return given


def expected(model, seed):
    """The picture of the model for a row of `inputs_of`."""
    if isinstance(model, models.TextFaceEditor):
        latents = model.encoder.encode(photo(model, seed)[None])[0]
        return model.edit_latents(latents, EDITS[seed % len(EDITS)]).image
    if model.text_encoder is None:
        return model.generate(seed=seed)[0]
    return model.generate(CAPTIONS[seed % len(CAPTIONS)], seed=seed)[0]


def row(model, folder):
    """Megabytes in all and of one file, wall and CPU milliseconds, levels."""
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
    milliseconds = (1e3 * each for each in seconds)
    return sum(sizes) / 1e6, max(sizes) / 1e6, *milliseconds, levels


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--presets", nargs="+")
    options = parser.parse_args(arguments)
    rows = {}
    for preset in options.presets or presets.shipped_names():
        model = models.from_preset(preset)
        if not hasattr(model, "generate") and not isinstance(
            model, models.TextFaceEditor
        ):
            continue
        name = pathlib.Path(preset).name
        rows[name] = row(model, export.to_serving(model, options.out / name))
    print("\n| preset | MB | largest file, MB | wall ms | CPU ms | levels |")
    print("|---|---|---|---|---|---|")
    for name, (*numbers, levels) in rows.items():
        cells = " | ".join(f"{number:.1f}" for number in numbers)
        print(f"| `{name}` | {cells} | {levels} |")


if __name__ == "__main__":
    main()
