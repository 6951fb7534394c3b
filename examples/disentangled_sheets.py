"""What a ModalityDisentangledT2I preset can do, as pictures and numbers.

    python examples/disentangled_sheets.py --preset disentangled_flowers_64 \\
        --subject flowers --out sheets

writes

- `grid.png`: a row a caption, a column a style: rows should share what the
  words say, columns pose, background and light;
- `style.png`: the style of the left column's picture with the words of the
  other columns; the pictures on the left are drawn too, or with `--data FOLDER`
  (which is not to be shown to others if its licence forbids it) real ones;

and prints, as one line of JSON, over all captions of the subject in 64 styles:

- `style_correlation`: Pearson's correlation of the noise and the style that
  the image encoder finds in the pictures drawn from it;
- `swap_ratio`: how much the similarity of text and picture changes when the
  picture is drawn for another text, over how much it changes when it is drawn
  in another style. `--judge PRESET` asks an `ImageTextMatcher` instead of the
  model itself;
- with `--data`, `brightness_correlation` of the borders of real pictures and
  of the pictures drawn in their style, over all captions;
- for shapes, `probe`: each attribute is left out of 512 captions, which are
  drawn in 8 styles. `accuracy` says how often a linear probe tells the value
  from the style that the image encoder finds, for captions that the probe did
  not learn from; `commonest` is the share of the value that was drawn most
  often, which knowing nothing would score; `commonest_of_caption` the mean of
  that share within one caption: 1 where the noise changes nothing.
"""

import argparse
import json
import pathlib

import numpy as np

import keras_t2i
from keras_t2i.data import drawing
from keras_t2i.data import oracle
from keras_t2i.data import wording

# Written for this script: no data set holds them.
CAPTIONS = {
    "flowers": [
        "a purple flower with yellow stamen",
        "a bright red flower with a dark center",
        "this yellow flower has many thin petals",
        "a white flower with round petals and a yellow center",
        "a pink flower with pointed petals",
        "the flower has orange petals with dark spots",
    ],
    "birds": [
        "a small bright red bird with black wings",
        "a yellow bird with a short beak and gray wings",
        "this bird is blue all over with a white belly",
        "a black bird with a long pointed beak",
        "a white bird with gray wings and an orange beak",
        "a small brown bird with a streaked breast",
    ],
    "shapes": [
        "a red circle",
        "a blue square",
        "a green triangle",
        "a yellow cross in the center",
        "a large purple shape",
        "an orange shape on a black background",
    ],
}
STYLES = 64
PROBED = 512
PROBED_STYLES = 8


def grid(model, captions, num_styles=8, seed=0):
    """A row a caption, a column a style."""
    images = model.content_style_grid(captions, num_styles, seed)
    return keras_t2i.pictures.grid(
        images, columns=num_styles, captions=captions, scale=2
    )


def style(model, captions, givers):
    """First column: a picture that gives the style; then one a caption."""
    images = model.content_style_grid(captions, style_image=givers)
    # [captions, givers, ...] -> a row a giver.
    images = images.reshape(len(captions), len(givers), *images.shape[1:])
    rows = np.concatenate([givers[None], images]).swapaxes(0, 1)
    return keras_t2i.pictures.grid(
        rows.reshape(-1, *images.shape[2:]), columns=len(captions) + 1, scale=2
    )


def correlation(first, second):
    """Pearson's, row by row."""
    first = first - first.mean(axis=-1, keepdims=True)
    second = second - second.mean(axis=-1, keepdims=True)
    lengths = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    return np.sum(first * second, axis=-1) / lengths


def style_and_swaps(model, captions, judge, seed):
    """The first two numbers."""
    latents = model.latents_for(STYLES, seed)
    images = model.content_style_grid(captions, style=latents)
    _, found = model.encode(images)
    of_noise = correlation(np.tile(latents, (len(captions), 1)), found)

    scores = judge.similarity(captions, images)
    count = len(captions)
    # [text, text that the picture was drawn for, style]
    scores = scores.reshape(count, count, STYLES)
    own = scores[np.arange(count), np.arange(count)]  # [text, style]
    other_text = np.abs(own[:, None] - scores)[~np.eye(count, dtype=bool)]
    other_style = np.abs(own - np.roll(own, 1, axis=1))
    return {
        "style_correlation": round(float(of_noise.mean()), 3),
        "similarity": round(float(own.mean()), 3),
        "other_text_changes_it_by": round(float(other_text.mean()), 3),
        "other_style_changes_it_by": round(float(other_style.mean()), 3),
        "swap_ratio": round(float(other_text.mean() / other_style.mean()), 2),
    }


def border_brightness(images):
    """Mean of the outer eighth of pictures [..., H, W, 3]."""
    width = max(1, images.shape[-2] // 8)
    inner = np.zeros(images.shape[-3:-1], bool)
    inner[width:-width, width:-width] = True
    return images[..., ~inner, :].mean(axis=(-2, -1))


def brightness_carried(model, captions, givers):
    """Correlation of border brightness, the mean over captions."""
    images = model.content_style_grid(captions, style_image=givers)
    drawn = border_brightness(images).reshape(len(captions), -1)
    given = np.broadcast_to(border_brightness(givers), drawn.shape)
    return round(float(correlation(given, drawn).mean()), 3)


def real_pictures(data, image_size, count):
    """Pictures of classes that training held out, evenly spread."""
    dataset = keras_t2i.data.load(
        data, "validation", image_size=image_size, training=False
    )
    images = np.concatenate([images.numpy() for _, images in dataset])
    return images[np.linspace(0, len(images) - 1, count).astype(int)]


def probe(model, seed):
    """For each attribute: captions that say all but it, in several styles."""
    results = {}
    random = np.random.default_rng(seed)
    for attribute, values in drawing.ATTRIBUTES.items():
        captions = []
        chosen = random.choice(len(drawing.COMBINATIONS), PROBED, replace=False)
        for number in chosen:
            named = dict(
                zip(drawing.ATTRIBUTES, drawing.COMBINATIONS[number])
            )
            del named[attribute]
            captions.append(wording.caption(named, "english", random))
        images = model.generate(captions, seed=seed, num_images=PROBED_STYLES)
        seen = oracle.read_attributes(images)[attribute]
        # No shape to be seen is a value of its own.
        values = (None, *values)
        labels = np.array([values.index(value) for value in seen])
        counts = [
            np.bincount(of_caption).max()
            for of_caption in labels.reshape(PROBED, PROBED_STYLES)
        ]
        _, features = model.encode(images)
        # Learnt on the styles of one half of the captions, asked of the other.
        half = PROBED // 2 * PROBED_STYLES
        features -= features[:half].mean(axis=0)
        features /= features[:half].std(axis=0) + 1e-6
        weights = softmax_regression(
            features[:half], labels[:half], len(values)
        )
        told = np.argmax(with_one(features[half:]) @ weights, axis=1)
        results[attribute] = {
            "accuracy": round(float(np.mean(told == labels[half:])), 3),
            "commonest": round(
                float(np.bincount(labels).max() / len(labels)), 3
            ),
            "commonest_of_caption": round(
                float(np.mean(counts) / PROBED_STYLES), 3
            ),
        }
    return results


def softmax_regression(features, labels, num_values, steps=1500):
    """Weights [D + 1, num_values] of a linear probe."""
    features = with_one(features)
    wanted = np.eye(num_values)[labels]
    weights = np.zeros((features.shape[1], num_values))
    for _ in range(steps):
        logits = features @ weights
        share = np.exp(logits - logits.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        gradient = features.T @ (wanted - share) / len(labels)
        weights += 0.5 * (gradient - 1e-3 * weights)
    return weights


def with_one(features):
    return np.concatenate([features, np.ones((len(features), 1))], axis=1)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--preset", default="disentangled_flowers_64")
    parser.add_argument("--subject", choices=CAPTIONS, default="flowers")
    parser.add_argument("--judge", help="preset of an ImageTextMatcher")
    parser.add_argument("--data", help="folder with real pictures")
    parser.add_argument("--out", type=pathlib.Path, default="sheets")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    model = keras_t2i.models.ModalityDisentangledT2I.from_preset(options.preset)
    captions = CAPTIONS[options.subject]
    judge = model
    if options.judge:
        judge = keras_t2i.models.ImageTextMatcher.from_preset(options.judge)
    numbers = {
        "preset": options.preset,
        "judge": options.judge or "itself",
        "seed": options.seed,
        **style_and_swaps(model, captions, judge, options.seed),
    }
    givers = model.generate(captions[0], seed=options.seed + 1, num_images=6)
    if options.data:
        real = real_pictures(options.data, model.image_size, STYLES)
        numbers["brightness_correlation"] = brightness_carried(
            model, captions, real
        )
        givers = real[:: -(-len(real) // 6)]
    if options.subject == "shapes":
        numbers["probe"] = probe(model, options.seed)
    sheets = {
        "grid": grid(model, captions, seed=options.seed),
        "style": style(model, captions, givers),
    }
    for name, sheet in sheets.items():
        path = options.out / f"{name}.png"
        keras_t2i.pictures.save_png(path, sheet)
        print(path)
    print(json.dumps(numbers))


if __name__ == "__main__":
    main()
