"""What a ProgressiveT2I preset draws, and what its words listen to.

    python examples/progressive_sheets.py --preset runs/flowers/model --out sheets

writes

- `grid.png`: a row a caption, a column a seed: the words should decide color
  and kind, the seed the shape and the background;
- `stages.png`: the pictures of the three stages, enlarged to one size, three
  and three side by side: noise alone, then the sentence, then the words;
- `attention.png`: a row a caption: its picture, and the picture once a word,
  lit where the last stage listened to the word.

With `--matcher PRESET` (an ImageTextMatcher) there is also
`matcher_attention.png`: the same pictures, lit where the matcher finds the
words.
"""

import argparse
import pathlib

import numpy as np
from flower_grid import CAPTIONS
from flower_grid import grid

import keras_t2i
from keras_t2i import pictures

# Of those above, the ones that speak of petals and of other parts.
ATTENTION_CAPTIONS = [CAPTIONS[i] for i in (0, 3, 4, 5)]
SEED = 0


def stages(model):
    """A row a caption: the three stages of three seeds."""
    drawn = model.generate(
        CAPTIONS, seed=SEED, num_images=3, return_stages=True
    )
    size = drawn[-1].shape[1]
    # Pixels stay visible: that is what a stage is about.
    drawn = [
        images.repeat(size // images.shape[1], axis=1).repeat(
            size // images.shape[2], axis=2
        )
        for images in drawn
    ]
    strip = np.stack(drawn, axis=1).reshape(-1, size, size, 3)
    return pictures.grid(strip, columns=9, captions=CAPTIONS, scale=2)


def attention(model):
    """A row a caption: the picture, and the picture once a word."""
    return _word_maps(model, model, lambda caption, _: (caption, SEED))


def matcher_attention(model, matcher):
    """As `attention`, as the matcher sees the pictures."""

    def arguments(caption, picture):
        size = matcher.image_size
        return caption, pictures.resized(picture[None], size)[0]

    return _word_maps(model, matcher, arguments)


def _word_maps(model, listener, arguments):
    rows, labels = [], []
    for caption in ATTENTION_CAPTIONS:
        picture = model.generate(caption, seed=SEED)[0]
        maps = listener.attention_maps(*arguments(caption, picture))
        (words,) = listener.text_encoder.spelled([caption])
        # Marks of start and end stand for no word.
        shown = [t for t in range(len(maps)) if words[t]]
        maps = pictures.resized(maps[shown], len(picture))
        rows.append(np.concatenate([picture[None], maps]))
        labels.append(["", *(" ".join(words[t]) for t in shown)])
    columns = max(map(len, rows))
    for row, label in zip(rows, labels):
        label += [""] * (columns - len(label))
    white = np.full_like(rows[0][:1], 255)
    rows = [
        np.concatenate([row, white.repeat(columns - len(row), axis=0)])
        for row in rows
    ]
    return pictures.grid(
        np.concatenate(rows), columns, captions=sum(labels, []), scale=2
    )


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--preset", required=True)
    parser.add_argument("--matcher")
    parser.add_argument("--out", type=pathlib.Path, default="sheets")
    options = parser.parse_args(arguments)
    model = keras_t2i.models.ProgressiveT2I.from_preset(options.preset)
    sheets = {f.__name__: f(model) for f in (grid, stages, attention)}
    if options.matcher:
        matcher = keras_t2i.models.ImageTextMatcher.from_preset(options.matcher)
        sheets["matcher_attention"] = matcher_attention(model, matcher)
    for name, sheet in sheets.items():
        path = options.out / f"{name}.png"
        pictures.save_png(path, sheet)
        print(path)


if __name__ == "__main__":
    main()
