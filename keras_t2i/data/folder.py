"""`load`: batches of captioned pictures from a folder."""

import statistics

import numpy as np
from PIL import Image

from keras_t2i import pictures
from keras_t2i.data import checking, layouts, pipeline, splits


def load(
    path,
    split="train",
    image_size=64,
    batch_size=64,
    *,
    seed=0,
    training=None,
    repeat=False,
    start_step=0,
    captions_per_picture=1,
    fold=None,
    attributes=False,
    max_bad_fraction=0.1,
    max_pixels=pictures.MAX_PIXELS,
):
    """Batches of captioned pictures from a folder.

    The layout is recognized: `captions.jsonl` (rows with `image`, `captions`
    and maybe `class`, `class_id`, `identity`, `split`), `captions.csv`, the
    Hugging Face imagefolder convention (`metadata.jsonl` or `.csv` with
    `file_name` and `text`), pictures with a `.txt` file of the same name
    beside each, one caption a line (for those, a folder named train,
    validation or test gives the split, the folders inside it the class), the
    folders of CUB-200-2011, Oxford-102, COCO captions, CelebA and
    MM-CelebA-HQ (one file each in `data/layouts/`), or what `pack` wrote.

    Pictures are scaled so that the shorter side is 76/64 of `image_size`
    (left alone if it is between `image_size` and 1.25 times that), then
    cropped to a square.

    Every picture is decoded once before training, so that damage is known
    beforehand; what was found is remembered until a file changes. Pictures
    that `pack` wrote were decoded when they were packed.

    Args:
        path: the folder.
        split: `"train"`, `"validation"` or a split that the folder names.
            Unless the folder has a validation part, a fixed tenth of the
            identities, else classes, else pictures of train is held out.
        image_size: height and width of the pictures that come out. None
            takes the largest power of two up to 256 that half of the
            folder's pictures reach without being enlarged.
        batch_size: pictures in a batch.
        seed: of the order, the crops and the choice of captions.
        training: True shuffles, crops and mirrors at random (a picture whose
            caption names a side is not mirrored), draws one caption of the
            several and drops the last partial batch. False keeps the order,
            takes the center, the first caption and every picture. None: True
            for `split="train"`.
        repeat: True gives an endless dataset. False gives one epoch, and the
            next one each time that the dataset is iterated over.
        start_step: with `repeat`, the step to start from: what comes out is
            what a run from step 0 would see from there on.
        captions_per_picture: K captions a picture, drawn with replacement;
            `text` is then [B, K]. Models average them, as some published
            settings do.
        fold: pair (i, k): only the i-th of k parts of the split, from 1. Two
            networks trained on different folds share no picture, as a
            generator's matcher and its judge should not. Pictures of one
            identity stay together.
        attributes: True adds `attributes` to each batch, float32 [B, A]: 1
            where a picture shows what `source.attribute_names` says, else 0.
            For CelebA, MM-CelebA-HQ that has CelebA's list beside it, and
            rows with `attributes`. `class_id` is then the number of the
            person, where the rows have an `identity`.
        max_bad_fraction: the pictures that cannot be used are left out with
            a warning; more than this fraction of them is an error, here and
            so before training starts.
        max_pixels: pictures with more pixels count as unusable.

    Returns:
        `tf.data.Dataset` of `({"text": string [B], "class_id": int64 [B]},
        uint8 [B, image_size, image_size, 3])` with the attribute `source`
        (`captions`, `class_ids`, `attribute_names`, `folder`, `len()`). On JAX `data.Batches`
        of NumPy arrays, which need no TensorFlow.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: nothing is recognized, the split is empty, too many
            pictures are bad, or an argument makes no sense.

    Example:

    >>> train = keras_t2i.data.load("flowers/", image_size=64)
    >>> model.fit(train, epochs=100)
    """
    found = layouts.read_folder(path)
    sizes = checking.checked(found, max_pixels)
    checking.report_bad(found, max_bad_fraction)
    if image_size is None:
        image_size = common_size(sizes.values())
    if not isinstance(image_size, (int, np.integer)) or image_size < 8:
        raise ValueError(
            "image_size must be a whole number >= 8, or None. Received: "
            f"image_size={image_size!r}"
        )
    rows = splits.select(found.rows, split, fold)
    checking.warn_of_small([sizes[row.image] for row in rows], image_size)
    decoded = sum(
        3 * np.prod(scaled_size(*sizes[row.image], image_size)) for row in rows
    )
    known = attribute_table(found.rows, rows) if attributes else (None, None)
    source = pipeline.CaptionedPictures(
        texts=[row.captions for row in rows],
        class_ids=[row.class_id for row in rows],
        names=[row.name for row in rows],
        read=lambda i: read_scaled(rows[i], image_size, max_pixels),
        folder=found.folder,
        keep=decoded < pipeline.KEEP_BYTES,
        size=lambda i: checking.file_size(rows[i]),
        features=found.features,
        attribute_names=known[0],
        attributes=known[1],
    )
    return pipeline.dataset(
        source,
        image_size,
        batch_size,
        seed,
        training=split == "train" if training is None else training,
        repeat=repeat,
        start_step=start_step,
        mirror=True,
        captions_per_picture=captions_per_picture,
    )


def attribute_table(every, rows):
    """What the pictures of some rows show, in columns.

    Args:
        every: all rows of a folder, so that each split has the same columns.
        rows: those asked about.

    Returns:
        Tuple of A names, and float32 NumPy array [N, A] of 0 and 1.

    Raises:
        ValueError: if that is not known of every picture.
    """
    unknown = [row.name for row in rows if row.attributes is None]
    names = sorted({n for row in every for n in row.attributes or ()})
    if unknown or not names:
        raise ValueError(
            f"The attributes of {len(unknown)} of {len(rows)} pictures are not "
            "known. Give each row of captions.jsonl a list `attributes`, or "
            "load without `attributes=True`. Received: "
            f"{', '.join(unknown[:3]) or 'empty lists'}"
        )
    table = [[name in row.attributes for name in names] for row in rows]
    return tuple(names), np.array(table, "float32")


def common_size(sizes):
    """The largest power of two in 8..256 that half of the pictures reach."""
    shorter = statistics.median_low(min(size) for size in sizes)
    return 1 << min(8, max(3, shorter.bit_length() - 1))


def scaled_size(width, height, image_size):
    """Width and height at which a picture is kept before cropping.

    The shorter side follows `load`'s rule; the longer one is at most twice
    that (the middle is kept), which bounds the memory that a strip takes.
    """
    shorter = min(width, height)
    target = shorter
    if not image_size <= shorter <= 1.25 * image_size:
        target = image_size * 76 // 64
    longer = min(2 * target, round(max(width, height) * target / shorter))
    return (longer, target) if width > height else (target, longer)


def read_scaled(row, image_size, max_pixels=pictures.MAX_PIXELS):
    """Reads the picture of a row and scales it as `scaled_size` says."""
    # The box is in pixels of the whole picture, decoded at its full size.
    at_least = None if row.box else image_size * 76 // 64
    picture = pictures.read(checking.file_of(row), max_pixels, at_least)
    if row.box:
        height, width = picture.shape[:2]
        left, top, right, bottom = checking.clipped(row.box, width, height)
        picture = picture[top:bottom, left:right]
    height, width = picture.shape[:2]
    size = scaled_size(width, height, image_size)
    if size == (width, height):
        return picture
    scale = min(width / size[0], height / size[1])
    # Rounding can make these a hair less than zero.
    left = max(0.0, (width - size[0] * scale) / 2)
    top = max(0.0, (height - size[1] * scale) / 2)
    box = (left, top, width - left, height - top)
    image = Image.fromarray(picture)
    return np.asarray(image.resize(size, Image.BICUBIC, box, reducing_gap=2))
