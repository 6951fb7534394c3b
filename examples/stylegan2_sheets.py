"""What a StyleGAN2 preset draws, as pictures and numbers.

    python examples/stylegan2_sheets.py --preset runs/faces/model \\
        --judge face_judge_64 --data faces64 --out sheets

writes

- `faces.png`, `faces_truncated.png`: 64 pictures with truncation 1 and 0.7;
- `mixing.png`: coarse styles of the first column, fine ones of the first row;
- `interpolation.png`, `interpolation.gif`: straight in w from picture to
  picture and back to the first;

and prints, as one line of JSON,

- `largest_step`: the largest change from one frame to the next, over the
  median: a jump would stand out;
- with `--judge` (a `FaceFeatures`) and `--data`, the Fréchet distance of 1,000
  pictures to as many real ones of persons that training held out, for both
  truncations, and for real pictures of persons that it saw.
"""

import argparse
import json
import pathlib

import numpy as np

import keras_t2i
from keras_t2i import metrics
from keras_t2i import pictures

COARSE = range(100, 105)
FINE = range(200, 207)
PASSED = range(300, 304)
TRUNCATED = 0.7
COUNT = 1000


def mixing(model):
    """First column and first row as they are, then each with each."""
    mixed = model.mix_styles(COARSE, FINE, truncation=TRUNCATED)
    rows = mixed.reshape(len(COARSE), len(FINE), *mixed.shape[1:])
    # All layers of one are that one.
    whole = model.num_styles
    left = model.mix_styles(COARSE, FINE[:1], whole, TRUNCATED)
    top = model.mix_styles(COARSE[:1], FINE, 0, TRUNCATED)
    rows = np.concatenate([left[:, None], rows], axis=1)
    top = np.concatenate([np.full_like(top[:1], 255), top])
    sheet = np.concatenate([top, rows.reshape(-1, *mixed.shape[1:])])
    return pictures.grid(sheet, columns=len(FINE) + 1, scale=2)


def largest_step(frames):
    """Largest mean difference of neighbors, over the median."""
    frames = frames.astype("float32")
    steps = np.abs(frames - np.roll(frames, 1, axis=0)).mean(axis=(1, 2, 3))
    return round(float(steps.max() / np.median(steps)), 2)


def real_pictures(data, split, image_size):
    """The first `COUNT` of a split, without crops and flips."""
    dataset = keras_t2i.data.load(
        data, split, image_size=image_size, training=False
    )
    found = []
    for _, images in dataset:
        found.extend(images.numpy())
        if len(found) >= COUNT:
            break
    return np.stack(found[:COUNT])


def distances(model, judge, name, data, seed):
    """Dict of Fréchet distances, each with its protocol."""
    held_out = judge.identity(
        real_pictures(data, "validation", model.image_size)
    )
    sets = {
        "truncation 1": model.generate(COUNT, seed=seed),
        f"truncation {TRUNCATED}": model.generate(
            COUNT, seed=seed, truncation=TRUNCATED
        ),
        "real": real_pictures(data, "train", model.image_size),
    }
    scores = {}
    for kind, images in sets.items():
        score = metrics.Score(
            metrics.frechet_distance_of_features(
                judge.identity(images), held_out
            ),
            "frechet_distance",
            len(images),
            "validation",
            name,
            "none",
        )
        scores[kind] = json.loads(score.to_json())
    return scores


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--preset", default="stylegan2_faces_64")
    parser.add_argument("--judge", help="preset of a FaceFeatures")
    parser.add_argument("--data", help="folder with real pictures")
    parser.add_argument("--out", type=pathlib.Path, default="sheets")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if (options.judge is None) != (options.data is None):
        parser.error("--judge and --data go together")

    model = keras_t2i.models.StyleGAN2.from_preset(options.preset)
    frames = model.interpolate(
        PASSED, steps=16, truncation=TRUNCATED, closed=True
    )
    sheets = {
        "faces": pictures.grid(model.generate(64, seed=options.seed), 8),
        "faces_truncated": pictures.grid(
            model.generate(64, seed=options.seed, truncation=TRUNCATED), 8
        ),
        "mixing": mixing(model),
        "interpolation": pictures.grid(frames[::2], 8, scale=2),
    }
    for name, sheet in sheets.items():
        path = options.out / f"{name}.png"
        pictures.save_png(path, sheet)
        print(path)
    pictures.save_gif(options.out / "interpolation.gif", frames)
    numbers = {"seed": options.seed, "largest_step": largest_step(frames)}
    if options.judge:
        folder = keras_t2i.models.presets.find(options.judge)
        checksum = keras_t2i.models.presets.checksum(folder)[:8]
        numbers["frechet"] = distances(
            model,
            keras_t2i.models.FaceFeatures.from_preset(folder),
            f"{folder.name} {checksum} identity",
            options.data,
            options.seed,
        )
    print(json.dumps(numbers))


if __name__ == "__main__":
    main()
