import json
import pickle

import numpy as np
import pytest

from keras_t2i import data
from keras_t2i.data import layouts
from keras_t2i.data.layouts import face_wording

NAMES = ["Bald", "Black_Hair", "Eyeglasses", "Male", "Smiling", "Young"]


@pytest.fixture
def celeba(tmp_path, draw):
    """As the set's own archives unpack; six of the forty attributes."""
    for folder in ("Anno", "Eval"):
        (tmp_path / folder).mkdir()
    rows, identities, parts = [], [], []
    for i in range(1, 7):
        name = f"{i:06}.jpg"
        draw(f"Img/img_align_celeba/{name}", 20 * i, (36, 44))
        values = (" 1" if (i >> n) & 1 else "-1" for n in range(6))
        rows.append(f"{name} {' '.join(values)}\n")
        identities.append(f"{name} {2880 + i // 2}\n")
        parts.append(f"{name} {i // 3}\n")
    (tmp_path / "Anno/list_attr_celeba.txt").write_text(
        f"6\n{' '.join(NAMES)} \n" + "".join(rows)
    )
    (tmp_path / "Anno/identity_CelebA.txt").write_text("".join(identities))
    (tmp_path / "Eval/list_eval_partition.txt").write_text("".join(parts))
    return tmp_path


def test_celeba(celeba):
    found = layouts.read_folder(celeba)
    assert found.layout == "CelebA" and not found.bad
    assert [row.split for row in found.rows] == (
        ["train"] * 2 + ["validation"] * 3 + ["test"]
    )
    assert [row.identity for row in found.rows[:3]] == ["2880", "2881", "2881"]
    assert found.rows[1].class_id == found.rows[2].class_id
    assert found.rows[0].class_id != found.rows[1].class_id
    shown = {"Black_Hair", "Eyeglasses"}  # Six is 110 in binary.
    assert found.rows[5].captions == face_wording.captions(shown, "000006.jpg")
    assert found.rows[5].attributes == sorted(shown)
    assert data.inspect(celeba).splits["train"] == 2


def test_celeba_as_csv_without_lists(celeba):
    for name in ("identity_CelebA", "list_eval_partition"):
        next(celeba.rglob(f"{name}.txt")).unlink()
    table = celeba / "Anno/list_attr_celeba.txt"
    lines = table.read_text().splitlines()[1:]
    lines = [",".join(line.split()) for line in lines]
    (celeba / "list_attr_celeba.csv").write_text(
        "image_id," + "\n".join(lines)
    )
    table.unlink()
    found = layouts.read_folder(celeba)
    assert len(found.rows) == 6 and not found.bad
    assert {row.split for row in found.rows} == {"train"}
    assert len({row.class_id for row in found.rows}) == 6


def test_celeba_names_bad_lines(celeba):
    table = celeba / "Anno/list_attr_celeba.txt"
    lines = table.read_bytes().split(b"\n")
    lines[2] = lines[2][:-2]
    lines[3] = lines[3].replace(b"-1", b"\xff1")
    table.write_bytes(b"\n".join(lines))
    found = layouts.read_folder(celeba)
    assert len(found.rows) == 4
    assert [name[-10:] for name in found.bad] == ["000001.jpg", "000002.jpg"]
    table.write_text("3\na b c\n")
    with pytest.raises(ValueError, match="list_attr_celeba.txt should name"):
        layouts.read_folder(celeba)
    table.write_text("\n")
    with pytest.raises(ValueError, match="is empty"):
        layouts.read_folder(celeba)


def test_captions_of_a_face_say_what_is_shown():
    shown = {"Male", "Young", "Black_Hair", "Wavy_Hair", "Bangs", "Smiling"}
    shown |= {"Eyeglasses", "Wearing_Hat", "Attractive"}
    captions = face_wording.captions(shown, "a.jpg")
    assert captions == face_wording.captions(shown, "a.jpg")
    assert len(captions) == len(set(captions)) > 1
    for words in (
        "an attractive, young man",
        "wavy black hair and bangs",
        "eyeglasses and a hat",
        "smiling",
    ):
        assert words in captions[0]
    assert "woman" not in " ".join(captions)
    others = {
        face_wording.captions(shown, f"{i}.jpg")[0] for i in range(20)
    }
    assert others == {
        "An attractive, young man with wavy black hair and bangs wearing "
        "eyeglasses and a hat, smiling.",
        "This is an attractive, young man. He has wavy black hair and bangs. "
        "He wears eyeglasses and a hat. He is smiling.",
    }
    assert set(face_wording.captions(set(), "a.jpg")) <= {
        "An older woman.",
        "This is an older woman.",
    }


def test_mm_celeba_hq(tmp_path, draw):
    texts = tmp_path / "text/celeba-caption"
    texts.mkdir(parents=True)
    for i in (0, 1, 2, 10):
        draw(f"images/{i}.jpg", 20 * i)
        (texts / f"{i}.txt").write_text(f"face {i}\nthe face no. {i}\n")
    draw("images/11.jpg")
    (texts / "12.txt").write_text("of no picture")
    found = layouts.read_folder(tmp_path)
    assert found.layout == "MM-CelebA-HQ"
    names = [f"images/{i}.jpg" for i in (0, 1, 2, 10, 12)]
    assert [row.name for row in found.rows] == names
    assert found.rows[3].captions == ["face 10", "the face no. 10"]
    assert list(found.bad) == ["images/11.jpg"]
    assert {row.attributes for row in found.rows} == {None}
    report = data.inspect(tmp_path)
    assert set(report.bad) == {"images/11.jpg", "images/12.jpg"}


def test_mm_celeba_hq_with_the_lists_of_celeba(tmp_path, draw):
    texts = tmp_path / "text/celeba-caption"
    texts.mkdir(parents=True)
    for i in range(3):
        draw(f"images/{i}.jpg", 20 * i)
        (texts / f"{i}.txt").write_text("a face\n")
    (tmp_path / "CelebAMask-HQ-attribute-anno.txt").write_text(
        "3\nMale Smiling\n0.jpg  -1  1\n1.jpg  1  1\n2.jpg  -1 -1\n"
    )
    (tmp_path / "CelebA-HQ-to-CelebA-mapping.txt").write_text(
        "idx  orig_idx  orig_file\n0 119612 119613.jpg\n1 9 000010.jpg\n"
        "2 1 000002.jpg\n"
    )
    (tmp_path / "identity_CelebA.txt").write_text(
        "000002.jpg 7\n000010.jpg 5\n119613.jpg 7\n"
    )
    rows = layouts.read_folder(tmp_path).rows
    shown = [row.attributes for row in rows]
    assert shown == [["Smiling"], ["Male", "Smiling"], []]
    assert [row.identity for row in rows] == ["7", "5", "7"]
    assert rows[0].class_id == rows[2].class_id != rows[1].class_id


def test_mm_celeba_hq_published_split(tmp_path, draw):
    """The set's own tree: pictures in image/images, pickled file names."""
    texts = tmp_path / "text/celeba-caption"
    texts.mkdir(parents=True)
    for i in range(4):
        draw(f"image/images/{i}.jpg", 20 * i)
        (texts / f"{i}.txt").write_text(f"face {i}\n" * 10)
    for part, names in (("train", ["0", "3"]), ("test", ["1", "2"])):
        (tmp_path / part).mkdir()
        (tmp_path / part / "filenames.pickle").write_bytes(pickle.dumps(names))
    found = layouts.read_folder(tmp_path)
    assert found.layout == "MM-CelebA-HQ" and not found.bad
    splits = [row.split for row in found.rows]
    assert splits == ["train", "test", "test", "train"]


def test_attributes_of_a_table(tmp_path, draw):
    """Names in a list or a string; the color of the hair is one of them."""
    rows = []
    for i in range(20):
        draw(f"{i:02}.png", 10 * i)
        names = ["Smiling"] if i % 2 else ["Young", " "]
        row = {"image": f"{i:02}.png", "captions": ["a face"], "identity": i}
        rows.append({**row, "attributes": names, "hair": None})
    rows[3]["attributes"] = "Smiling Young"
    rows[4]["hair"] = "light brown"
    table = tmp_path / "captions.jsonl"
    table.write_text("\n".join(map(json.dumps, rows)))
    found = layouts.read_folder(tmp_path).rows
    assert found[0].attributes == ["Young"]
    assert found[3].attributes == ["Smiling", "Young"]
    assert found[4].attributes == ["Light_Brown_Hair", "Young"]

    for split, training in (("train", True), ("validation", False)):
        loaded = data.load(
            tmp_path, split, 32, 2, attributes=True, training=training
        )
        # The same columns, although not every split has every attribute.
        names = ("Light_Brown_Hair", "Smiling", "Young")
        assert loaded.source.attribute_names == names
        for x, y in loaded:
            assert x["attributes"].shape == (len(y), 3)
            for person, shown in zip(x["class_id"].numpy(), x["attributes"]):
                expected = [float(n in found[person].attributes) for n in names]
                np.testing.assert_array_equal(shown, expected)
    assert "attributes" not in data.load(tmp_path, "train", 32, 2).element_spec[0]

    del rows[7]["attributes"]
    table.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(ValueError, match="1 of 18 .*not known.*07.png"):
        data.load(tmp_path, "train", 32, 2, attributes=True)
    packed = data.pack(tmp_path, tmp_path / "packed", progress=False)
    kept = [row.attributes for row in layouts.read_folder(packed).rows]
    assert kept == [r.attributes for r in layouts.read_folder(tmp_path).rows]
    assert kept[7] is None and kept[3] == ["Smiling", "Young"]
