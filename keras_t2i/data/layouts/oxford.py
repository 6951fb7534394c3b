"""Oxford-102 flowers with the captions of Reed et al. (2016).

    jpg/image_00001.jpg
    text_c10/class_00001/image_06734.txt             (ten captions)
    trainclasses.txt, valclasses.txt, testclasses.txt (where present)
    train/filenames.pickle, test/filenames.pickle     (where present)

`text_c10` and the lists may also lie in `cvpr2016_flowers/`. Without lists
all is train.
"""

from keras_t2i.data.layouts import class_lists
from keras_t2i.data.layouts import filename_lists
from keras_t2i.data.layouts.rows import Found
from keras_t2i.data.layouts.rows import Row
from keras_t2i.data.layouts.rows import first_folder

LOOKED_FOR = "Oxford-102 (jpg/, text_c10/class_00001/image_06734.txt)"


def find(folder):
    places = [folder, *folder.glob("cvpr2016_flowers")]
    texts = first_folder(places, ["text_c10"])
    if texts and (folder / "jpg").is_dir():
        return texts, places
    return None


def read(folder, what):
    texts, places = what
    found = Found(folder, "Oxford-102")
    of_classes = class_lists.read(places)
    of_pictures = {} if of_classes else filename_lists.read(places)
    captioned = {file.stem: file for file in texts.glob("class_*/*.txt")}
    pictures = {file.stem: file for file in (folder / "jpg").glob("*.jpg")}
    for stem in sorted(captioned.keys() | pictures):
        image = pictures.get(stem, folder / "jpg" / f"{stem}.jpg")
        name = found.name(image)
        if stem not in captioned:
            found.bad[name] = "has no .txt file with captions"
            continue
        label = captioned[stem].parent.name
        try:
            captions = found.caption_file(captioned[stem])
            class_id = int(label.removeprefix("class_"))
        except ValueError as error:
            found.bad[name] = str(error)
            continue
        found.add(
            Row(
                image,
                name,
                captions,
                split=of_pictures[stem] if of_pictures else of_classes[label],
                label=label,
                class_id=class_id,
            )
        )
    return found
