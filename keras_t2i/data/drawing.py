"""A captioned set that is drawn instead of read: one shape on a background."""

import functools
import hashlib
import itertools
import math

import numpy as np
from PIL import Image, ImageDraw

from keras_t2i.data import pipeline, wording

SHAPES = ("circle", "square", "triangle", "cross")
COLORS = {
    "red": (215, 25, 35),
    "green": (30, 165, 70),
    "blue": (35, 70, 220),
    "yellow": (250, 225, 45),
    "purple": (145, 35, 175),
    "orange": (245, 130, 20),
}
# Radius of the disc of the same area, as a fraction of the picture.
SIZES = {"small": 0.115, "medium": 0.152, "large": 0.2}
# Center of mass, as a fraction of height and width.
POSITIONS = {
    "top left": (0.32, 0.32),
    "top right": (0.32, 0.68),
    "bottom left": (0.68, 0.32),
    "bottom right": (0.68, 0.68),
    "center": (0.5, 0.5),
}
BACKGROUNDS = {
    "white": (243, 243, 243),
    "gray": (128, 128, 128),
    "black": (12, 12, 12),
}
ATTRIBUTES = {
    "shape": SHAPES,
    "color": tuple(COLORS),
    "size": tuple(SIZES),
    "position": tuple(POSITIONS),
    "background": tuple(BACKGROUNDS),
}
COMBINATIONS = tuple(itertools.product(*ATTRIBUTES.values()))
HELD_OUT_FRACTION = 0.1
CAPTIONS_PER_COMBINATION = 6


def shapes(
    split="train",
    image_size=32,
    batch_size=64,
    *,
    num_images=None,
    seed=0,
    language="mixed",
    training=None,
    repeat=False,
    start_step=0,
):
    """Batches of drawn shapes with captions; needs no files.

    A picture shows one shape of 4 shapes, 6 colors, 3 sizes, 5 positions and
    3 backgrounds, a little varied in place, size and shade. A tenth of the
    1080 combinations is never in `"train"`: those are `"validation"`. Each
    combination has six captions in different words; three of them leave some
    attributes out, the first names all. `shapes_accuracy` reads the
    attributes back from pixels.

    Args:
        split: `"train"` or `"validation"`, the combinations not in train.
        image_size: height and width, at least 16.
        batch_size: pictures in a batch.
        num_images: pictures in the set, evenly over the combinations. None:
            10,000 to train, ten of each combination to validate.
        seed: of the pictures and their order.
        language: of the captions: `"english"`, `"chinese"` or `"mixed"`.
        training: True shuffles, draws one of the captions and drops the last
            partial batch; False takes everything in order with captions that
            name all attributes. None: True for `split="train"`.
        repeat: as in `load`.
        start_step: as in `load`.

    Returns:
        `tf.data.Dataset` of `({"text": string [B], "class_id": int64 [B]},
        uint8 [B, image_size, image_size, 3])`; `class_id` is the number of
        the combination. Its attribute `source` is as in `load`.

    Raises:
        ValueError: an argument makes no sense.
    """
    if not isinstance(image_size, int) or image_size < 16:
        raise ValueError(
            "Shapes can be told apart from image_size=16 on. Received: "
            f"image_size={image_size!r}"
        )
    numbers = combinations(split)
    if num_images is None:
        num_images = 10_000 if split == "train" else 10 * len(numbers)
    if not isinstance(num_images, int) or num_images < 1:
        raise ValueError(
            "num_images must be a whole number >= 1. Received: "
            f"num_images={num_images!r}"
        )
    captions = {c: _captions(c, language) for c in numbers}
    rng = np.random.default_rng((seed, split == "train"))
    class_ids = [
        c
        for _ in range(-(-num_images // len(numbers)))
        for c in rng.permutation(numbers)
    ][:num_images]
    source = pipeline.CaptionedPictures(
        texts=[captions[c] for c in class_ids],
        class_ids=class_ids,
        names=None,
        read=lambda i: _picture(
            class_ids[i],
            image_size,
            np.random.default_rng((seed, split == "train", i)),
        ),
        keep=3 * num_images * image_size**2 < pipeline.KEEP_BYTES,
    )
    return pipeline.dataset(
        source,
        image_size,
        batch_size,
        seed,
        training=split == "train" if training is None else training,
        repeat=repeat,
        start_step=start_step,
        mirror=False,
    )


def shapes_captions(n, split="validation", *, seed=0, language="mixed"):
    """Captions that name all five attributes.

    Args:
        n: how many.
        split: whose combinations; `"validation"` are those that training
            on `shapes()` never shows.
        seed: of the choice of combinations and words.
        language: `"english"`, `"chinese"` or `"mixed"`.

    Returns:
        list of `n` strings, evenly over the combinations.
    """
    numbers = combinations(split)
    rng = np.random.default_rng((seed, 2))
    order = [
        c
        for _ in range(-(-n // len(numbers)))
        for c in rng.permutation(numbers)
    ]
    return [wording.caption(_named(c), language, rng) for c in order[:n]]


@functools.cache
def combinations(split):
    """Numbers of the attribute combinations of a split, in rising order."""
    if split not in ("train", "validation"):
        raise ValueError(
            "shapes has split='train' and split='validation' (combinations "
            f"that train leaves out). Received: split={split!r}"
        )
    by_hash = sorted(
        range(len(COMBINATIONS)),
        key=lambda c: hashlib.sha256(
            " ".join(COMBINATIONS[c]).encode()
        ).digest(),
    )
    held = round(HELD_OUT_FRACTION * len(by_hash))
    return sorted(by_hash[held:] if split == "train" else by_hash[:held])


def mask(shape, radius, center, image_size):
    """Coverage of the pixels by a shape.

    Args:
        shape: one of `SHAPES`.
        radius: of the disc of the same area, in fractions of the picture.
        center: center of mass, `(y, x)` in fractions of the picture.
        image_size: height and width in pixels.

    Returns:
        float32 `[image_size, image_size]` in 0..1.
    """
    fine = max(4, 256 // image_size)  # Drawn larger, for smooth edges.
    side = image_size * fine
    y, x = (c * side - 0.5 for c in center)
    r = radius * side
    canvas = Image.new("L", (side, side))
    draw = ImageDraw.Draw(canvas)
    if shape == "circle":
        draw.ellipse((x - r, y - r, x + r, y + r), 255)
    elif shape == "square":
        half = r * math.sqrt(math.pi) / 2
        draw.rectangle((x - half, y - half, x + half, y + half), 255)
    elif shape == "triangle":  # Equilateral, its tip up.
        up = r * math.sqrt(4 * math.pi / math.sqrt(27))
        wide, down = up * math.sqrt(3) / 2, up / 2
        points = (x, y - up), (x - wide, y + down), (x + wide, y + down)
        draw.polygon(points, 255)
    else:  # A cross of five equal squares.
        half = r * math.sqrt(math.pi / 5) / 2
        draw.rectangle((x - 3 * half, y - half, x + 3 * half, y + half), 255)
        draw.rectangle((x - half, y - 3 * half, x + half, y + 3 * half), 255)
    return np.asarray(canvas.reduce(fine), "float32") / 255


def _picture(number, image_size, rng):
    """Draws a combination; place, size and shade vary a little."""
    shape, color, size, position, background = COMBINATIONS[number]
    radius = SIZES[size] * rng.uniform(0.95, 1.05)
    center = np.array(POSITIONS[position]) + rng.uniform(-0.025, 0.025, 2)
    paint = np.array(COLORS[color]) + rng.uniform(-10, 10, 3)
    ground = np.array(BACKGROUNDS[background]) + rng.uniform(-8, 8)
    cover = mask(shape, radius, center, image_size)[..., None]
    picture = ground + cover * (paint - ground)
    return picture.round().clip(0, 255).astype("uint8")


def _named(number):
    return dict(zip(ATTRIBUTES, COMBINATIONS[number]))


def _captions(number, language):
    """The captions of a combination: the same whatever the seed.

    Few captions in all, so that a frozen text encoder is quickly done.
    """
    rng = np.random.default_rng(number)
    captions = []
    for i in range(CAPTIONS_PER_COMBINATION):
        named = _named(number)
        if i >= CAPTIONS_PER_COMBINATION // 2:
            keep = rng.permutation(list(named))[: rng.integers(1, len(named))]
            named = {key: named[key] for key in keep}
        captions.append(wording.caption(named, language, rng))
    return captions
