"""How well photographs are found among what a StyleGAN2 can draw.

    python examples/face_inversion.py --generator stylegan2_faces_64 \\
        --features face_features_64 --judge face_judge_64 --data faces/ \\
        --encoder encoder.weights.h5 --train 2000 --out inversion.png

Trains a `PhotoEncoder` on the generator's own pictures, unless the file of
`--encoder` is there already, and prints for faces that were held out how far
the picture drawn is from the photograph, and how long it took: by the encoder
alone, after 10, 50 and 200 steps of optimisation from there, and after as many
from the mean face. The sheet shows the photographs in the first row and the
others below. It shows photographs: mind their terms.
"""

import argparse
import pathlib
import time

import numpy as np

import keras_t2i
from keras_t2i.models.face_editor.inversion import PhotoEncoder
from keras_t2i.models.face_editor.inversion import optimize_latents

STEPS = (10, 50, 200)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--generator", required=True, help="a StyleGAN2 preset")
    parser.add_argument("--features", required=True, help="a name or folder")
    parser.add_argument("--judge", required=True, help="other FaceFeatures")
    parser.add_argument("--data", required=True, help="folder of faces")
    parser.add_argument("--encoder", type=pathlib.Path, help="its weights")
    parser.add_argument("--train", type=int, default=2000, help="its steps")
    parser.add_argument("--count", type=int, default=32, help="photographs")
    parser.add_argument("--steps", type=int, nargs="+", default=STEPS)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args(arguments)

    generator = keras_t2i.models.StyleGAN2.from_preset(options.generator)
    features, judge = [
        keras_t2i.models.FaceFeatures.from_preset(preset)
        for preset in (options.features, options.judge)
    ]
    encoder = trained_encoder(generator, options)
    photos = held_out(options.data, generator.image_size, options.count)

    sheet = [photos]
    # The first calls compile, which is no part of the time.
    encoder.encode(photos)
    optimize_latents(generator, features, photos, steps=1)
    for name, start, steps in [
        ("encoder alone", encoder, 0),
        *[(f"encoder, {n} steps", encoder, n) for n in options.steps],
        *[(f"mean face, {n} steps", None, n) for n in options.steps],
    ]:
        started = time.monotonic()
        w = start and start.encode(photos)
        if steps:
            w = optimize_latents(generator, features, photos, w, steps)
        seconds = time.monotonic() - started
        drawn = generator.draw(w)
        sheet.append(drawn)
        difference = drawn.astype(float) - photos
        print(
            f"{name:<22} root mean square {np.sqrt(np.mean(difference**2)):5.1f} "
            f"of 255, same person {np.mean(judge.similarity(photos, drawn)):.3f}, "
            f"{seconds / len(photos):.3f} s a photograph"
        )
    shown = np.concatenate([row[:8] for row in sheet])
    columns = min(8, len(photos))
    keras_t2i.pictures.save_png(
        options.out, keras_t2i.pictures.grid(shown, columns, scale=2)
    )
    print(f"Sheet: {options.out}")


def trained_encoder(generator, options):
    encoder = PhotoEncoder(generator)
    file = options.encoder
    if file is not None and file.exists():
        encoder.network.load_weights(file)
        return encoder
    started = time.monotonic()
    loss = encoder.fit(steps=options.train, verbose=2).history["loss"][-1]
    print(
        f"Encoder: {options.train} steps in {time.monotonic() - started:.0f} s, "
        f"squared error {loss:.3f} (1 is what the mean face has)"
    )
    if file is not None:
        encoder.network.save_weights(file)
    return encoder


def held_out(folder, image_size, count):
    dataset = keras_t2i.data.load(
        folder, "validation", image_size, batch_size=count
    )
    for _, photos in dataset:
        return np.asarray(photos)


if __name__ == "__main__":
    main()
