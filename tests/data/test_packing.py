import json
import pathlib
import subprocess
import sys
import zlib

import numpy as np
import pytest
import tensorflow as tf

from keras_t2i import data
from keras_t2i import text
from keras_t2i.data import layouts
from keras_t2i.data import packing
from keras_t2i.training import pipeline
from tests import tiny


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


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


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
    assert contents(out) == contents(whole)
    assert_same(batches(out), batches(folder))
    pack(folder, out)  # Finished: nothing to do.
    assert contents(out) == contents(whole)


# Starts a packing again and again, and kills it a moment after so many of its
# twelve shards are whole. Forks share one import of TensorFlow.
_KILLED = """
import glob, os, random, signal, sys, time
import tensorflow
from keras_t2i import data

path, out = sys.argv[1:]
moments = random.Random(1)
kills = 0
for target in (0, 1, 1, 2, 4, 7, 11, 12):
    child = os.fork()
    if not child:
        data.pack(
            path,
            out,
            pictures_per_shard=2,
            text_encoder="bag_of_ngrams",
            words=True,
            progress=False,
        )
        os._exit(0)
    done = os.WEXITED | os.WNOHANG | os.WNOWAIT
    while len(glob.glob(f"{out}/*.jsonl")) < target:
        if os.waitid(os.P_PID, child, done):
            break
        time.sleep(0.001)
    time.sleep(moments.uniform(0, 0.02))
    os.kill(child, signal.SIGKILL)
    kills += os.WIFSIGNALED(os.waitpid(child, 0)[1])
print(kills)
"""


def test_kills_change_no_byte(folder, tmp_path):
    options = {"text_encoder": "bag_of_ngrams", "words": True}
    whole = pack(folder, tmp_path / "whole", pictures_per_shard=2, **options)
    out = tmp_path / "packed"
    command = [sys.executable, "-c", _KILLED, str(folder), str(out)]
    root = pathlib.Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 4
    pack(folder, out, pictures_per_shard=2, **options)
    assert contents(out) == contents(whole)


@pytest.mark.parametrize("words", [False, True])
def test_text_features_inside(folder, tmp_path, words, monkeypatch):
    encoder = tiny.TinyTextEncoder()
    out = pack(folder, tmp_path / "a", text_encoder=encoder, words=words)
    loaded = data.load(out, training=False, image_size=32)
    captions = [texts[0] for texts in loaded.source.texts[:4]]
    expected = encoder.encode(captions)
    # Not the model's encoder itself, but the same one; it computes nothing.
    same = tiny.TinyTextEncoder()
    monkeypatch.setattr(same, "encode", None)
    batches = pipeline.with_features(pipeline.as_dataset(loaded), same, words)
    x, _ = next(iter(batches.unbatch().batch(4)))
    np.testing.assert_allclose(x["sentence"], expected.sentence, 1e-6)
    if words:
        np.testing.assert_allclose(x["words"], expected.words, 1e-3)
        np.testing.assert_array_equal(x["mask"], expected.mask)
    # For any reader they lie in the records, too.
    shards = sorted(map(str, out.glob("*.tfrecord")))
    record = next(iter(tf.data.TFRecordDataset(shards))).numpy()
    feature = tf.train.Example.FromString(record).features.feature
    first, *_ = feature["text_features"].bytes_list.value
    assert len(first) == 8 * 4 + (4 * 8 * 2 if words else 0)
    of_first = encoder.encode("picture 0").sentence[0]
    np.testing.assert_allclose(np.frombuffer(first, "<f4", 8), of_first, 1e-6)


def test_features_of_another_encoder_are_not_used(folder, tmp_path):
    out = pack(folder, tmp_path / "packed", text_encoder="bag_of_ngrams")
    loaded = data.load(out, training=False, image_size=32)
    dataset = pipeline.as_dataset(loaded)
    other = tiny.TinyTextEncoder()
    with pytest.warns(UserWarning, match="'bag_of_ngrams'.*TinyTextEncoder"):
        batches = pipeline.with_features(dataset, other)
    x, _ = next(iter(batches))
    assert x["sentence"].shape[1] == 8
    with pytest.warns(UserWarning, match=r"without words\).*\(with words"):
        pipeline.with_features(dataset, text.BagOfNGramsEncoder(), words=True)
    with pytest.raises(ValueError, match="was packed with text_encoder="):
        pack(folder, out, text_encoder="bag_of_ngrams", words=True)


def test_damaged_features_are_found(folder, tmp_path):
    out = pack(folder, tmp_path / "packed", text_encoder="bag_of_ngrams")
    features = layouts.read_folder(out).features
    assert len(features) == 72
    shard = out / "pictures-00000-of-00003.tfrecord"
    line = shard.with_suffix(".jsonl").read_text().splitlines()[0]
    start, length, _ = json.loads(line)["features"][0]
    content = bytearray(shard.read_bytes())
    content[start + length // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(ValueError, match="damaged at byte.*00000-of-00003"):
        features.lookup(["picture 0"])
    assert features.lookup([b"picture 1"]).shape == (1, 384)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"words": True}, "words=True needs the text_encoder"),
        (
            {"text_encoder": tiny.TinyTextEncoder(frozen=False)},
            "text_encoder=TinyTextEncoder, which trains",
        ),
    ],
)
def test_features_that_cannot_be_packed(folder, tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        pack(folder, tmp_path / "packed", **arguments)


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


def change(path, old, new):
    """Changes a file of a packing as an attacker would: sums fit again."""
    index = path / "pictures-00000-of-00003.jsonl"
    manifest = json.loads((path / "pack.json").read_text())
    index.write_text(index.read_text().replace(old, new, 1))
    of_shard = manifest["shards"][index.with_suffix(".tfrecord").name]
    of_shard["index_crc"] = zlib.crc32(index.read_bytes())
    (path / "pack.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    "old, new",
    [
        ('"at": [', '"at": [-'),
        ('"at": [', '"at": [9999999, '),
        ('"at": [', '"at": [0, 99999999999999, 5], "x": ['),
        ('"captions"', '"caption"'),
        ('"name"', '"Name"'),
        ("{", "["),
        ("{", '{"a":' * 99999),
    ],
)
def test_hostile_index_is_refused(folder, tmp_path, old, new):
    out = pack(folder, tmp_path / "packed")
    change(out, old, new)
    with pytest.raises(ValueError, match="00003.jsonl is not what.*pack`"):
        data.load(out)


@pytest.mark.parametrize("name", ["../x.tfrecord", "/etc/passwd", "a/b", ".."])
def test_shards_lie_in_their_folder(folder, tmp_path, name):
    out = pack(folder, tmp_path / "packed")
    manifest = json.loads((out / "pack.json").read_text())
    manifest["shards"][name] = {"bytes": 3, "index_crc": 3}
    (out / "pack.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match="pack.json is not.*not in its folder"):
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
