"""Mutates pictures and captions: nothing may crash, every loss is named.

    python -m tests.fuzz_data --count 10000 --seed 1
"""

import argparse
import csv
import io
import json
import pathlib
import tempfile
import time
import warnings

import numpy as np
from PIL import Image

from keras_t2i import data, pictures
from keras_t2i.data import checking
from keras_t2i.data import folder as folders
from keras_t2i.data import layouts

FOLDER_SIZE = 100
LAYOUTS = ("jsonl", "csv", "pairs")
FORMATS = {
    ".png": ("L", "LA", "P", "1", "RGB", "RGBA", "I;16"),
    ".jpg": ("L", "RGB", "CMYK"),
    ".gif": ("P", "L"),
    ".webp": ("RGB", "RGBA"),
    ".bmp": ("RGB", "P"),
    ".tif": ("RGB", "CMYK", "F", "I;16"),
    ".ppm": ("RGB",),
}
NO_PICTURES = (
    b"",
    b"<html><title>404 Not Found</title></html>",
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nquit",
    b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    b"GIF89a",
    b"\x00" * 400,
)
STRANGE_TEXTS = (
    "",
    " \t\u3000 ",
    "x" * 10_000,
    "word " * 2_000,
    "\x00\x01\x1b[31m",
    "花在左边 \u202e 🌼\u200d",
    'a "quoted", comma\nand line',
    "\ufeff\ufffe\U0010ffff",
    '"',
)


def fuzz(count, seed):
    """Mutates `count` pictures with their captions, in folders of 100.

    Returns:
        dict of how many were read, left out by name, and raised for a whole
        folder in the user's words.

    Raises:
        AssertionError: something was lost without being named.
        Exception: something crashed; the folder's seed is in a note.
    """
    totals = {"read": 0, "named as lost": 0, "folders refused": 0}
    for number in range(-(-count // FOLDER_SIZE)):
        rng = np.random.default_rng((seed, number))
        size = min(FOLDER_SIZE, count - number * FOLDER_SIZE)
        with tempfile.TemporaryDirectory() as folder:
            try:
                _fuzz_folder(pathlib.Path(folder), size, rng, totals)
            except Exception as error:
                error.add_note(f"seed={seed}, folder {number}")
                raise
    return totals


def _fuzz_folder(folder, size, rng, totals):
    layout = LAYOUTS[rng.integers(len(LAYOUTS))]
    names = [_write_picture(folder, i, rng) for i in range(size)]
    texts = [_texts(i, rng) for i in range(size)]
    {"jsonl": _write_jsonl, "csv": _write_csv, "pairs": _write_pairs}[layout](
        folder, names, texts, rng
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data.load(folder, "train", 16, 1, max_bad_fraction=0.99)
        except ValueError as error:  # In the user's words: it says where.
            assert str(folder) in str(error), error
            totals["folders refused"] += 1
            return
        found = layouts.read_folder(folder)
        checking.usable(found, pictures.MAX_PIXELS, decode=True)
        for row in found.rows:
            "".join(row.captions).encode()
            assert all(text.strip() for text in row.captions)
            picture = folders.read_scaled(row, 16)
            assert picture.dtype == "uint8" and picture.shape[2:] == (3,)
    json.dumps(found.bad, ensure_ascii=False).encode()
    _check_losses(found, names)
    totals["read"] += len(found.rows)
    totals["named as lost"] += len(found.bad)


def _check_losses(found, names):
    """Every picture is read, or named, or its line of the table is."""
    known = {row.name for row in found.rows} | found.bad.keys()
    lines = _bad_lines(found.folder / found.layout, found.bad)
    lost = [
        name
        for name in names
        if name not in known and not any(name in line for line in lines)
    ]
    # A mutated line that does not call its picture by its name stands for it.
    strangers = known - set(names)
    assert len(lost) <= len(strangers), (lost, found.bad)


def _bad_lines(table, bad):
    """The lines of a table that the report names."""
    if not table.is_file():
        return []
    text = table.read_bytes().decode("utf-8-sig", "replace")
    newline = "" if table.suffix == ".csv" else "\n"
    lines = list(io.StringIO(text, newline=newline))
    numbers = [name.split(" line ")[1] for name in bad if " line " in name]
    numbers = [[int(n) for n in number.split(" to ")] for number in numbers]
    return [line for n in numbers for line in lines[n[0] - 1 : n[-1]]]


def _write_picture(folder, number, rng):
    suffix = list(FORMATS)[rng.integers(len(FORMATS))]
    name = f"{number:04}{suffix}"
    content = _picture(suffix, rng)
    for _ in range(rng.integers(0, 3)):
        content = _mutated(content, rng)
    if rng.random() < 0.05:
        content = NO_PICTURES[rng.integers(len(NO_PICTURES))]
    if rng.random() < 0.1:  # Wrongly named.
        name = f"{number:04}{list(FORMATS)[rng.integers(len(FORMATS))]}"
    (folder / name).write_bytes(content)
    return name


def _picture(suffix, rng):
    mode = FORMATS[suffix][rng.integers(len(FORMATS[suffix]))]
    height, width = rng.integers(1, 40, 2)
    pixels = rng.integers(0, 256, (height, width, 3), "uint8")
    image = Image.fromarray(pixels)
    if mode == "I;16":
        image = Image.fromarray(pixels[..., 0].astype("uint16") * 257)
    else:
        image = image.convert("L").convert(mode) if mode == "LA" else (
            image.convert(mode)
        )
    more = {}
    if rng.random() < 0.2 and suffix in (".gif", ".webp", ".png"):
        more = {"save_all": True, "append_images": [image.copy()] * 2}
    elif rng.random() < 0.3 and suffix in (".jpg", ".png", ".webp"):
        exif = Image.Exif()
        exif[0x0112] = int(rng.integers(0, 10))  # The orientation.
        more = {"exif": exif}
    file = io.BytesIO()
    image.save(file, Image.registered_extensions()[suffix], **more)
    return file.getvalue()


def _mutated(content, rng):
    """Some bytes changed, cut out, repeated or added."""
    content = bytearray(content)
    start = int(rng.integers(len(content) + 1))
    if rng.random() < 0.5:  # Headers are where the decisions are.
        start = min(start, int(rng.integers(64)))
    length = int(rng.integers(1, 9))
    kind = rng.integers(6)
    if kind == 0:
        content[start : start + length] = rng.bytes(length)
    elif kind == 1:
        del content[start:]
    elif kind == 2:
        del content[start : start + length]
    elif kind == 3:
        content[start:start] = rng.bytes(length)
    elif kind == 4:  # Huge numbers: sizes, offsets and counts.
        content[start : start + 4] = b"\xff\xff\xff\x7f"
    elif start < len(content):
        content[start] ^= 1 << rng.integers(8)
    return bytes(content)


def _texts(number, rng):
    texts = [f"picture {number}, the first", f"no. {number}", "a flower"]
    for _ in range(rng.integers(0, 3)):
        strange = STRANGE_TEXTS[rng.integers(len(STRANGE_TEXTS))]
        texts[rng.integers(3)] = strange
    return texts


def _write_jsonl(folder, names, texts, rng):
    lines = [
        json.dumps({"image": name, "captions": some}, ensure_ascii=False)
        for name, some in zip(names, texts)
    ]
    lines = [_line(line.encode(), rng) for line in lines]
    (folder / "captions.jsonl").write_bytes(b"\n".join(lines))


def _write_csv(folder, names, texts, rng):
    lines = []
    for name, some in zip(names, texts):
        file = io.StringIO()
        csv.writer(file).writerow([name, some[0]])
        lines.append(_line(file.getvalue().encode(), rng))
    (folder / "captions.csv").write_bytes(b"".join([b"image,caption\r\n", *lines]))


def _write_pairs(folder, names, texts, rng):
    for name, some in zip(names, texts):
        content = _line("\n".join(some).encode(), rng)
        (folder / name).with_suffix(".txt").write_bytes(content)


def _line(content, rng):
    return _mutated(content, rng) if rng.random() < 0.15 else content


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    start = time.time()
    print(fuzz(arguments.count, arguments.seed))
    print(f"{time.time() - start:.0f} s")
