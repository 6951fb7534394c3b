"""Multi-Modal-CelebA-HQ (Xia et al. 2021, arXiv:2012.03308).

    text/celeba-caption/0.txt                        (ten captions)
    images/0.jpg

Its published split is a pickle, which is never read (it could run code), so
all is train and a tenth is held out for validation.
"""

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
            found.add(Row(image, name, captions))
    return found
