"""Multi-Modal-CelebA-HQ (Xia et al. 2021, arXiv:2012.03308).

    text/celeba-caption/0.txt                        (ten captions)
    images/0.jpg                                     (or image/images/0.jpg)
    train/filenames.pickle, test/filenames.pickle    (where present)

Without these lists all is train.
"""

from keras_t2i.data.layouts import filename_lists
from keras_t2i.data.layouts.rows import Found
from keras_t2i.data.layouts.rows import Row
from keras_t2i.data.layouts.rows import first_folder

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
            found.add(Row(image, name, captions, split=split))
    return found
