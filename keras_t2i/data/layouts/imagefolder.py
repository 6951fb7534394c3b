"""Metadata tables in sub-folders: the Hugging Face imagefolder convention."""

from keras_t2i.data.layouts import tables

LOOKED_FOR = (
    "metadata.jsonl or metadata.csv (columns file_name, text), also in "
    "folders such as train/"
)


def find(folder):
    return sorted(
        file for name in tables.METADATA for file in folder.rglob(name)
    )


read = tables.read
