import pytest

from keras_t2i.data import splits
from keras_t2i.data.layouts import Row


def rows(count, **columns):
    return [
        Row(None, f"{i}.png", ["x"], **{k: v(i) for k, v in columns.items()})
        for i in range(count)
    ]


@pytest.mark.parametrize(
    "columns, groups",
    [
        ({"label": lambda i: i % 20}, 20),
        ({"identity": lambda i: i % 30, "label": lambda i: i % 2}, 30),
        ({"class_id": lambda i: i % 2}, 2),
        ({}, 300),
    ],
)
def test_whole_groups_are_held_out(columns, groups):
    everything = rows(300, **columns)
    train = splits.select(everything, "train")
    held = splits.select(everything, "validation")
    assert len(train) + len(held) == 300
    held_groups = {row.group for row in held}
    assert not held_groups & {row.group for row in train}
    assert len(held_groups) == max(1, groups // 10)
    assert splits.select(everything[::-1], "validation") == held[::-1]


def test_splits_that_the_rows_name_are_kept():
    names = ["train", "validation", "test"]
    everything = rows(9, split=lambda i: names[i % 3])
    for i, name in enumerate(names):
        assert splits.select(everything, name) == everything[i::3]


def test_validation_is_carved_from_train_alone():
    everything = rows(40, split=lambda i: ["train", "test"][i % 2])
    held = splits.select(everything, "validation")
    assert len(held) == 2
    assert all(row.split == "train" for row in held)


def test_empty_split():
    with pytest.raises(ValueError, match="split='test'.*3 pictures.*'train'"):
        splits.select(rows(3), "test")
    with pytest.raises(ValueError, match="at least two classes"):
        splits.select(rows(3, label=lambda i: "same"), "validation")


def test_folds_share_no_person():
    everything = rows(200, identity=lambda i: i % 40)
    first, second = [
        splits.select(everything, "train", (i, 2)) for i in (1, 2)
    ]
    assert len(first) + len(second) == len(splits.select(everything, "train"))
    persons = [{row.identity for row in part} for part in (first, second)]
    assert not persons[0] & persons[1] and min(map(len, persons)) > 8
