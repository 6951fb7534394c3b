"""Microsoft COCO captions (Chen et al. 2015, arXiv:1504.00325).

    annotations/captions_train2014.json, captions_val2014.json
    train2014/COCO_train2014_000000000009.jpg, val2014/...

or the same with 2017 (the pictures of which are mostly the same, so one year
is read: the first whose pictures are there). The folders of pictures may
also lie in `images/`. val is `split="validation"`.
"""

import json

from keras_t2i.data.layouts.rows import SPLITS
from keras_t2i.data.layouts.rows import Found
from keras_t2i.data.layouts.rows import Row
from keras_t2i.data.layouts.rows import encodable
from keras_t2i.data.layouts.rows import first_folder

LOOKED_FOR = (
    "COCO captions (annotations/captions_train2014.json, train2014/, or 2017)"
)


def find(folder):
    for year in ("2014", "2017"):
        parts = []
        for part in ("train", "val"):
            table = folder / "annotations" / f"captions_{part}{year}.json"
            pictures = first_folder(
                (folder, folder / "images"), [f"{part}{year}"]
            )
            if table.is_file() and pictures:
                parts.append((part, table, pictures))
        if parts:
            return parts
    return None


def read(folder, parts):
    found = Found(folder, "COCO captions")
    for part, table, pictures in parts:
        images, annotations = _lists(table)
        captions = _captions(annotations, table, found)
        for i, values in enumerate(images):
            try:
                image = pictures / values["file_name"]
                texts = captions.pop(values["id"], [])
            except (KeyError, TypeError):
                where = f"{found.name(table)} image {i}"
                found.bad[where] = "has no file_name or id"
                continue
            name = found.name(image)
            found.add(Row(image, name, texts, split=SPLITS[part]))
        for key in captions:
            where = f"{found.name(table)} image_id {encodable(str(key))}"
            found.bad[where] = "has captions but is not among the images"
    return found


def _captions(annotations, table, found):
    """dict of image id -> captions."""
    captions = {}
    for i, values in enumerate(annotations):
        try:
            texts = captions.setdefault(values["image_id"], [])
            texts += found.captions(values["caption"])
        except (KeyError, TypeError):
            where = f"{found.name(table)} annotation {i}"
            found.bad[where] = "has no image_id or caption"
    return captions


def _lists(table):
    try:
        values = json.loads(table.read_bytes())
        images, annotations = values["images"], values["annotations"]
        if isinstance(images, list) and isinstance(annotations, list):
            return images, annotations
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise ValueError(
        f"{table} is not a COCO captions file: a JSON object with the lists "
        '"images" and "annotations". Download it again.'
    )
