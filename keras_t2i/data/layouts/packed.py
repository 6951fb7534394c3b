"""Shards that `keras_t2i.data.pack` wrote.

    pack.json                                        (settings, list of shards)
    pictures-00000-of-00009.tfrecord                 (for any TFRecord reader)
    pictures-00000-of-00009.jsonl                    (what is where in it)

Reading needs no TensorFlow: the index says where the bytes of each picture
(and of each caption's features, if they were asked for) lie in the shard and
what their CRC-32 is. `keras_t2i/data/packing.py` describes the files.
"""

import io
import json
import os
import pathlib
import zlib

from keras_t2i.data.layouts.packed_features import PackedFeatures
from keras_t2i.data.layouts.rows import Found
from keras_t2i.data.layouts.rows import Row
from keras_t2i.data.layouts.shards import read_at

LOOKED_FOR = "shards of `keras-t2i data pack` (pack.json)"
MANIFEST = "pack.json"
VERSION = 1


class PackedPicture:
    """The bytes of a picture in a shard; stands where else a path does.

    Args:
        shard: path of the shard.
        start: position of the first byte in it.
        length: number of bytes.
        crc: their CRC-32.
    """

    __slots__ = ("shard", "start", "length", "crc")

    def __init__(self, shard, start, length, crc):
        self.shard = shard
        self.start = start
        self.length = length
        self.crc = crc

    def read_bytes(self):
        """The picture file.

        Raises:
            ValueError: the shard is damaged there.
        """
        return read_at(self.shard, self.start, self.length, self.crc)

    def open(self):
        """The picture file as a binary file object."""
        file = io.BytesIO(self.read_bytes())
        file.name = f"{self.shard} at byte {self.start}"
        return file


def find(folder):
    manifest = folder / MANIFEST
    return manifest if manifest.is_file() else None


def read(folder, manifest):
    values = read_manifest(manifest)
    if "shards" not in values:
        raise ValueError(
            f"The packing into {folder} was interrupted. Give the same "
            "command again: it goes on where it stopped."
        )
    found = Found(folder, f"packed, from {values['layout']}")
    found.bad.update(values["bad"])
    found.empty_captions = values["empty_captions"]
    encoder = values["settings"].get("text_encoder")
    if encoder:
        found.features = PackedFeatures(encoder)
    for name, expected in values["shards"].items():
        shard = folder / name
        index = shard.with_suffix(".jsonl")
        size = os.path.getsize(shard) if shard.is_file() else None
        if size != expected["bytes"]:
            raise ValueError(
                f"{shard} is missing or not of {expected['bytes']} bytes. "
                "Copy it again, or pack the pictures again."
            )
        lines = index.read_bytes() if index.is_file() else b""
        if zlib.crc32(lines) != expected["index_crc"]:
            raise ValueError(
                f"{index} is missing or damaged. Copy it again, or pack the "
                "pictures again."
            )
        try:
            for line in lines.splitlines():
                _add(json.loads(line), shard, size, found)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(
                f"{index} is not what `keras-t2i data pack` writes ({error})."
            ) from error
    return found


def read_manifest(path):
    """What `pack.json` holds.

    Raises:
        ValueError: it is damaged or of another version.
    """
    try:
        values = json.loads(path.read_bytes())
        version = values["keras_t2i_pack"]
        if version == VERSION:
            _check_manifest(values)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(
            f"{path} is not what `keras-t2i data pack` writes ({error})."
        ) from error
    if version != VERSION:
        raise ValueError(
            f"{path} is of version {version}; this keras_t2i reads version "
            f"{VERSION}. Pack the pictures again."
        )
    return values


def _check_manifest(values):
    """Raises unless the parts that `read` relies on are there and safe."""
    if not isinstance(values["settings"], dict):
        raise TypeError("its settings are no object")
    if values["settings"].get("text_encoder"):
        PackedFeatures(values["settings"]["text_encoder"])
    if "shards" not in values:  # Interrupted.
        return
    values["layout"], values["empty_captions"] + 0, dict(values["bad"])
    for name, shard in values["shards"].items():
        inside = pathlib.PurePath(name).name == name
        if not inside or not name.endswith(".tfrecord"):
            raise ValueError(f"the shard {name!r} is not in its folder")
        shard["bytes"], shard["index_crc"]


def _add(values, shard, shard_size, found):
    if "bad" in values:
        found.bad[values["name"]] = values["bad"]
        return
    at = _inside(values.pop("at"), shard_size)
    for key in ("box", "size"):
        values[key] = tuple(values[key]) if values[key] else None
    for caption, place in zip(values["captions"], values.pop("features", ())):
        found.features.add(caption, shard, *_inside(place, shard_size))
    found.rows.append(Row(PackedPicture(shard, *at), **values))


def _inside(at, size):
    """Start, length and CRC of bytes that lie in a shard of `size` bytes."""
    start, length, crc = at
    if not 0 <= start <= start + length <= size:
        raise ValueError(f"bytes {start} to {start + length} of {size}")
    return start, length, crc
