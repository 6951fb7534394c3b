"""Lists that keep whole classes for testing, as Reed et al. (2016) use them."""

import collections

from keras_t2i.data.layouts.rows import first_file
from keras_t2i.data.layouts.rows import lines

# Later lists overrule earlier ones: trainval is train and val together.
_LISTS = {
    "trainvalclasses.txt": "train",
    "trainclasses.txt": "train",
    "valclasses.txt": "validation",
    "testclasses.txt": "test",
}


def read(places):
    """Split of each class, from `trainclasses.txt`, `testclasses.txt`, ...

    Args:
        places: folders where the lists may lie.

    Returns:
        `defaultdict` of class name -> split, empty if there are no lists. A
        class in none of them is `"unlisted"`, or train if none lists train.
    """
    splits = {}
    for name, split in _LISTS.items():
        file = first_file(places, [name])
        if file:
            splits.update(dict.fromkeys(lines(file), split))
    other = "unlisted" if "train" in splits.values() else "train"
    return collections.defaultdict(lambda: other, splits)
