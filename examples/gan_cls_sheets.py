"""What a GANCLS preset can do, as three pictures.

    python examples/gan_cls_sheets.py --preset gan_cls_flowers_64 --out sheets

writes

- `grid.png`: a row a caption, a column a seed: the words should decide color
  and kind, the seed the shape and the background;
- `interpolation.png`: from one caption to another with the same noise, and
  from one noise to another with the same caption;
- `style.png`: the style of the left column's picture with the words of the
  column.
"""

import argparse
import pathlib

import numpy as np
from flower_grid import CAPTIONS
from flower_grid import grid

import keras_t2i

STYLE_CAPTIONS = CAPTIONS[:5]


def interpolation(model, captions=CAPTIONS, steps=8, seed=0):
    """Two strips between captions, and one between two noises."""
    strips = [
        model.interpolate(captions[2], captions[0], steps, seed=seed),
        model.interpolate(captions[1], captions[3], steps, seed=seed + 1),
        model.interpolate(
            captions[4], captions[4], steps, seed=seed, end_seed=seed + 2
        ),
    ]
    labels = [
        f"{captions[2]} -> {captions[0]}",
        f"{captions[1]} -> {captions[3]}",
        f"{captions[4]}, one noise -> another",
    ]
    return keras_t2i.pictures.grid(
        np.concatenate(strips), columns=steps, captions=labels, scale=2
    )


def style(model, captions=STYLE_CAPTIONS, num_styles=6, seed=100):
    """First column: a picture that gives the style; then one a caption.

    The style pictures are generated ones, so that none of the data set is
    shown; `transfer_style` takes photographs just as well.
    """
    givers = model.generate(captions[0], seed=seed, num_images=num_styles)
    rows = []
    for giver in givers:
        givens = np.repeat(giver[None], len(captions), axis=0)
        rows.append(giver[None])
        rows.append(model.transfer_style(givens, captions))
    return keras_t2i.pictures.grid(
        np.concatenate(rows), columns=len(captions) + 1, scale=2
    )


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--preset", default="gan_cls_flowers_64")
    parser.add_argument("--out", type=pathlib.Path, default="sheets")
    options = parser.parse_args(arguments)
    model = keras_t2i.models.GANCLS.from_preset(options.preset)
    for sheet in (grid, interpolation, style):
        path = options.out / f"{sheet.__name__}.png"
        keras_t2i.pictures.save_png(path, sheet(model))
        print(path)


if __name__ == "__main__":
    main()
