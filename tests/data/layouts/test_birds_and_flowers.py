import pickle

import numpy as np
import pytest

from keras_t2i import data
from keras_t2i.data import layouts

CLASSES = ("001.Black_footed_Albatross", "002.Laysan_Albatross", "003.Sooty")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def birds(tmp_path, draw):
    """birds/CUB_200_2011 and birds/text, as AttnGAN's users have them."""
    tables = {"images": "", "image_class_labels": "", "bounding_boxes": ""}
    for i in range(6):
        number, name = i + 1, f"{CLASSES[i // 2]}/Bird_{i}_18.jpg"
        draw(f"CUB_200_2011/images/{name}", 20 * i, (120, 80))
        tables["images"] += f"{number} {name}\n"
        tables["image_class_labels"] += f"{number} {i // 2 + 1}\n"
        tables["bounding_boxes"] += f"{number} 60.0 27.0 32.0 {20 + i}.0\n"
        write(
            (tmp_path / "text" / name).with_suffix(".txt"),
            f"bird {i} is gray\nthis is bird {i}\n",
        )
    for name, text in tables.items():
        write(tmp_path / f"CUB_200_2011/{name}.txt", text)
    return tmp_path


def splits(found):
    return [row.split for row in found.rows]


def test_cub(birds):
    found = layouts.read_folder(birds)
    assert found.layout == "CUB-200-2011" and not found.bad
    row = found.rows[3]
    assert row.name == f"CUB_200_2011/images/{CLASSES[1]}/Bird_3_18.jpg"
    assert row.captions == ["bird 3 is gray", "this is bird 3"]
    assert (row.label, row.class_id) == (CLASSES[1], 2)
    assert splits(found) == ["train"] * 6
    # Around the center (76, 38.5) with a half side of 0.75 * 32.
    assert row.box == (76 - 24, 38 - 24, 76 + 24, 38 + 24)


def test_cub_crops_are_square_and_clipped(birds):
    boxes = birds / "CUB_200_2011/bounding_boxes.txt"
    boxes.write_text(boxes.read_text().replace("1 60.0", "1 0.0", 1))
    sizes = data.inspect(birds).sizes
    assert sizes == {(48, 48): 5, (40, 48): 1}
    _, images = next(iter(data.load(birds, "train", 32, 1, training=False)))
    assert images.shape == (1, 32, 32, 3)
    # The white left quarter of the pictures lies outside of their boxes.
    for _, images in data.load(birds, "validation", 32, 2, training=False):
        assert np.max(images) < 140


def test_cub_class_lists_keep_classes_apart(birds):
    write(birds / "trainclasses.txt", f"{CLASSES[0]}\n")
    write(birds / "testclasses.txt", f"{CLASSES[2]}\n")
    found = layouts.read_folder(birds)
    assert splits(found) == ["train"] * 2 + ["unlisted"] * 2 + ["test"] * 2
    write(birds / "valclasses.txt", f"{CLASSES[1]}\n")
    found = layouts.read_folder(birds / "CUB_200_2011")
    assert splits(found) == ["train"] * 2 + ["validation"] * 2 + ["test"] * 2


@pytest.mark.parametrize("protocol", range(5))
def test_cub_lists_of_file_names(birds, protocol):
    """As StackGAN and AttnGAN give the split; theirs are of protocol 0."""
    for part, number in (("train", 0), ("test", 2)):
        names = [f"{CLASSES[number]}/Bird_{2 * number + i}_18" for i in (0, 1)]
        (birds / part).mkdir()
        (birds / part / "filenames.pickle").write_bytes(
            pickle.dumps(names, protocol)
        )
    lines = "".join(f"{i + 1} {i % 2}\n" for i in range(6))
    write(birds / "CUB_200_2011/train_test_split.txt", lines)
    found = layouts.read_folder(birds)
    assert splits(found) == ["train"] * 2 + ["unlisted"] * 2 + ["test"] * 2


class Touches:
    """Pickled, it makes a file when it is loaded."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_a_pickle_is_never_loaded(birds, tmp_path):
    (birds / "train").mkdir()
    names = ["a", Touches(tmp_path / "touched")]
    for content in (pickle.dumps(names), b"damaged"):
        (birds / "train/filenames.pickle").write_bytes(content)
        with pytest.warns(UserWarning, match="filenames.pickle is not used"):
            found = layouts.read_folder(birds)
        assert splits(found) == ["train"] * 6
    assert not (tmp_path / "touched").exists()


def test_cub_own_split_and_captions_of_reed(birds):
    (birds / "cvpr2016_cub").mkdir()
    (birds / "text").rename(birds / "cvpr2016_cub/text_c10")
    lines = "".join(f"{i + 1} {i % 2}\n" for i in range(6))
    write(birds / "CUB_200_2011/train_test_split.txt", lines)
    assert splits(layouts.read_folder(birds)) == ["test", "train"] * 3


def test_cub_names_every_loss(birds):
    root = birds / "CUB_200_2011"
    boxes = (root / "bounding_boxes.txt").read_text().splitlines()
    boxes[0], boxes[1] = "1 a b c d", "2 nan 1 1 1"
    write(root / "bounding_boxes.txt", "\n".join(boxes[:5]) + "\n6\n")
    (birds / f"text/{CLASSES[1]}/Bird_2_18.txt").unlink()
    (birds / f"text/{CLASSES[1]}/Bird_3_18.txt").write_bytes(b"\xff\xfe")
    found = layouts.read_folder(birds)
    assert [row.class_id for row in found.rows] == [3]
    table, *pictures = found.bad.items()
    assert table == ("CUB_200_2011/bounding_boxes.txt 6", "has no value")
    names = [name.partition("Bird_")[2] for name, _ in pictures]
    assert names == [f"{i}_18.jpg" for i in (0, 1, 2, 3, 5)]
    parts = ("box is 'a", "box is 'nan", "no .txt", "UTF-8", "no class or")
    for part, (_, why) in zip(parts, pictures):
        assert part in why


@pytest.fixture
def flowers(tmp_path, draw):
    for i in range(4):
        draw(f"jpg/image_0000{i}.jpg", 20 * i)
        write(
            tmp_path / f"text_c10/class_0000{3 - i // 2}/image_0000{i}.txt",
            "\n".join(f"flower {i} number {n}" for n in range(10)),
        )
    return tmp_path


def test_oxford(flowers):
    found = layouts.read_folder(flowers)
    assert found.layout == "Oxford-102" and not found.bad
    row = found.rows[1]
    assert row.name == "jpg/image_00001.jpg"
    assert len(row.captions) == 10 and row.captions[9] == "flower 1 number 9"
    assert (row.label, row.class_id) == ("class_00003", 3)
    assert splits(found) == ["train"] * 4


def test_oxford_lists_and_losses(flowers, draw):
    (flowers / "cvpr2016_flowers").mkdir()
    (flowers / "text_c10").rename(flowers / "cvpr2016_flowers/text_c10")
    write(flowers / "cvpr2016_flowers/trainvalclasses.txt", "class_00003\n")
    write(flowers / "cvpr2016_flowers/testclasses.txt", "class_00002\n")
    draw("jpg/image_00009.jpg")
    found = layouts.read_folder(flowers)
    assert splits(found) == ["train", "train", "test", "test"]
    assert list(found.bad) == ["jpg/image_00009.jpg"]
    (flowers / "jpg/image_00003.jpg").unlink()
    report = data.inspect(flowers)
    assert "no such picture" in report.bad["jpg/image_00003.jpg"]
    assert report.splits["test"] == 1


def test_oxford_lists_of_file_names(flowers):
    for part, numbers in (("train", (0, 1)), ("test", (2, 3))):
        (flowers / part).mkdir()
        names = [f"jpg/image_0000{i}" for i in numbers]
        (flowers / part / "filenames.pickle").write_bytes(pickle.dumps(names))
    found = layouts.read_folder(flowers)
    assert splits(found) == ["train"] * 2 + ["test"] * 2
