"""What a folder of captioned pictures holds, before training on it."""

import collections
import dataclasses
import hashlib

import numpy as np

from keras_t2i import pictures
from keras_t2i.data import checking, folder, layouts, pipeline, splits


@dataclasses.dataclass(frozen=True)
class Report:
    """What `inspect` found; `str()` of it is for people.

    Attributes:
        folder: the folder, as a string.
        layout: which layout was recognized.
        splits: split -> number of good pictures, as `load` gives them.
        classes: number of different `class_id`.
        captions: number of captions of the good pictures.
        captions_per_picture: number of captions -> number of pictures.
        sizes: `(width, height)` -> number of pictures.
        empty_captions: number of blank captions, which are left out.
        repeated_captions: captions shared by several pictures -> how many.
        duplicates: lists of names of pictures with the same bytes.
        bad: name -> why the picture cannot be used.
    """

    folder: str
    layout: str
    splits: dict
    classes: int
    captions: int
    captions_per_picture: dict
    sizes: dict
    empty_captions: int
    repeated_captions: dict
    duplicates: list
    bad: dict

    def __str__(self):
        count = sum(self.splits.values())
        sizes = [f"{w}x{h}: {n}" for (w, h), n in self.sizes.items()]
        several = [f"{n}: {p}" for n, p in self.captions_per_picture.items()]
        lines = [
            f"{self.folder} ({self.layout})",
            f"pictures              {count}, {self.classes} classes",
            f"splits                {_listed(_pairs(self.splits))}",
            f"sizes                 {_listed(sizes)}",
            f"captions              {self.captions}",
            f"captions a picture    {_listed(several)}",
            f"repeated captions     {len(self.repeated_captions)}",
        ]
        lines += [
            f"    {number} x {caption}"
            for caption, number in list(self.repeated_captions.items())[:3]
        ]
        lines += [
            f"empty captions        {self.empty_captions}",
            f"identical pictures    {len(self.duplicates)} groups",
        ]
        lines += [f"    {_listed(names)}" for names in self.duplicates[:10]]
        lines.append(f"bad                   {len(self.bad)}")
        lines += [f"    {name}: {why}" for name, why in self.bad.items()]
        return "\n".join(lines)


def inspect(path, *, max_pixels=pictures.MAX_PIXELS):
    """Reads a whole folder of captioned pictures and reports on it.

    Every picture is decoded, so damaged ones are found, too.

    Args:
        path: a folder as `load` takes it.
        max_pixels: pictures with more pixels count as bad.

    Returns:
        `Report`.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: nothing in it is recognized.
    """
    found = layouts.read_folder(path)
    sizes = checking.usable(found, max_pixels, decode=True)
    rows = found.rows
    captions = collections.Counter(
        caption for row in rows for caption in dict.fromkeys(row.captions)
    )
    return Report(
        folder=str(found.folder),
        layout=found.layout,
        splits=_split_sizes(rows),
        classes=len({row.class_id for row in rows}),
        captions=sum(len(row.captions) for row in rows),
        captions_per_picture=_counted(len(row.captions) for row in rows),
        sizes=_counted(sizes[row.image] for row in rows),
        empty_captions=found.empty_captions,
        repeated_captions={c: n for c, n in captions.most_common() if n > 1},
        duplicates=_duplicates(rows),
        bad=found.bad,
    )


def contact_sheet(path, columns=8, rows=4, image_size=96):
    """Some pictures of a folder with their first captions.

    Args:
        path: a folder as `load` takes it.
        columns: pictures in a row.
        rows: rows at most; the pictures are spread evenly over the folder.
        image_size: height and width of a picture.

    Returns:
        uint8 `[height, width, 3]`, for `pictures.save_png`.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: nothing in it is recognized, or no picture can be read.
    """
    found = layouts.read_folder(path)
    images, captions = [], []
    count = min(len(found.rows), columns * rows)
    picks = np.linspace(0, len(found.rows) - 1, count).round()
    for row in (found.rows[int(i)] for i in dict.fromkeys(picks)):
        try:
            picture = folder.read_scaled(row, image_size)
        except (ValueError, OSError):
            continue
        images.append(pipeline.crop_square(picture, image_size))
        captions.append(row.captions[0])
    if not images:
        raise ValueError(f"No picture in {found.folder} can be read.")
    return pictures.grid(np.stack(images), columns, captions)


def _split_sizes(rows):
    sizes = {}
    for split in ("train", "validation", *sorted({r.split for r in rows})):
        try:
            sizes[split] = len(splits.select(rows, split))
        except ValueError:
            sizes[split] = 0
    return sizes


def _duplicates(rows):
    same = collections.defaultdict(list)
    for row in rows:
        digest = hashlib.sha256(row.image.read_bytes()).digest()
        same[digest].append(row.name)
    return [names for names in same.values() if len(names) > 1]


def _counted(values):
    return dict(collections.Counter(values).most_common())


def _pairs(mapping):
    return [f"{key} {value}" for key, value in mapping.items()]


def _listed(texts, most=8):
    more = f", ... ({len(texts)} in all)" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more
