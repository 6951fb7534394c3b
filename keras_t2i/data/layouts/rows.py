"""What every layout gives: one `Row` a picture, and what was left out."""

import dataclasses
import pathlib

import numpy as np

SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
}


@dataclasses.dataclass(slots=True)
class Row:
    """One picture as a folder describes it.

    Attributes:
        image: path of the picture, or a `packed.PackedPicture`.
        name: what to call it: its path relative to the folder, with `/`.
        captions: strings, none of them blank.
        split: what the folder says, or `"train"`.
        label: name of its class, or None.
        identity: whom it shows, or None.
        class_id: whole number, the same for all pictures of a class.
        box: `(left, top, right, bottom)` in pixels, the part to take, which
            may reach over the edges; None takes the whole picture.
        size: `(width, height)` if known without opening the picture.
        attributes: names of what it shows, such as "Smiling", or None where
            that is not known.
    """

    image: object
    name: str
    captions: list
    split: str = "train"
    label: object = None
    identity: object = None
    class_id: object = None
    box: tuple | None = None
    size: tuple | None = None
    attributes: list | None = None

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
        features: `PackedFeatures` of the captions, or None.
    """

    folder: pathlib.Path
    layout: str
    rows: list = dataclasses.field(default_factory=list)
    bad: dict = dataclasses.field(default_factory=dict)
    empty_captions: int = 0
    features: object = None

    def name(self, path):
        """`path` relative to the folder where it lies inside."""
        path = pathlib.Path(path)
        if path.is_relative_to(self.folder):
            path = path.relative_to(self.folder)
        return encodable(path.as_posix())

    def add(self, row):
        """Takes a row, or names it among the bad if it has no caption."""
        if row.captions:
            self.rows.append(row)
        else:
            self.bad[row.name] = "has no caption"

    def captions(self, value):
        """Captions as stripped strings with single spaces.

        Args:
            value: a string or a list of them; others count as empty.

        Returns:
            list of strings, none of them empty.
        """
        values = value if isinstance(value, list) else [value]
        texts = []
        for text in values:
            text = " ".join(text.split()) if isinstance(text, str) else ""
            text = encodable(text)
            if text:
                texts.append(text)
            else:
                self.empty_captions += 1
        return texts

    def caption_file(self, path):
        """The captions of a text file, one a line.

        Raises:
            ValueError: there is none, or it cannot be read; says why.
        """
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except FileNotFoundError:
            raise ValueError("has no .txt file with captions") from None
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(
                f"its .txt file is not UTF-8 text ({error})"
            ) from error
        return self.captions(text.rstrip().splitlines())


def encodable(text):
    """`text` without halves of surrogate pairs, which cannot be written."""
    return text.encode(errors="ignore").decode()


def scalar(value):
    """Strings and whole numbers; blanks and everything else is None."""
    if isinstance(value, str):
        return encodable(value).strip() or None
    return value if isinstance(value, int) else None


def split_folder(name):
    """The split that the first folder of a relative path names."""
    first, slash, _ = name.partition("/")
    return SPLITS.get(first.lower() if slash else "train", "train")


def number_classes(rows):
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


def lines(path):
    """The lines of a list that comes with a data set, stripped, not blank.

    What is not UTF-8 is replaced, so that it costs its own line alone.
    """
    text = path.read_bytes().decode("utf-8-sig", "replace")
    return [line.strip() for line in text.splitlines() if line.strip()]


def first_folder(places, names):
    """The first folder that exists among `names` in `places`, or None."""
    choices = (place / name for place in places for name in names)
    return next(filter(pathlib.Path.is_dir, choices), None)


def first_file(places, names):
    """The first file that exists among `names` in `places`, or None."""
    choices = (place / name for place in places for name in names)
    return next(filter(pathlib.Path.is_file, choices), None)
