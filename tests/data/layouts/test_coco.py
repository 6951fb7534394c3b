import json

import pytest

from keras_t2i import data
from keras_t2i.data import layouts


@pytest.fixture
def coco(tmp_path, draw):
    def write(part, year, ids, prefix=""):
        images, annotations = [], []
        for i in ids:
            name = f"{prefix}{i:012}.jpg"
            draw(f"{part}{year}/{name}", 5 * i)
            images.append({"id": i, "file_name": name, "height": 40})
            annotations += [
                {"id": 10 * i + n, "image_id": i, "caption": f"{i} no. {n}\n"}
                for n in range(5)
            ]
        values = {"info": {}, "images": images, "annotations": annotations}
        table = tmp_path / f"annotations/captions_{part}{year}.json"
        table.parent.mkdir(exist_ok=True)
        table.write_text(json.dumps(values))
        return table

    return write


def test_2014(coco, tmp_path):
    coco("train", 2014, range(9, 13), "COCO_train2014_")
    coco("val", 2014, range(20, 22), "COCO_val2014_")
    found = layouts.read_folder(tmp_path)
    assert found.layout == "COCO captions" and not found.bad
    assert found.rows[0].name == "train2014/COCO_train2014_000000000009.jpg"
    assert found.rows[0].captions == [f"9 no. {n}" for n in range(5)]
    report = data.inspect(tmp_path)
    assert report.splits == {"train": 4, "validation": 2}
    assert report.classes == 6


def test_2017_in_a_folder_of_images(coco, tmp_path):
    coco("val", 2017, [3, 4])
    (tmp_path / "images").mkdir()
    (tmp_path / "val2017").rename(tmp_path / "images/val2017")
    batch, images = next(iter(data.load(tmp_path, "validation", 32)))
    assert batch["text"].numpy().tolist() == [b"3 no. 0", b"4 no. 0"]
    assert images.shape == (2, 32, 32, 3)


def test_losses_are_named(coco, tmp_path):
    table = coco("train", 2014, range(3))
    values = json.loads(table.read_text())
    values["annotations"] = values["annotations"][5:] + [
        {"image_id": 77, "caption": "of no picture"},
        {"image_id": [], "caption": "x"},
        {"image_id": 2},
        7,
        {"image_id": 1, "caption": " "},
    ]
    values["images"] += [{"id": 5}, {"file_name": 3, "id": 6}, None]
    table.write_text(json.dumps(values))
    found = layouts.read_folder(tmp_path)
    assert [row.name[-5] for row in found.rows] == ["1", "2"]
    assert found.empty_captions == 1
    where = "annotations/captions_train2014.json"
    assert set(found.bad) == {
        "train2014/000000000000.jpg",
        *(f"{where} image {i}" for i in (3, 4, 5)),
        *(f"{where} annotation {i}" for i in (11, 12, 13)),
        f"{where} image_id 77",
    }


@pytest.mark.parametrize("text", ["", "[1]", '{"images": []}', "[" * 9999])
def test_what_is_no_captions_file(coco, tmp_path, text):
    coco("train", 2014, range(3)).write_text(text)
    with pytest.raises(ValueError, match="captions_train2014.json is not"):
        layouts.read_folder(tmp_path)
