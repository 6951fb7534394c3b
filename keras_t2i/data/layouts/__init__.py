"""Finding captioned pictures in a folder, whatever its layout.

One file a layout. Each has a `LOOKED_FOR` text for messages, `find(folder)`,
which returns what it recognized or None without opening pictures, and
`read(folder, what_find_returned)`, which returns `Found`.
"""

import pathlib

from keras_t2i.data.layouts import celeba
from keras_t2i.data.layouts import coco
from keras_t2i.data.layouts import cub
from keras_t2i.data.layouts import imagefolder
from keras_t2i.data.layouts import mm_celeba_hq
from keras_t2i.data.layouts import oxford
from keras_t2i.data.layouts import packed
from keras_t2i.data.layouts import pairs
from keras_t2i.data.layouts import tables
from keras_t2i.data.layouts.rows import Found
from keras_t2i.data.layouts.rows import Row
from keras_t2i.data.layouts.rows import number_classes

# In the order of recognition. The last two look through all sub-folders.
LAYOUTS = (
    packed,
    tables,
    cub,
    oxford,
    coco,
    mm_celeba_hq,
    celeba,
    imagefolder,
    pairs,
)


def read_folder(path):
    """Reads the captions of a folder; pictures are not opened.

    Args:
        path: folder in one of the `LAYOUTS`.

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
    found = Found(folder, "nothing")
    for layout in LAYOUTS:
        what = layout.find(folder)
        if what:
            found = layout.read(folder, what)
            break
    if not found.rows and not found.bad:
        looked_for = "; ".join(layout.LOOKED_FOR for layout in LAYOUTS)
        raise ValueError(
            f"No captioned pictures were found in {folder}. Looked for: "
            f"{looked_for}."
        )
    number_classes(found.rows)
    return found
