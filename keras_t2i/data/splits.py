"""Which pictures belong to the training part and which are held out."""

import hashlib

VALIDATION_FRACTION = 0.1


def select(rows, split):
    """The rows of one split.

    Where no row says `validation`, a tenth of the training rows is held out
    for it: whole identities where the rows have them, else whole classes,
    else single pictures, always the same ones (a hash of the name decides).

    Args:
        rows: list of `layouts.Row`.
        split: `"train"`, `"validation"` or another name that the rows use.

    Returns:
        list of `layouts.Row`, in their order.

    Raises:
        ValueError: the split is empty.
    """
    said = {row.split or "train" for row in rows}
    if split in ("train", "validation") and "validation" not in said:
        training = [row for row in rows if (row.split or "train") == "train"]
        held = _held_out({_key(row) for row in training})
        chosen = [
            row
            for row in training
            if (_key(row) in held) == (split == "validation")
        ]
    else:
        chosen = [row for row in rows if (row.split or "train") == split]
    if not chosen:
        raise ValueError(
            f"There are no pictures in split={split!r}; the folder has "
            f"{len(rows)} pictures in {sorted(said)}. To hold some out for "
            "validation, at least two classes (or pictures without a class) "
            "are needed in train."
        )
    return chosen


def _key(row):
    if row.identity is not None:
        return f"identity {row.identity}"
    if row.label is not None:
        return f"class {row.label}"
    return f"picture {row.image.name}"


def _held_out(keys):
    if len(keys) < 2:
        return set()
    count = max(1, round(VALIDATION_FRACTION * len(keys)))
    by_hash = sorted(keys, key=lambda k: hashlib.sha256(k.encode()).digest())
    return set(by_hash[:count])
