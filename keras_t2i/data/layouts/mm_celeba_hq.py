"""Multi-Modal-CelebA-HQ (Xia et al. 2021, arXiv:2012.03308).

    text/celeba-caption/0.txt                        (ten captions)
    images/0.jpg                                     (or image/images/0.jpg)
    train/filenames.pickle, test/filenames.pickle    (where present)
    CelebAMask-HQ-attribute-anno.txt                 (attributes, where present)
    CelebA-HQ-to-CelebA-mapping.txt, identity_CelebA.txt     (who it is, alike)

Without these lists all is train. The last three come with CelebAMask-HQ and
CelebA; without them neither attributes nor identities are known.
"""

from keras_t2i.data.layouts import celeba
from keras_t2i.data.layouts import filename_lists
from keras_t2i.data.layouts.rows import Found
from keras_t2i.data.layouts.rows import Row
from keras_t2i.data.layouts.rows import first_folder
from keras_t2i.data.layouts.rows import lines

LOOKED_FOR = "MM-CelebA-HQ (text/celeba-caption/0.txt, images/0.jpg)"


def find(folder):
    texts = folder / "text" / "celeba-caption"
    images = first_folder(
        (folder, folder / "image"), ("images", "CelebA-HQ-img")
    )
    return (texts, images) if texts.is_dir() and images else None


def read(folder, what):
    texts, images = what
    found = Found(folder, "MM-CelebA-HQ")
    splits = filename_lists.read([folder])
    attributes, identities = _attributes(folder), _identities(folder)
    pictures = {
        file.stem: file
        for file in images.iterdir()
        if file.suffix.lower() in (".jpg", ".png")
    }
    stems = {file.stem for file in texts.glob("*.txt")} | pictures.keys()
    for stem in sorted(stems, key=lambda stem: (len(stem), stem)):
        image = pictures.get(stem, images / f"{stem}.jpg")
        name = found.name(image)
        try:
            captions = found.caption_file(texts / f"{stem}.txt")
        except ValueError as error:
            found.bad[name] = str(error)
        else:
            split = splits[stem] if splits else "train"
            found.add(
                Row(
                    image,
                    name,
                    captions,
                    split=split,
                    identity=identities.get(stem),
                    attributes=attributes.get(stem),
                )
            )
    return found


def _attributes(folder):
    """Number of a picture -> names of its attributes, where the list is."""
    path = folder / "CelebAMask-HQ-attribute-anno.txt"
    if not path.is_file():
        return {}
    return {
        file.partition(".")[0]: sorted(shown)
        for file, shown, why in celeba.attribute_rows(path)
        if not why
    }


def _identities(folder):
    """Number of a picture -> whom it shows, where the lists are."""
    paths = [
        folder / "CelebA-HQ-to-CelebA-mapping.txt",
        folder / "identity_CelebA.txt",
    ]
    if not all(path.is_file() for path in paths):
        return {}
    _, *mapping = lines(paths[0])  # Below the names of the columns.
    identities = dict(line.split() for line in lines(paths[1]))
    return {
        number: identities.get(original)
        for number, _, original in map(str.split, mapping)
    }
