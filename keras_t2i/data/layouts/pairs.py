"""Pictures with a caption file of the same name beside each."""

from keras_t2i.data.layouts.rows import SPLITS
from keras_t2i.data.layouts.rows import Found
from keras_t2i.data.layouts.rows import Row
from keras_t2i.data.layouts.rows import split_folder
from keras_t2i.pictures import SUFFIXES

LOOKED_FOR = "pictures with a .txt file of the same name beside each"


def find(folder):
    pictures = sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in SUFFIXES
        and not any(
            part.startswith(".") for part in file.relative_to(folder).parts
        )
        and file.is_file()
    )
    if any(file.with_suffix(".txt").exists() for file in pictures):
        return pictures
    return None


def read(folder, pictures):
    found = Found(folder, "pictures with .txt files")
    labels = {file: _folders(found.name(file)) for file in pictures}
    several = len(set(labels.values())) > 1
    for file in pictures:
        name = found.name(file)
        try:
            captions = found.caption_file(file.with_suffix(".txt"))
        except ValueError as error:
            found.bad[name] = str(error)
            continue
        label = labels[file] or None if several else None
        found.add(
            Row(file, name, captions, split=split_folder(name), label=label)
        )
    return found


def _folders(name):
    """The folders that a picture lies in, below that of the split."""
    folders = name.split("/")[:-1]
    if folders and folders[0].lower() in SPLITS:
        folders = folders[1:]
    return "/".join(folders)
