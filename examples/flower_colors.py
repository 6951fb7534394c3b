"""Do the petals of generated flowers have the color that the caption names?

    python examples/flower_colors.py --preset gan_cls_flowers_64 --data flowers64

A nearest-neighbor judge learns from real training pictures what people call
a red, pink, purple, blue, yellow, orange or white flower: the picture is a
histogram of hue, saturation and brightness, weighted toward the middle, and
its label the color that most of its captions name. It is scored on real
pictures of held-out classes first, which is the most that a generator can be
expected to reach, and then on generated pictures. Prints one JSON line.
"""

import argparse
import json
import re

import numpy as np
from PIL import Image

import keras_t2i

COLORS = ("red", "pink", "purple", "blue", "yellow", "orange", "white")
WORDINGS = (
    "a {} flower",
    "this flower has {} petals",
    "a flower with bright {} petals",
    "the petals of the flower are {}",
)
NEIGHBORS = 15


def histogram(images):
    """Square roots of weighted color histograms, [N, bins], of unit length."""
    height, width = images.shape[1:3]
    rows = np.linspace(-1, 1, height)[:, None]
    columns = np.linspace(-1, 1, width)[None, :]
    weight = np.exp(-2.0 * (rows**2 + columns**2)).ravel()
    features = []
    for image in images:
        hsv = np.asarray(Image.fromarray(image).convert("HSV")).reshape(-1, 3)
        # 12 hues x 3 saturations x 3 brightnesses.
        hue, saturation, value = (hsv // (22, 86, 86)).T
        bins = hue * 9 + saturation * 3 + value
        counts = np.bincount(bins, weight, minlength=108)
        features.append(np.sqrt(counts / counts.sum()))
    return np.array(features)


def named_color(captions):
    """The color that at least 4 captions name, if no other is named half as often."""
    counts = {
        c: sum(bool(re.search(rf"\b{c}\b", t.lower())) for t in captions)
        for c in COLORS
    }
    best = max(counts, key=counts.get)
    others = max(n for c, n in counts.items() if c != best)
    return best if counts[best] >= 4 and others * 2 < counts[best] else None


def real_pictures(data, split, image_size):
    """Pictures of one split whose captions agree on a color, and the color."""
    dataset = keras_t2i.data.load(
        data, split, image_size=image_size, batch_size=64, training=False
    )
    images = np.concatenate([y.numpy() for _, y in dataset])
    labels = [named_color(captions) for captions in dataset.source.texts]
    chosen = [i for i, label in enumerate(labels) if label is not None]
    return images[chosen], np.array([labels[i] for i in chosen])


def judge(known, labels, asked):
    """Color names by a vote of the nearest neighbors, each color alike."""
    names, counts = np.unique(labels, return_counts=True)
    share = dict(zip(names, counts / len(labels)))
    similarity = asked @ known.T
    result = []
    for row in similarity:
        nearest = labels[np.argsort(-row)[:NEIGHBORS]]
        votes = {c: np.sum(nearest == c) / share[c] for c in names}
        result.append(max(votes, key=votes.get))
    return np.array(result)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--preset", default="gan_cls_flowers_64")
    parser.add_argument("--data", required=True)
    parser.add_argument("--num-images", type=int, default=25, help="a wording")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    model = keras_t2i.models.from_preset(options.preset)
    images, labels = real_pictures(options.data, "train", model.image_size)
    known = histogram(images)
    held_out, truth = real_pictures(
        options.data, "validation", model.image_size
    )
    real = judge(known, labels, histogram(held_out)) == truth

    colors = [c for c in COLORS if c in labels]
    captions = [w.format(c) for c in colors for w in WORDINGS]
    drawn = model.generate(
        captions, seed=options.seed, num_images=options.num_images
    )
    asked = np.repeat(colors, len(WORDINGS) * options.num_images)
    hits = judge(known, labels, histogram(drawn)) == asked
    print(
        json.dumps(
            {
                "preset": options.preset,
                "color_accuracy": round(float(hits.mean()), 3),
                "by_color": {
                    c: round(float(hits[asked == c].mean()), 3) for c in colors
                },
                "n": len(hits),
                "real_held_out_accuracy": round(float(real.mean()), 3),
                "real_n": len(real),
                "chance": round(1 / len(colors), 3),
                "seed": options.seed,
            }
        )
    )


if __name__ == "__main__":
    main()
