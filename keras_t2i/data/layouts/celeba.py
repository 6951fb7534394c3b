"""CelebA (Liu et al. 2015, arXiv:1411.7766): faces with 40 attributes.

    Anno/list_attr_celeba.txt, Anno/identity_CelebA.txt
    Eval/list_eval_partition.txt
    Img/img_align_celeba/000001.jpg

The three lists and `img_align_celeba` may also lie at the top, and the lists
may be the .csv files of the Kaggle copy. CelebA has no captions: they are
made from the attributes (`face_wording.py`). Pictures of one person are one
class if `identity_CelebA` is there.
"""

from keras_t2i.data.layouts import face_wording
from keras_t2i.data.layouts.rows import Found
from keras_t2i.data.layouts.rows import Row
from keras_t2i.data.layouts.rows import first_file
from keras_t2i.data.layouts.rows import first_folder
from keras_t2i.data.layouts.rows import lines

LOOKED_FOR = "CelebA (list_attr_celeba.txt, img_align_celeba/)"
_SPLITS = {"0": "train", "1": "validation", "2": "test"}


def find(folder):
    attributes = _list(folder, "list_attr_celeba")
    nested = folder / "img_align_celeba"  # As the Kaggle copy unpacks.
    pictures = first_folder(
        (nested, folder, folder / "Img"), ["img_align_celeba"]
    )
    return (attributes, pictures) if attributes and pictures else None


def read(folder, what):
    attributes, pictures = what
    found = Found(folder, "CelebA")
    identities = _pairs(_list(folder, "identity_CelebA"))
    splits = _pairs(_list(folder, "list_eval_partition"))
    for file, shown, why in attribute_rows(attributes):
        image = pictures / file
        name = found.name(image)
        if why:
            found.bad[name] = why
            continue
        found.add(
            Row(
                image,
                name,
                face_wording.captions(shown, file),
                split=_SPLITS.get(splits.get(file), "train"),
                identity=identities.get(file),
                attributes=sorted(shown),
            )
        )
    return found


def attribute_rows(path):
    """What each picture of a list of attributes shows.

    Args:
        path: a file in the form of list_attr_celeba.

    Yields:
        Tuples of a file name, the set of the names of its attributes, and
        None; or of a file name, None, and what is wrong with its line.

    Raises:
        ValueError: the file names no attributes.
    """
    names, *rows = _cells(path)
    if names[0] == "image_id":
        names = names[1:]
    if not {"Male", "Smiling"} <= set(names):
        raise ValueError(
            f"{path} should name its attributes (Male, Smiling, ...) "
            f"in its first or second line. Received: {' '.join(names[:5])}"
        )
    for file, *values in rows:
        if len(values) != len(names) or not set(values) <= {"1", "-1", "0"}:
            yield file, None, (
                f"has {len(values)} attributes, not {len(names)} of 1 or -1"
            )
        else:
            shown = {n for n, value in zip(names, values) if value == "1"}
            yield file, shown, None


def _list(folder, stem):
    places = (folder, folder / "Anno", folder / "Eval")
    return first_file(places, (f"{stem}.txt", f"{stem}.csv"))


def _cells(path):
    """The lines split at blanks or commas, without a first one that counts."""
    rows = [line.replace(",", " ").split() for line in lines(path)]
    rows = [row for row in rows if row]
    if rows and len(rows[0]) == 1:
        rows = rows[1:]
    if not rows:
        raise ValueError(f"{path} is empty.")
    return rows


def _pairs(path):
    if path is None:
        return {}
    return {row[0]: row[1] for row in _cells(path) if len(row) == 2}
