"""How well an editor finds photographs among what its StyleGAN2 can draw.

    python examples/face_inversion.py --preset faces_64 \\
        --judge face_judge_64 --data faces/ --out inversion.png

prints for faces that were held out how far the picture drawn is from the
photograph, and how long it took: by the encoder alone, after 10, 50 and 200
steps of optimisation from there, and after as many from the mean face. The
sheet shows the photographs in the first row and the others below. It shows
photographs: mind their terms.
"""

import argparse
import pathlib
import time

import numpy as np

import keras_t2i
from keras_t2i.models.face_editor.inversion import optimize_latents

STEPS = (10, 50, 200)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--preset", default="faces_64", help="an editor")
    parser.add_argument("--judge", required=True, help="other FaceFeatures")
    parser.add_argument("--data", required=True, help="folder of faces")
    parser.add_argument("--count", type=int, default=32, help="photographs")
    parser.add_argument("--steps", type=int, nargs="+", default=STEPS)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args(arguments)

    models = keras_t2i.models
    editor = models.TextFaceEditor.from_preset(options.preset)
    judge = models.FaceFeatures.from_preset(options.judge)
    generator, encoder = editor.generator, editor.encoder
    photos = held_out(options.data, generator.image_size, options.count)

    sheet = [photos]
    # The first calls compile, which is no part of the time.
    encoder.encode(photos)
    optimize_latents(generator, editor.features, photos, steps=1)
    for name, start, steps in [
        ("encoder alone", encoder, 0),
        *[(f"encoder, {n} steps", encoder, n) for n in options.steps],
        *[(f"mean face, {n} steps", None, n) for n in options.steps],
    ]:
        started = time.monotonic()
        w = start and start.encode(photos)
        if steps:
            w = optimize_latents(generator, editor.features, photos, w, steps)
        seconds = time.monotonic() - started
        drawn = generator.draw(w)
        sheet.append(drawn)
        error = np.sqrt(np.mean((drawn.astype(float) - photos) ** 2))
        person = np.mean(judge.similarity(photos, drawn))
        print(
            f"{name:<22} root mean square {error:5.1f} of 255, "
            f"similarity {person:.3f}, {seconds / len(photos):.3f} s a photograph"
        )
    shown = np.concatenate([row[:8] for row in sheet])
    columns = min(8, len(photos))
    keras_t2i.pictures.save_png(
        options.out, keras_t2i.pictures.grid(shown, columns, scale=2)
    )
    print(f"Sheet: {options.out}")


def held_out(folder, image_size, count):
    dataset = keras_t2i.data.load(
        folder, "validation", image_size, batch_size=count
    )
    for _, photos in dataset:
        return np.asarray(photos)


if __name__ == "__main__":
    main()
