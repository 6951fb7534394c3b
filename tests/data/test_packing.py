import json

import numpy as np
import pytest
import tensorflow as tf

from keras_t2i import data
from keras_t2i.data import packing


def batches(path, image_size=32, split="train", **arguments):
    loaded = data.load(path, split, image_size, 4, seed=3, **arguments)
    return [
        (x["text"].numpy().tolist(), x["class_id"].numpy().tolist(), y.numpy())
        for x, y in loaded
    ]


def assert_same(a, b):
    assert len(a) == len(b) > 0
    for one, other in zip(a, b):
        assert one[:2] == other[:2]
        np.testing.assert_array_equal(one[2], other[2])


def pack(path, out, **arguments):
    arguments = {"pictures_per_shard": 10, "progress": False, **arguments}
    return data.pack(path, out, **arguments)


@pytest.mark.parametrize("image_size", [None, 24])
def test_gives_the_batches_of_the_folder(folder, tmp_path_factory, image_size):
    (folder / "images/04.png").write_bytes(b"no picture")
    out = tmp_path_factory.mktemp("packed")
    with pytest.warns(UserWarning, match="1 of 24.*04.png"):
        pack(folder, out, image_size=image_size)
    assert len(list(out.glob("pictures-*-of-00003.tfrecord"))) == 3
    for split in ("train", "validation"):
        with pytest.warns(UserWarning, match="1 of 24.*04.png"):
            there = batches(out, image_size or 32, split)
            assert_same(there, batches(folder, image_size or 32, split))
            assert data.load(out, split, 24, 2).source.folder == out


def test_several_shards_hold_every_picture_for_any_reader(folder, tmp_path):
    out = pack(folder, tmp_path / "packed")
    shards = sorted(map(str, out.glob("*.tfrecord")))
    names, captions = [], []
    for record in tf.data.TFRecordDataset(shards):  # Checks its CRCs.
        feature = tf.train.Example.FromString(record.numpy()).features.feature
        name = feature["name"].bytes_list.value[0].decode()
        image = feature["image"].bytes_list.value[0]
        assert image == (folder / name).read_bytes()
        assert feature["label"].bytes_list.value[0].startswith(b"class")
        names.append(name)
        captions += feature["captions"].bytes_list.value
    assert names == [f"images/{i:02}.png" for i in range(24)]
    assert len(captions) == 72


def test_an_interrupted_packing_goes_on(folder, tmp_path, monkeypatch):
    whole, out = pack(folder, tmp_path / "whole"), tmp_path / "packed"
    write = packing._write_shard

    def interrupted(shard, *arguments):
        if "00001-of" in shard.name:
            shard.with_name(".pictures-00001-half.tfrecord").write_text("x")
            raise KeyboardInterrupt
        write(shard, *arguments)

    monkeypatch.setattr(packing, "_write_shard", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pack(folder, out)
    with pytest.raises(ValueError, match="interrupted.*same command again"):
        data.load(out)
    first = out / "pictures-00000-of-00003.tfrecord"
    before = first.stat().st_mtime_ns
    monkeypatch.setattr(packing, "_write_shard", write)
    pack(folder, out)
    assert first.stat().st_mtime_ns == before
    files = {file.name: file.read_bytes() for file in out.iterdir()}
    assert files == {file.name: file.read_bytes() for file in whole.iterdir()}
    assert_same(batches(out), batches(folder))
    pack(folder, out)  # Finished: nothing to do.
    assert {file.name: file.read_bytes() for file in out.iterdir()} == files


def test_only_the_same_packing_goes_on(folder, tmp_path):
    out = pack(folder, tmp_path / "packed", image_size=16)
    with pytest.raises(ValueError, match="image_size=16.*image_size=32"):
        pack(folder, out, image_size=32)
    table = folder / "captions.jsonl"
    table.write_text(table.read_text().replace("number 9", "nine"))
    with pytest.raises(ValueError, match="have changed"):
        pack(folder, out, image_size=16)
    with pytest.raises(ValueError, match="new or empty"):
        pack(folder, folder)


def test_damage_is_found(folder, tmp_path):
    out = pack(folder, tmp_path / "packed")
    shard = out / "pictures-00000-of-00003.tfrecord"
    index = [
        json.loads(line)
        for line in shard.with_suffix(".jsonl").read_text().splitlines()
    ]
    content = bytearray(shard.read_bytes())
    content[index[6]["at"][0] + 50] ^= 1
    shard.write_bytes(content)
    assert list(data.inspect(out).bad) == ["images/06.png"]
    with pytest.warns(UserWarning, match="06.png is damaged.*byte"):
        batches(out, training=False)
    shard.write_bytes(content[:-1])
    with pytest.raises(ValueError, match="00000-of-00003.tfrecord is missing"):
        data.load(out)
    shard.write_bytes(content)
    shard.with_suffix(".jsonl").write_text("{}")
    with pytest.raises(ValueError, match="00000-of-00003.jsonl is missing"):
        data.load(out)
    for manifest in ('{"keras_t2i_pack": 99}', "[]", "\xff"):
        (out / "pack.json").write_text(manifest)
        with pytest.raises(ValueError, match="pack.json is "):
            data.load(out)


def test_damaged_pictures_are_left_out_and_named(folder, tmp_path):
    damaged = folder / "images/06.png"
    damaged.write_bytes(damaged.read_bytes()[:-40])
    with pytest.warns(UserWarning, match="1 of 24.*06.png: .*damaged"):
        out = pack(folder, tmp_path / "packed")
    assert list(data.inspect(out).bad) == ["images/06.png"]
    for i in range(4):
        (folder / f"images/0{i}.png").unlink()
    with pytest.raises(ValueError, match="4 of 24.*max_bad_fraction"):
        pack(folder, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_jpeg_and_enlarged(folder, tmp_path):
    with pytest.warns(UserWarning, match="24 of 24 .*smaller"):
        out = pack(folder, tmp_path / "a", image_size=64, jpeg_quality=90)
    report = data.inspect(out)
    assert report.sizes == {(76, 76): 24}
    assert report.layout == "packed, from captions.jsonl"
    _, _, images = batches(out, 64, training=False)[0]
    # The gray level of the picture is 10 times its number.
    np.testing.assert_allclose(images[:, 5, 40, 0], [0, 10, 20, 30], atol=4)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"jpeg_quality": 90}, "jpeg_quality needs image_size"),
        ({"image_size": 4}, "image_size must be"),
        ({"image_size": 64, "jpeg_quality": 99}, "jpeg_quality must.*<= 95"),
        ({"pictures_per_shard": 0}, "pictures_per_shard must be"),
    ],
)
def test_arguments_that_make_no_sense(folder, tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        pack(folder, tmp_path / "packed", **arguments)
