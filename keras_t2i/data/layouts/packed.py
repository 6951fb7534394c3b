"""Shards that `keras_t2i.data.pack` wrote.

    pack.json                                        (settings, list of shards)
    pictures-00000-of-00009.tfrecord                 (for any TFRecord reader)
    pictures-00000-of-00009.jsonl                    (what is where in it)

Reading needs no TensorFlow: the index says where the bytes of each picture
lie in the shard and what their CRC-32 is.
"""

import io
import json
import os
import zlib

from keras_t2i.data.layouts.rows import Found
from keras_t2i.data.layouts.rows import Row

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
        with open(self.shard, "rb") as file:
            file.seek(self.start)
            content = file.read(self.length)
        if zlib.crc32(content) != self.crc:
            raise ValueError(
                f"The shard is damaged at byte {self.start}; pack the "
                f"pictures again. Received: {self.shard}"
            )
        return content

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
        for line in lines.splitlines():
            _add(json.loads(line), shard, found)
    return found


def read_manifest(path):
    """What `pack.json` holds.

    Raises:
        ValueError: it is damaged or of another version.
    """
    try:
        values = json.loads(path.read_bytes())
        version = values["keras_t2i_pack"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is not what `keras-t2i data pack` writes ({error})."
        ) from error
    if version != VERSION:
        raise ValueError(
            f"{path} is of version {version}; this keras_t2i reads version "
            f"{VERSION}. Pack the pictures again."
        )
    return values


def _add(values, shard, found):
    if "bad" in values:
        found.bad[values["name"]] = values["bad"]
        return
    start, length, crc = values.pop("at")
    for key in ("box", "size"):
        values[key] = tuple(values[key]) if values[key] else None
    found.rows.append(
        Row(PackedPicture(shard, start, length, crc), **values)
    )
