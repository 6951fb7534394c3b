"""Splits published as pickled lists of file names.

StackGAN (Zhang et al. 2017), AttnGAN and MM-CelebA-HQ give theirs as
`train/filenames.pickle` and `test/filenames.pickle`. To load a pickle can run
code, so none is loaded: `pickletools` names the steps of one without taking
them, and only a file whose steps make a list of strings is used.
"""

import collections
import pathlib
import pickletools
import warnings

from keras_t2i.data.layouts.rows import SPLITS
from keras_t2i.data.layouts.rows import first_file

_FOLDERS = ("train", "val", "test")
_STRINGS = frozenset(
    "STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE "
    "SHORT_BINUNICODE".split()
)
_LIST = frozenset(
    "PROTO FRAME MARK EMPTY_LIST LIST APPEND APPENDS PUT BINPUT LONG_BINPUT "
    "MEMOIZE STOP".split()
)


def read(places):
    """Split of each picture, by its file name without folder and suffix.

    Args:
        places: folders where `train/`, `val/` and `test/` may lie.

    Returns:
        `defaultdict` of name -> split, empty if there are no lists. A picture
        in none of them is `"unlisted"`.
    """
    splits = collections.defaultdict(lambda: "unlisted")
    for name in _FOLDERS:
        file = first_file(places, [f"{name}/filenames.pickle"])
        if file is None:
            continue
        try:
            names = _strings(file.read_bytes())
        except ValueError as error:
            warnings.warn(
                f"{file} is not used for the split, as it is no plain list of "
                f"file names: {error}. Pickles that do more are never loaded."
            )
            continue
        stems = [pathlib.PurePosixPath(name).stem for name in names]
        splits.update(dict.fromkeys(stems, SPLITS[name]))
    return splits


def _strings(content):
    """The strings of a pickled list of strings, without unpickling it."""
    strings = []
    # Raises ValueError where the file is damaged.
    for step, value, _ in pickletools.genops(content):
        if step.name in _STRINGS:
            strings.append(value)
        elif step.name not in _LIST:
            raise ValueError(f"it has the step {step.name}")
    return strings
