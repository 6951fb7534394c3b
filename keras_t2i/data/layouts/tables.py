"""A table of pictures and captions at the top of the folder."""

import csv
import io
import itertools
import json
import os

from keras_t2i.data.layouts.rows import SPLITS
from keras_t2i.data.layouts.rows import Found
from keras_t2i.data.layouts.rows import Row
from keras_t2i.data.layouts.rows import encodable
from keras_t2i.data.layouts.rows import scalar
from keras_t2i.data.layouts.rows import split_folder

LOOKED_FOR = (
    "captions.jsonl or captions.csv (columns image, caption and maybe class)"
)
METADATA = ("metadata.jsonl", "metadata.csv")
_NAMES = ("captions.jsonl", "captions.csv", *METADATA)
_IMAGE_KEYS = ("image", "file_name", "image_path", "filename", "file")
_CAPTION_KEYS = ("captions", "caption", "text", "texts")


def find(folder):
    tables = [folder / name for name in _NAMES if (folder / name).is_file()]
    return tables[:1]


def read(folder, tables):
    found = Found(folder, tables[0].name)
    for table in tables:
        _read_table(table, found)
    return found


def _read_table(table, found):
    """Adds the rows of a .jsonl or .csv table to `found`."""
    parse = _json_rows if table.suffix == ".jsonl" else _csv_rows
    by_image = {}
    for line, values in parse(table, found):
        where = f"{found.name(table)} line {line}"
        name = _first(values, _IMAGE_KEYS)
        if not isinstance(name, str) or not name.strip():
            found.bad[where] = f"names no picture ({' or '.join(_IMAGE_KEYS)})"
            continue
        captions = found.captions(_first(values, _CAPTION_KEYS))
        image = _locate(table.parent, name.strip())
        if image in by_image:  # Another caption of the same picture.
            by_image[image].captions += captions
            continue
        name = found.name(image)
        by_image[image] = Row(
            image,
            name,
            captions,
            split=_split(values.get("split")) or split_folder(name),
            label=scalar(_first(values, ("class", "label"))),
            identity=scalar(values.get("identity")),
            class_id=scalar(values.get("class_id")),
            attributes=_attributes(values),
        )
    for row in by_image.values():
        found.add(row)


def _attributes(values):
    """Names of what a picture shows, or None where the row does not say.

    A list or a string of names; the color of the `hair` is one more, named as
    in CelebA, such as "Light_Brown_Hair".
    """
    names = values.get("attributes")
    names = names.split() if isinstance(names, str) else names
    if not isinstance(names, list):
        return None
    names = {scalar(name) for name in names if isinstance(name, str)} - {None}
    hair = values.get("hair")
    if isinstance(hair, str) and hair.strip():
        names.add("_".join([*hair.title().split(), "Hair"]))
    return sorted(names)


def _locate(folder, name):
    """The picture that a table calls `name`; tables from Windows use `\\`."""
    names = name, f"images/{name}", name.replace("\\", "/")
    choices = [folder / choice for choice in names]
    return next(filter(os.path.exists, choices), choices[0])


def _json_rows(table, found):
    # Split the bytes, so that one undecodable line costs only itself.
    for number, line in enumerate(table.read_bytes().split(b"\n"), 1):
        if not line.strip(b" \r\t\xef\xbb\xbf"):
            continue
        try:
            values = json.loads(line.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            values = None
        if isinstance(values, dict):
            yield number, values
        else:
            found.bad[f"{found.name(table)} line {number}"] = "no JSON object"


def _csv_rows(table, found):
    rows = _csv_cells(table, found)
    _, _, columns = next(rows, (0, 0, []))
    if not all(set(columns) & set(k) for k in (_IMAGE_KEYS, _CAPTION_KEYS)):
        raise ValueError(
            f"{table} needs a first line that names the columns, such as "
            "image,caption or file_name,text. Received: "
            f"{[encodable(column) for column in columns]}"
        )
    for number, last, cells in rows:
        where = f"{found.name(table)} line {number}"
        where += f" to {last}" if last > number else ""
        if any(cell != encodable(cell) for cell in cells):
            found.bad[where] = "is not UTF-8 text"
        elif len(cells) > len(columns):
            found.bad[where] = (
                f"has {len(cells)} cells in {len(columns)} columns; captions "
                "with commas need quotes"
            )
        else:
            yield number, dict(zip(columns, cells))


def _csv_cells(table, found):
    """Yields the first and last line and the cells of each row with any.

    A row that is no CSV costs only its first line: reading goes on with the
    next, so that a quote that is never closed does not swallow the rest.
    """
    # What is no UTF-8 becomes half surrogates, to be found row by row.
    text = table.read_bytes().decode("utf-8-sig", "surrogateescape")
    lines = list(io.StringIO(text, newline=""))
    start = 0
    while start < len(lines):
        reader = csv.reader(itertools.islice(lines, start, None), strict=True)
        first = start
        try:
            for cells in reader:
                last = start + reader.line_num
                if _hold_a_row(lines[first + 1 : last], table.parent):
                    raise csv.Error("a quote is not closed")
                if cells:
                    yield first + 1, last, cells
                first = last
            return
        except csv.Error as error:
            start = first + 1
            found.bad[f"{found.name(table)} line {start}"] = (
                f"is not CSV ({error})"
            )


def _hold_a_row(lines, folder):
    """Whether lines inside of quotes are rows: one names a picture."""
    cells = (cell.strip(' "\r\n') for line in lines for cell in line.split(","))
    return any(cell and os.path.isfile(_locate(folder, cell)) for cell in cells)


def _first(values, keys):
    return next((values[k] for k in keys if values.get(k) is not None), None)


def _split(value):
    """The usual name of a split that a row gives, or None."""
    value = scalar(value)
    return SPLITS.get(str(value).lower(), str(value)) if value else None
