import warnings

import numpy as np
import pytest

from keras_t2i import data
from keras_t2i import pictures
from keras_t2i.data import folder as folders
from keras_t2i.data.layouts import Row


def arrays(batches):
    """Texts, class ids and pictures of all batches, one after the other."""
    parts = [(x["text"].numpy(), x["class_id"].numpy(), y) for x, y in batches]
    return [np.concatenate(part) for part in zip(*parts)]


def load(path, split="train", image_size=32, batch_size=4, **arguments):
    return data.load(path, split, image_size, batch_size, **arguments)


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(arrays(a), arrays(b)))


def test_training_batches(folder):
    train = load(folder)
    text, class_id, images = arrays(train)
    assert int(train.cardinality()) == 5
    assert images.shape == (20, 32, 32, 3) and images.dtype == np.uint8
    assert class_id.dtype == np.int64
    assert train.element_spec[1].shape == (4, 32, 32, 3)
    # Caption, class and picture belong together; each picture comes once.
    numbers = [int(t.split()[-1]) for t in text]
    assert numbers != sorted(numbers) and len(set(numbers)) == 20
    np.testing.assert_array_equal(class_id, [10 + n // 4 for n in numbers])
    np.testing.assert_array_equal(images[:, 5, 16, 0], np.multiply(numbers, 10))
    assert len({t.split()[0] for t in text}) == 3
    # The white edge is cropped at random and mirrored in about one half.
    width_left = (images[:, 5, :16, 0] == 255).sum(1)
    mirrored = (images[:, 5, 31, 0] == 255).sum()
    assert len(set(width_left)) > 3 and 3 < mirrored < 17


def test_validation_batches(folder):
    held = load(folder, "validation", batch_size=3)
    text, class_id, images = arrays(held)
    assert [len(y) for _, y in held] == [3, 1]
    assert int(held.cardinality()) == 2
    assert len(set(class_id)) == 1
    assert all(t.startswith(b"picture") for t in text)
    assert (images[:, 0, :6, 0] == 255).all()
    assert (images[:, 0, 6:, 0] < 255).all()
    assert not set(class_id) & set(arrays(load(folder))[1])
    assert same(held, held)


def test_several_captions_a_picture(folder):
    train = load(folder, captions_per_picture=2)
    text, class_id, _ = arrays(train)
    assert text.shape == (20, 2)
    # Both belong to the picture; drawn with replacement, some are equal.
    for pair, number in zip(text, class_id):
        assert {10 + int(t.split()[-1]) // 4 for t in pair} == {number}
    assert 0 < sum(len(set(pair)) == 1 for pair in text.tolist()) < 20
    held, _, _ = arrays(load(folder, "validation", captions_per_picture=4))
    assert [t.split()[0] for t in held[0]] == [
        b"picture", b"number", b"no.", b"picture"
    ]
    with pytest.raises(ValueError, match="captions_per_picture"):
        load(folder, captions_per_picture=0)


def test_source_describes_the_split(folder):
    source = load(folder).source
    assert len(source) == 20
    assert source.folder == folder
    assert len(source.captions) == 60
    assert len(set(source.class_ids)) == 5


def test_order_is_a_function_of_seed_and_epoch(folder):
    first, second = load(folder, seed=3), load(folder, seed=3)
    epochs = [arrays(first) for _ in range(3)]
    for epoch in epochs:
        for x, y in zip(epoch, arrays(second)):
            np.testing.assert_array_equal(x, y)
    assert not np.array_equal(epochs[0][0], epochs[1][0])
    assert not np.array_equal(epochs[1][2], epochs[2][2])
    assert not same(load(folder, seed=3), load(folder, seed=4))


def test_start_step_goes_on_where_a_run_stopped(folder):
    endless = load(folder, repeat=True)
    assert int(endless.cardinality()) == -1
    assert same(
        endless.skip(7).take(6), load(folder, repeat=True, start_step=7).take(6)
    )
    once = load(folder)
    assert same(endless.take(10), once.concatenate(once))


def test_validation_can_be_endless(folder):
    endless = load(folder, "validation", batch_size=3, repeat=True)
    assert [len(y) for _, y in endless.take(4)] == [3, 1, 3, 1]


def test_pictures_whose_caption_names_a_side_are_not_mirrored(tmp_path, draw):
    for i in range(8):
        draw(f"{i}.png", 50, (32, 32))
        caption = ["the Left one", "花在左边"][i % 2]
        (tmp_path / f"{i}.txt").write_text(caption, encoding="utf-8")
    images = arrays(load(tmp_path, training=True, batch_size=7).take(3))[2]
    assert (images[:, :, :8] == 255).all()


def test_scaling():
    size = folders.scaled_size
    assert size(80, 80, 64) == (80, 80)
    assert size(64, 70, 64) == (64, 70)
    assert size(81, 162, 64) == (76, 152)
    assert size(600, 400, 64) == (114, 76)
    assert size(20, 10, 64) == (152, 76)
    assert size(9000, 3, 64) == (152, 76)


def row(path, **more):
    return Row(path, path.name, ["x"], **more)


def test_large_and_odd_shaped_pictures_are_scaled(tmp_path, draw):
    path = draw("wide.png", 0, (400, 100))
    picture = folders.read_scaled(row(path), 32)
    # The middle 200 pixels are kept; the white quarter is not among them.
    assert picture.shape == (38, 76, 3) and picture[:, 1:].max() == 0
    tall = folders.read_scaled(row(draw("tall.jpg", 0, (50, 90))), 32)
    assert tall.shape == (68, 38, 3)


def test_rounding_does_not_leave_the_picture(draw):
    image = folders.read_scaled(row(draw("a.png", 0, (13, 14))), 32)
    assert image.shape == (41, 38, 3)


def test_a_box_is_cut_out_and_clipped(tmp_path, draw):
    path = draw("a.png", 0, (400, 100))  # The left quarter is white.
    white = folders.read_scaled(row(path, box=(-50, 10, 100, 110)), 64)
    assert white.shape == (76, 84, 3) and white.min() == 255
    black = folders.read_scaled(row(path, box=(100, 0, 170, 70)), 64)
    assert black.shape == (70, 70, 3) and black.max() == 0
    with pytest.raises(ValueError, match="outside the picture of 400 x 100"):
        folders.read_scaled(row(path, box=(400, 0, 500, 90)), 64)


def test_small_pictures_are_enlarged_with_one_warning(folder):
    with pytest.warns(UserWarning, match="20 of 20 .* smaller .*64") as caught:
        images = arrays(load(folder, image_size=64))[2]
    assert images.shape[1:] == (64, 64, 3)
    assert len(caught) == 1


def test_image_size_none_takes_what_the_pictures_have(folder):
    assert load(folder, image_size=None).element_spec[1].shape[1] == 32
    assert folders.common_size([(80, 90), (64, 64), (10, 10)]) == 64
    assert folders.common_size([(3000, 4000)]) == 256


def test_unusable_pictures_are_left_out_and_named(folder):
    (folder / "images/00.png").write_bytes(b"")
    (folder / "images/01.png").write_bytes(b"not a picture")
    with pytest.warns(UserWarning, match="2 of 24.*00.png: .*empty.*01.png"):
        train = load(folder)
    assert len(train.source) == 18
    (folder / "images/02.png").unlink()
    with pytest.raises(ValueError, match="3 of 24.*max_bad_fraction=0.1"):
        load(folder)
    with pytest.warns(UserWarning):
        load(folder, max_bad_fraction=0.5)


def test_too_many_pixels(folder):
    with pytest.raises(ValueError, match="max_pixels=1000"):
        load(folder, max_pixels=1000)


def damage(path):
    """Cuts off the end: the header still says what the picture would be."""
    path.write_bytes(path.read_bytes()[:-40])


def test_damage_below_the_header_is_known_before_training(folder):
    damage(folder / "images/06.png")
    damage(folder / "images/07.png")
    with pytest.warns(UserWarning, match="2 of 24.*06.png: .*damaged"):
        train = load(folder)
    assert len(train.source) == 18
    damage(folder / "images/08.png")
    with pytest.raises(ValueError, match="3 of 24.*max_bad_fraction=0.1"):
        load(folder)


def test_pictures_are_decoded_once_until_one_changes(folder, monkeypatch):
    decoded, read = [], pictures.read

    def counted(source, *arguments, **more):
        decoded.append(source.name)
        return read(source, *arguments, **more)

    monkeypatch.setattr(pictures, "read", counted)
    damage(folder / "images/06.png")
    for _ in range(2):
        with pytest.warns(UserWarning, match="1 of 24.*06.png: .*damaged"):
            load(folder)
    assert len(decoded) == 24
    damage(folder / "images/07.png")
    with pytest.warns(UserWarning, match="2 of 24.*06.png.*07.png"):
        load(folder)
    for remembered in (folder / ".keras_t2i").glob("pictures-*.json"):
        remembered.write_text("[1, 2]")
    with pytest.warns(UserWarning, match="2 of 24.*06.png.*07.png"):
        load(folder)
    assert len(decoded) == 3 * 24


def test_a_picture_that_fails_late_is_replaced_by_its_neighbor(folder):
    everything = load(folder, training=False)
    damage(folder / "images/06.png")
    with pytest.warns(UserWarning, match="images/06.png is damaged") as caught:
        text, _, images = arrays(everything)
        arrays(everything)
    assert len(caught) == 1
    names = [row.decode() for row in text]
    assert "picture 6" not in names and names.count("picture 7") == 2
    np.testing.assert_array_equal(
        images[names.index("picture 7")][5, 16], [70, 70, 70]
    )
    assert len(everything.source.failed) == 1


def test_nothing_is_warned_of_a_good_folder(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        arrays(load(folder))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"batch_size": 21}, "batch_size=21 is larger .* 20 pictures"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"batch_size": 2.5}, "batch_size must be"),
        ({"image_size": 0}, "image_size must be"),
        ({"image_size": "64"}, "image_size must be"),
        ({"seed": -1}, "seed must be"),
        ({"start_step": 3}, "repeat=True"),
        ({"split": "test"}, "no pictures in split='test'"),
    ],
)
def test_arguments_that_make_no_sense(folder, arguments, message):
    with pytest.raises(ValueError, match=message):
        load(folder, **arguments)


def test_keras_fits_on_it(folder):
    import keras

    inputs = {
        "text": keras.Input((), dtype="string", name="text"),
        "class_id": keras.Input((), dtype="int64", name="class_id"),
    }
    image = keras.layers.Embedding(20, 32 * 32 * 3)(inputs["class_id"])
    image = keras.layers.Reshape((32, 32, 3))(image)
    model = keras.Model(inputs, image)
    model.compile(loss="mse")
    history = model.fit(load(folder), epochs=2, verbose=0)
    assert len(history.history["loss"]) == 2
