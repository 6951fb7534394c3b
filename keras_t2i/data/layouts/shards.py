"""Bytes inside packed shards."""

import zlib


def read_at(path, start, length, crc):
    """Bytes of a shard, which must have the CRC-32 `crc`.

    Raises:
        ValueError: the shard is damaged there.
    """
    with open(path, "rb") as file:
        file.seek(start)
        content = file.read(length)
    if zlib.crc32(content) != crc:
        raise ValueError(
            f"The shard is damaged at byte {start}; pack the pictures again. "
            f"Received: {path}"
        )
    return content
