"""Which pictures belong to the training part and which are held out."""

import hashlib

VALIDATION_FRACTION = 0.1


def select(rows, split, fold=None):
    """The rows of one split.

    Where no row says `validation`, a tenth of the training rows is held out
    for it: whole identities where the rows have them, else whole classes,
    else single pictures, always the same ones (a hash of the name decides).

    Args:
        rows: list of `layouts.Row`.
        split: `"train"`, `"validation"` or another name that the rows use.
        fold: pair (i, k) keeps the i-th of k parts of the split, i from 1, cut
            by a hash of each picture's identity, or name where it has none.
            Two networks trained on different folds have no picture, and no
            person, in common.

    Returns:
        list of `layouts.Row`, in their order.

    Raises:
        ValueError: the split is empty, or `fold` makes no sense.
    """
    said = {row.split for row in rows}
    chosen = [row for row in rows if row.split == split]
    if split in ("train", "validation") and "validation" not in said:
        training = [row for row in rows if row.split == "train"]
        held = _held_out({row.group for row in training})
        chosen = [
            row
            for row in training
            if (row.group in held) == (split == "validation")
        ]
    if fold is not None:
        chosen = _fold(chosen, fold)
    if not chosen:
        raise ValueError(
            f"There are no pictures in split={split!r}; the folder has "
            f"{len(rows)} pictures in {sorted(said)}. To hold some out for "
            "validation, train needs at least two classes (or two pictures "
            "where there are no classes)."
        )
    return chosen


def _fold(rows, fold):
    number, count = fold
    if not 1 <= number <= count:
        raise ValueError(
            "`fold` must be (i, k) with 1 <= i <= k, the i-th of k parts. "
            f"Received: {fold}"
        )
    return [r for r in rows if _hash(_unit(r)) % count == number - 1]


def _unit(row):
    """What lies in one fold as a whole."""
    return row.name if row.identity is None else row.group


def _hash(name):
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])


def _held_out(groups):
    if len(groups) < 2:
        return set()
    count = max(1, round(VALIDATION_FRACTION * len(groups)))
    by_hash = sorted(groups, key=lambda g: hashlib.sha256(g.encode()).digest())
    return set(by_hash[:count])
