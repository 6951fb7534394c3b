"""`keras-t2i generate`: pictures from words."""

import pathlib
import re
import secrets

from keras_t2i.cli.parsing import add_verb
from keras_t2i.cli.quiet import load_tensorflow

_PRESET = "gan_cls_flowers_64"
_NO_TEXT = "Give at least one caption: keras-t2i generate TEXT (see --help)."
_EXAMPLE = """\
  keras-t2i generate "a purple flower with yellow stamen" --out flower.png
  keras-t2i generate "a red circle" "a blue cross" --preset RUN/model \\
      --num-images 8 --seed 7 --out grid.png"""


def add_arguments(verbs):
    parser = add_verb(
        verbs, "generate", run, "draw pictures for captions", _EXAMPLE
    )
    add = parser.add_argument
    add(
        "text",
        metavar="TEXT",
        nargs="*",
        help="a caption; none for a preset that draws without words",
    )
    add(
        "--preset",
        metavar="NAME_OR_PATH",
        help="trained weights: a name that `keras-t2i models` lists, or a "
        f"folder, such as RUN/model of a training (default: {_PRESET})",
    )
    add_trust(parser)
    add(
        "--out",
        metavar="PICTURE",
        default="picture.png",
        help="PNG file; several pictures become a grid in it. A folder (that "
        "exists, or ends in /) gets a file a picture (default: %(default)s)",
    )
    add(
        "--num-images",
        metavar="N",
        type=int,
        default=1,
        help="pictures a caption (default: 1)",
    )
    add(
        "--seed",
        metavar="S",
        type=int,
        help="the same seed gives the same pictures (default: a new one)",
    )
    add(
        "--truncation",
        metavar="T",
        type=float,
        help="in (0, 1]: smaller is more typical, less varied (default: 1)",
    )
    add(
        "--batch-size",
        metavar="B",
        type=int,
        help="pictures drawn at once (default: 64)",
    )
    add(
        "--scale",
        metavar="K",
        type=int,
        default=4,
        help="enlarge pictures so many times (default: 4; 1: as drawn)",
    )


def run(arguments):
    out = pathlib.Path(arguments.out)
    into_folder = arguments.out.endswith("/") or out.is_dir()
    if not into_folder and out.suffix.lower() != ".png":
        raise ValueError(
            "--out takes a PNG file (.png) or a folder (ending in /). "
            f"Received: {arguments.out}"
        )
    if arguments.scale < 1:
        raise ValueError(
            f"--scale must be at least 1. Received: {arguments.scale}"
        )
    if arguments.preset is None and not arguments.text:
        raise ValueError(_NO_TEXT)
    preset = arguments.preset or _PRESET
    load_tensorflow()
    from keras_t2i import models
    from keras_t2i import pictures

    seed = arguments.seed
    if seed is None:
        seed = secrets.randbits(31)
    model = models.from_preset(
        preset_folder(preset), safe_mode=not arguments.trust_preset
    )
    wordless = model.text_encoder is None
    if wordless == bool(arguments.text):
        raise ValueError(
            f"{preset} draws without words: leave out TEXT."
            if wordless
            else _NO_TEXT
        )
    options = {
        "seed": seed,
        "truncation": arguments.truncation,
        "num_images": arguments.num_images,
        "batch_size": arguments.batch_size,
    }
    if wordless:
        images = model.generate(**options)
        arguments.text = [""]
    else:
        images = model.generate(arguments.text, **options)
    images = enlarged(images, arguments.scale)
    if into_folder:
        for name, image in zip(_names(arguments), images, strict=True):
            pictures.save_png(out / name, image)
    elif len(images) == 1:
        pictures.save_png(out, images[0])
    else:
        pictures.save_png(out, _sheet(images, arguments))
    several = "s" if len(images) > 1 else ""
    print(f"{arguments.out}: {len(images)} picture{several}, --seed {seed}")


def add_trust(parser):
    """Adds the option to load a text encoder that a preset names."""
    parser.add_argument(
        "--trust-preset",
        action="store_true",
        help="load the TF Hub module that the preset names as its text "
        "encoder; TensorFlow runs it like a program (default: refuse)",
    )


def preset_folder(name_or_path):
    """Takes a run folder for the preset in it."""
    inside = pathlib.Path(name_or_path) / "model"
    return inside if inside.is_dir() else name_or_path


def enlarged(images, scale):
    """Bicubic enlargement of uint8 [N, H, W, 3] by a whole number."""
    import numpy as np
    from PIL import Image

    height, width = images.shape[1] * scale, images.shape[2] * scale
    many = map(Image.fromarray, images)
    return np.stack([p.resize((width, height), Image.BICUBIC) for p in many])


def _names(arguments):
    """A file name a picture, in the order of the pictures."""
    for number, text in enumerate(arguments.text, start=1):
        words = re.sub(r"\W+", "-", text).strip("-")[:40] or "picture"
        for image in range(1, arguments.num_images + 1):
            yield f"{number:03d}-{words}-{image:02d}.png"


def _sheet(images, arguments):
    """One row a caption; a single caption, or one picture each: a block."""
    from keras_t2i import pictures

    texts, count = arguments.text, arguments.num_images
    if len(texts) > 1 and count > 1:
        return pictures.grid(images, columns=count, captions=texts)
    columns = min(len(images), 4 if len(images) <= 16 else 8)
    if len(texts) == 1:
        rows = -(-len(images) // columns)
        texts = texts + [""] * (rows - 1)
    return pictures.grid(images, columns, captions=texts)
