"""Caltech-UCSD Birds 200-2011 with the captions of Reed et al. (2016).

    CUB_200_2011/images.txt, image_class_labels.txt, bounding_boxes.txt
    CUB_200_2011/images/001.Black_footed_Albatross/NAME.jpg
    text/001.Black_footed_Albatross/NAME.txt         (or text_c10/)
    trainclasses.txt, testclasses.txt                (where present)
    train/filenames.pickle, test/filenames.pickle    (where present)

The folder given is either the one above or `CUB_200_2011` itself; captions
and lists may lie in it or beside it. The lists keep whole classes for
testing. Without any the split is that of `train_test_split.txt`, which shares
its classes, else all is train.
"""

import pathlib

from keras_t2i.data.layouts import class_lists
from keras_t2i.data.layouts import filename_lists
from keras_t2i.data.layouts.rows import Found
from keras_t2i.data.layouts.rows import Row
from keras_t2i.data.layouts.rows import first_folder
from keras_t2i.data.layouts.rows import lines

LOOKED_FOR = (
    "CUB-200-2011 (images.txt, image_class_labels.txt, bounding_boxes.txt, "
    "images/, captions in text/ or text_c10/)"
)


def find(folder):
    for root in (folder, folder / "CUB_200_2011"):
        if not (root / "images.txt").is_file():
            continue
        # "Beside it" is inside the folder given, or its neighbor.
        places = [folder, root, root / "..", *folder.glob("cvpr2016_cub")]
        texts = first_folder(places, ("text_c10", "text"))
        if texts and (root / "image_class_labels.txt").is_file():
            return root, texts, places
    return None


def read(folder, what):
    root, texts, places = what
    found = Found(folder, "CUB-200-2011")
    classes = _table(root / "image_class_labels.txt", found)
    boxes = _table(root / "bounding_boxes.txt", found)
    tests = _table(root / "train_test_split.txt", found)
    of_classes = class_lists.read(places)
    of_pictures = {} if of_classes else filename_lists.read(places)
    for key, relative in _table(root / "images.txt", found).items():
        image = root / "images" / relative
        name = found.name(image)
        label = relative.partition("/")[0]
        try:
            box = _crop(boxes[key]) if boxes else None
            class_id = int(classes[key])
            captions = found.caption_file(
                (texts / relative).with_suffix(".txt")
            )
        except KeyError:
            found.bad[name] = f"has no class or no box (number {key})"
        except ValueError as error:
            found.bad[name] = str(error)
        else:
            split = "test" if tests.get(key) == "0" else "train"
            if of_classes:
                split = of_classes[label]
            elif of_pictures:
                split = of_pictures[pathlib.PurePosixPath(relative).stem]
            row = Row(
                image,
                name,
                captions,
                split=split,
                label=label,
                class_id=class_id,
                box=box,
            )
            found.add(row)
    return found


def _table(path, found):
    """Lines of a number and what belongs to it, as a dict of strings."""
    table = {}
    if path.is_file():
        for line in lines(path):
            key, space, value = line.partition(" ")
            if space:
                table[key] = value.strip()
            else:
                found.bad[f"{found.name(path)} {line}"] = "has no value"
    return table


def _crop(text):
    """The square around a bounding box that the published loaders take.

    Its half side is 0.75 times the longer side of the box, as in the
    code of AttnGAN (Xu et al. 2018, arXiv:1711.10485) and its successors.
    """
    try:
        left, top, width, height = map(float, text.split())
        half = int(0.75 * max(width, height))
        x, y = int(left + width / 2), int(top + height / 2)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"its bounding box is {text!r}") from error
    if half < 1:
        raise ValueError(f"its bounding box is {text!r}")
    return x - half, y - half, x + half, y + half
