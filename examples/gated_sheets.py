"""What a GatedT2I preset can do, as two pictures.

    python examples/gated_sheets.py --preset runs/gated/model --out sheets

writes

- `grid.png`: a row a caption, a column a seed: the words should decide color
  and kind, the seed the shape and the background;
- `keywords.png`: the words of each caption, underlined as much as the region
  loss listens to them.
"""

import argparse
import pathlib

import numpy as np
from flower_grid import CAPTIONS
from flower_grid import grid
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

import keras_t2i


def keywords(model, captions=CAPTIONS, width=760, line=64, highest=20):
    """A line a caption; the bar below a word is as high as its share."""
    image = Image.new("RGB", (width, line * len(captions) + 16), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(18)
    for number, caption in enumerate(captions):
        shares = dict(model.keywords(caption))
        x, y = 16, 12 + line * number
        for word in caption.split():
            end = x + draw.textlength(word, font)
            # The highest bar is for a caption with one keyword alone.
            share = shares.get(word.strip(".,;:").lower(), 0.0)
            height = round(highest * share)
            draw.text((x, y), word, "black" if height else "gray", font)
            if height:
                draw.rectangle([x, y + 26, end, y + 26 + height], "royalblue")
                draw.text(
                    (x, y + 28 + height), f"{share:.2f}", "gray", font_size=11
                )
            x = end + 10
    return np.asarray(image)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--preset", required=True, help="a name or a folder")
    parser.add_argument("--out", type=pathlib.Path, default="sheets")
    options = parser.parse_args(arguments)
    model = keras_t2i.models.GatedT2I.from_preset(options.preset)
    for sheet in (grid, keywords):
        path = options.out / f"{sheet.__name__}.png"
        keras_t2i.pictures.save_png(path, sheet(model))
        print(path)


if __name__ == "__main__":
    main()
