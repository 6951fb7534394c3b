import json

import pytest

from keras_t2i.data import layouts


def found(path):
    return {
        row.name: (row.captions, row.split, row.label)
        for row in layouts.read_folder(path).rows
    }


def test_captions_jsonl(folder):
    rows = layouts.read_folder(folder).rows
    assert len(rows) == 24
    assert rows[5].captions == ["picture 5", "number 5", "no. 5"]
    assert (rows[5].label, rows[5].class_id) == ("class 1", 11)


def test_imagefolder_with_splits(tmp_path, draw):
    for split in ("train", "val"):
        draw(f"{split}/a.png")
        (tmp_path / split / "metadata.jsonl").write_text(
            json.dumps({"file_name": "a.png", "text": f"a {split} picture"})
        )
    assert found(tmp_path) == {
        "train/a.png": (["a train picture"], "train", None),
        "val/a.png": (["a val picture"], "validation", None),
    }


def test_imagefolder_csv(tmp_path, draw):
    draw("a.png")
    (tmp_path / "metadata.csv").write_text('file_name,text\na.png,"one, two"\n')
    assert found(tmp_path) == {"a.png": (["one, two"], "train", None)}


def test_captions_csv_from_a_spreadsheet(tmp_path, draw):
    draw("images/a.png")
    draw("b.png")
    (tmp_path / "captions.csv").write_bytes(
        "image,caption,class\r\na.png,红花,rose\r\nb.png,blue,iris\r\n"
        "images\\a.png,  a   red flower ,rose\r\n".encode("utf-8-sig")
    )
    assert found(tmp_path) == {
        "images/a.png": (["红花", "a red flower"], "train", "rose"),
        "b.png": (["blue"], "train", "iris"),
    }


def test_text_files_beside_pictures(tmp_path, draw):
    for name in ("train/rose/a", "train/iris/deep/b", "test/rose/c"):
        draw(name + ".png")
        (tmp_path / f"{name}.txt").write_text(f"{name}\n\nflower\n")
    draw(".cache/d.png")
    draw("train/rose/e.png")
    assert found(tmp_path) == {
        "train/rose/a.png": (["train/rose/a", "flower"], "train", "rose"),
        "train/iris/deep/b.png": (
            ["train/iris/deep/b", "flower"],
            "train",
            "iris/deep",
        ),
        "test/rose/c.png": (["test/rose/c", "flower"], "test", "rose"),
    }
    assert list(layouts.read_folder(tmp_path).bad) == ["train/rose/e.png"]


def test_one_folder_is_no_class(tmp_path, draw):
    draw("pictures/a.png")
    (tmp_path / "pictures/a.txt").write_text("one")
    assert found(tmp_path) == {"pictures/a.png": (["one"], "train", None)}


def test_class_ids():
    def ids(**columns):
        rows = [
            layouts.Row(None, f"{i}.png", ["x"], **dict(zip(columns, values)))
            for i, values in enumerate(zip(*columns.values()))
        ]
        layouts.number_classes(rows)
        return [row.class_id for row in rows]

    assert ids(class_id=["7", 3]) == [7, 3]
    assert ids(label=["b", "a", "b"]) == [1, 0, 1]
    assert ids(identity=[5, 6, 5], label=["x"] * 3) == [0, 1, 0]
    assert len(set(ids(label=[None, None, "a", "a"]))) == 3
    assert ids(class_id=[10**30, 1], label=["a", "a"]) == [0, 0]


def test_bad_lines_are_counted_and_named(tmp_path, draw):
    draw("a.png")
    (tmp_path / "captions.jsonl").write_bytes(
        b'{"image": "a.png", "captions": ["ok", "", 3, "\\ud800"]}\n'
        b"{broken\n\n"
        b'{"image": "b.png", "captions": [" "]}\n'
        b'{"captions": ["no picture"]}\n'
        b'\xff\xfe\n[1]\n{"image": "' + b"x" * 5000 + b'", "caption": "y"}'
    )
    result = layouts.read_folder(tmp_path)
    assert result.rows[0].captions == ["ok"]
    assert result.empty_captions == 4
    assert list(result.bad) == [
        "captions.jsonl line 2",
        "captions.jsonl line 5",
        "captions.jsonl line 6",
        "captions.jsonl line 7",
        "b.png",
    ]


def test_errors_say_what_to_do(tmp_path, draw):
    with pytest.raises(FileNotFoundError, match="no such folder.*nowhere"):
        layouts.read_folder(tmp_path / "nowhere")
    draw("a.png")
    with pytest.raises(ValueError, match="Give the folder"):
        layouts.read_folder(tmp_path / "a.png")
    with pytest.raises(ValueError, match="captions.jsonl.*metadata.*.txt"):
        layouts.read_folder(tmp_path)
    (tmp_path / "captions.csv").write_text("a.png,a caption\n")
    with pytest.raises(ValueError, match="image,caption.*a caption"):
        layouts.read_folder(tmp_path)


def test_bad_lines_of_a_csv_cost_only_themselves(tmp_path, draw):
    for name in "abcdefg":
        draw(f"{name}.png")
    (tmp_path / "captions.csv").write_bytes(
        b"image,caption\na.png,one\nb.png,\xba\xec\nc.png,red, with dots\n"
        b'd.png,"never closed\ne.png,"closed, with comma"\nf.png,\n,g\n'
        b'g.png,"two\nlines"\na.png,"this\nb.png,is swallowed"\n'
        b'a.png,"\xff\n."\n'
    )
    result = layouts.read_folder(tmp_path)
    assert {row.name: row.captions for row in result.rows} == {
        "a.png": ["one"],
        "b.png": ['is swallowed"'],
        "e.png": ["closed, with comma"],
        "g.png": ["two lines"],
    }
    assert list(result.bad) == [
        "captions.csv line 3",
        "captions.csv line 4",
        "captions.csv line 5",
        "captions.csv line 8",
        "captions.csv line 11",
        "captions.csv line 13 to 14",
        "f.png",
    ]
    assert "need quotes" in result.bad["captions.csv line 4"]
    assert "UTF-8" in result.bad["captions.csv line 3"]
