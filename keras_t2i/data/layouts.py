"""Finding captioned pictures in a folder, whatever its layout."""

import csv
import dataclasses
import io
import json
import os
import pathlib

import numpy as np

from keras_t2i.pictures import SUFFIXES

TABLES = ("captions.jsonl", "captions.csv", "metadata.jsonl", "metadata.csv")
IMAGE_KEYS = ("image", "file_name", "image_path", "filename", "file")
CAPTION_KEYS = ("captions", "caption", "text", "texts")
SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
}
LOOKED_FOR = (
    "captions.jsonl, captions.csv (columns image, caption and maybe class), "
    "metadata.jsonl or metadata.csv (columns file_name, text), or pictures "
    "with a .txt file of the same name beside each"
)


@dataclasses.dataclass
class Row:
    """One picture as a folder describes it.

    Attributes:
        image: path of the picture.
        name: the same, relative to the folder, with `/`.
        captions: strings, none of them blank.
        split: what the folder says, or `"train"`.
        label: name of its class, or None.
        identity: whom it shows, or None.
        class_id: whole number, the same for all pictures of a class.
    """

    image: pathlib.Path
    name: str
    captions: list
    split: str = "train"
    label: object = None
    identity: object = None
    class_id: object = None

    @property
    def group(self):
        """What must not be torn apart between training and validation."""
        if self.identity is not None:
            return f"identity {self.identity}"
        if self.label is not None:
            return f"class {self.label}"
        if self.class_id is not None:
            return f"class_id {self.class_id}"
        return f"picture {self.name}"


@dataclasses.dataclass
class Found:
    """What `read_folder` found.

    Attributes:
        folder: the folder read.
        layout: name of the layout, for reports.
        rows: list of `Row`, each with at least one caption.
        bad: dict of file name (or table line) -> why it was left out.
        empty_captions: captions that were blank or no text.
    """

    folder: pathlib.Path
    layout: str
    rows: list = dataclasses.field(default_factory=list)
    bad: dict = dataclasses.field(default_factory=dict)
    empty_captions: int = 0

    def name(self, path):
        """`path` relative to the folder where it lies inside."""
        path = pathlib.Path(path)
        if path.is_relative_to(self.folder):
            path = path.relative_to(self.folder)
        return path.as_posix()


def read_folder(path):
    """Reads the captions of a folder; pictures are not opened.

    Args:
        path: folder with `captions.jsonl`, `captions.csv`, the `metadata`
            tables of the Hugging Face imagefolder convention (at the top or
            in sub-folders such as `train/`), or pictures with a `.txt` file
            of the same name beside each, one caption a line.

    Returns:
        `Found`.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: nothing in it is recognized, or a table is unreadable.
    """
    folder = pathlib.Path(path).expanduser()
    if not folder.exists():
        raise FileNotFoundError(
            f"There is no such folder of pictures. Received: {path}"
        )
    if not folder.is_dir():
        raise ValueError(
            "Give the folder that holds the pictures, not a file. "
            f"Received: {path}"
        )
    tables = [folder / name for name in TABLES if (folder / name).is_file()]
    tables = tables[:1] or sorted(
        file for name in TABLES[2:] for file in folder.rglob(name)
    )
    if tables:
        found = Found(folder, tables[0].name)
        for table in tables:
            _read_table(table, found)
    else:
        found = Found(folder, "pictures with .txt files")
        _read_pairs(found)
    if not found.rows and not found.bad:
        raise ValueError(
            f"No captioned pictures were found in {folder}. Looked for: "
            f"{LOOKED_FOR}."
        )
    _number_classes(found.rows)
    return found


def _read_table(table, found):
    """Adds the rows of a .jsonl or .csv table to `found`."""
    parse = _json_rows if table.suffix == ".jsonl" else _csv_rows
    by_image = {}
    for line, values in parse(table, found):
        where = f"{found.name(table)} line {line}"
        name = _first(values, IMAGE_KEYS)
        if not isinstance(name, str) or not name.strip():
            found.bad[where] = f"names no picture ({' or '.join(IMAGE_KEYS)})"
            continue
        captions = _captions(_first(values, CAPTION_KEYS), found)
        image = _locate(table.parent, name.strip())
        if image in by_image:  # Another caption of the same picture.
            by_image[image].captions += captions
            continue
        name = found.name(image)
        by_image[image] = Row(
            image,
            name,
            captions,
            split=_split(values.get("split")) or _split_folder(name),
            label=_scalar(_first(values, ("class", "label"))),
            identity=_scalar(values.get("identity")),
            class_id=_scalar(values.get("class_id")),
        )
    for row in by_image.values():
        _add(row, found)


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
    try:
        text = table.read_bytes().decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""))
        columns = reader.fieldnames or []
        if not all(set(columns) & set(k) for k in (IMAGE_KEYS, CAPTION_KEYS)):
            raise ValueError(
                f"{table} needs a first line that names the columns, such as "
                f"image,caption or file_name,text. Received: {columns}"
            )
        for values in reader:
            yield reader.line_num, values
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{table} is not UTF-8 text ({error}). Save it as UTF-8."
        ) from error
    except csv.Error as error:
        raise ValueError(f"{table} is not a CSV table ({error}).") from error


def _read_pairs(found):
    """Adds pictures that have a caption file of the same name beside them."""
    pictures = sorted(
        file
        for file in found.folder.rglob("*")
        if file.suffix.lower() in SUFFIXES
        and not found.name(file).startswith(".")
        and "/." not in found.name(file)
        and file.is_file()
    )
    if not any(file.with_suffix(".txt").exists() for file in pictures):
        return
    labels = {file: _folders(found.name(file)) for file in pictures}
    several = len(set(labels.values())) > 1
    for file in pictures:
        name = found.name(file)
        try:
            text = file.with_suffix(".txt").read_bytes().decode("utf-8-sig")
        except FileNotFoundError:
            found.bad[name] = "has no .txt file with captions"
            continue
        except (OSError, UnicodeDecodeError) as error:
            found.bad[name] = f"its .txt file is not UTF-8 text ({error})"
            continue
        row = Row(
            file,
            name,
            _captions(text.rstrip().splitlines(), found),
            split=_split_folder(name),
            label=labels[file] or None if several else None,
        )
        _add(row, found)


def _folders(name):
    """The folders that a picture lies in, below that of the split."""
    folders = name.split("/")[:-1]
    if folders and folders[0].lower() in SPLITS:
        folders = folders[1:]
    return "/".join(folders)


def _add(row, found):
    if row.captions:
        found.rows.append(row)
    else:
        found.bad[row.name] = "has no caption"


def _first(values, keys):
    return next((values[k] for k in keys if values.get(k) is not None), None)


def _scalar(value):
    """Strings and whole numbers; blanks and everything else is None."""
    if isinstance(value, str):
        return value.strip() or None
    return value if isinstance(value, int) else None


def _captions(value, found):
    """Captions as stripped strings with single spaces."""
    values = value if isinstance(value, list) else [value]
    texts = []
    for text in values:
        text = " ".join(text.split()) if isinstance(text, str) else ""
        # JSON may hold half of a surrogate pair, which no encoding can write.
        text = text.encode(errors="ignore").decode()
        if text:
            texts.append(text)
        else:
            found.empty_captions += 1
    return texts


def _split(value):
    """The usual name of a split that a row gives, or None."""
    value = _scalar(value)
    return SPLITS.get(str(value).lower(), str(value)) if value else None


def _split_folder(name):
    """The split that the first folder of a relative path names."""
    first, slash, _ = name.partition("/")
    return SPLITS.get(first.lower() if slash else "train", "train")


def _number_classes(rows):
    """Gives every row a whole `class_id`, the same whatever split is loaded.

    Numbers that the rows give are kept if all have one. Else pictures of one
    identity, or else of one label, share a number, and a picture with
    neither is a class of its own.
    """
    try:
        numbers = np.array([int(row.class_id) for row in rows], "int64")
    except (TypeError, ValueError, OverflowError):
        groups = sorted({row.group for row in rows})
        groups = {group: i for i, group in enumerate(groups)}
        numbers = [groups[row.group] for row in rows]
    for row, number in zip(rows, numbers):
        row.class_id = int(number)
