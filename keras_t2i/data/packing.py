"""Packing captioned pictures into TFRecord shards.

The folder written holds, for N pictures in shards of 1000:

- `pack.json`: the version of this format, the settings, the bad pictures and
  the list of shards, each with its size and the CRC-32 of its index. Without
  "shards" the packing was interrupted.
- `pictures-00000-of-00009.tfrecord`: a `tf.train.Example` a picture, with the
  bytes features `image` (a JPEG, PNG, ... file), `name`, `captions`, `split`,
  `label`, `identity`, `attributes` (the last three only where they are known),
  `text_features` (with `text_encoder` only) and the int64 feature `class_id`.
  Element k of `text_features` belongs to element k of `captions`: float32
  `[S]`, the sentence, then with `words` float16 `[N, W]`, its N words;
  little-endian.
- `pictures-00000-of-00009.jsonl`: a JSON object a picture of that shard, in
  the same order: `name`, `captions`, `split`, `label`, `identity`,
  `class_id`, `attributes` (where known), `box`, `size`, `at` and, with
  `text_encoder`, `features`, a list with one place a caption. `at` and these
  places are `[start, length, crc]`: where the bytes lie in the shard, and
  their CRC-32. So a reader needs no TFRecord or protocol buffer library. A
  picture that could not be read has `name` and `bad`, the reason, and no
  record.
"""

import concurrent.futures
import hashlib
import io
import json
import os
import pathlib
import zlib

from PIL import Image

from keras_t2i import pictures
from keras_t2i.data import checking, folder, layouts
from keras_t2i.data.layouts import packed
from keras_t2i.data.layouts import packed_features
from keras_t2i.files import atomic_write

# What a row says that is kept as it is.
_KEPT = ("name", "captions", "split", "label", "identity", "class_id")


def pack(
    path,
    out,
    *,
    image_size=None,
    jpeg_quality=None,
    text_encoder=None,
    words=False,
    pictures_per_shard=1000,
    max_bad_fraction=0.1,
    max_pixels=pictures.MAX_PIXELS,
    progress=True,
):
    """Packs captioned pictures into few large files that `load` reads.

    `load(out)` gives the batches that `load(path)` gives for the same seed
    (at this `image_size`, if one is given here), except that pictures which
    turn out to be damaged here are left out. An interrupted packing goes on
    where it stopped when it is called again: finished shards are kept, and
    what comes out has the same bytes as without the interruption.

    Args:
        path: a folder as `load` takes it.
        out: folder to write; new, empty, or what this function began.
        image_size: scale the pictures as `load` does for this size (it still
            crops them at random) and store them as PNG. None stores the
            files as they are, for any size.
        jpeg_quality: with `image_size`, store JPEG of this quality (1..95)
            instead: smaller, but not exactly the same pictures.
        text_encoder: also store the captions' features by this encoder, a
            frozen `TextEncoder` or what `keras_t2i.text.get` takes. A model
            with the same one trains without computing any.
        words: with `text_encoder`, store word features beside the sentence:
            much larger, and needed by methods that look at words.
        pictures_per_shard: pictures in a file.
        max_bad_fraction: as in `load`; nothing is written if it is exceeded
            before the pictures are decoded.
        max_pixels: as in `load`.
        progress: show a progress bar.

    Returns:
        `out` as a `pathlib.Path`.

    Raises:
        FileNotFoundError: there is no folder `path`.
        ValueError: nothing in `path` is recognized, too much of it is bad,
            an argument makes no sense, or `out` holds something else or the
            packing of other pictures or settings.
    """
    settings = {
        "image_size": image_size,
        "jpeg_quality": jpeg_quality,
        "pictures_per_shard": pictures_per_shard,
        "max_pixels": max_pixels,
    }
    _check(settings)
    encoder, settings["text_encoder"] = _encoder(text_encoder, words)
    out = pathlib.Path(out).expanduser()
    found = layouts.read_folder(path)
    rows, bad = found.rows, dict(found.bad)
    plan = {
        "keras_t2i_pack": packed.VERSION,
        "settings": settings,
        "source": _fingerprint(rows),
    }
    manifest = out / packed.MANIFEST
    begun = _begun(manifest, plan)
    if begun and "shards" in packed.read_manifest(manifest):
        return out
    sizes = checking.usable(found, max_pixels)
    checking.report_bad(found, max_bad_fraction)
    if image_size:
        checking.warn_of_small(list(sizes.values()), image_size)
    if not begun:
        _write_json(manifest, plan)
    # All rows, so that every call deals them out to the same shards.
    shards = _write_shards(rows, out, settings, encoder, progress)
    _write_json(
        manifest,
        {
            **plan,
            "layout": found.layout,
            "bad": bad,
            "empty_captions": found.empty_captions,
            "shards": shards,
        },
    )
    done = packed.read(out, manifest)
    if len(done.bad) > len(found.bad):  # Some were damaged below the header.
        checking.report_bad(done, max_bad_fraction)
    return out


def _check(settings):
    for name, least, most in (
        ("image_size", 8, None),
        ("jpeg_quality", 1, 95),
        ("pictures_per_shard", 1, None),
        ("max_pixels", 1, None),
    ):
        value = settings[name]
        if value is None and name in ("image_size", "jpeg_quality"):
            continue
        if not isinstance(value, int) or not least <= value <= (most or value):
            upto = f" and <= {most}" if most else ""
            raise ValueError(
                f"{name} must be a whole number >= {least}{upto}. Received: "
                f"{name}={value!r}"
            )
    if settings["jpeg_quality"] and not settings["image_size"]:
        raise ValueError(
            "jpeg_quality needs image_size: without it the picture files are "
            "stored as they are. Received: "
            f"jpeg_quality={settings['jpeg_quality']}"
        )


def _encoder(spec, words):
    """The `TextEncoder` of packed features, and what `pack.json` says of it."""
    if spec is None:
        if words:
            raise ValueError(
                "words=True needs the text_encoder that gives their features."
            )
        return None, None
    from keras_t2i import text

    encoder = text.get(spec)
    name = spec if isinstance(spec, str) else type(encoder).__name__
    if not encoder.frozen:
        raise ValueError(
            "Features can be packed only for an encoder that training does "
            f"not change. Received: text_encoder={name}, which trains."
        )
    return encoder, packed_features.describe(encoder, name, words)


def _fingerprint(rows):
    """Changes when a caption, a picture file or their order does."""
    digest = hashlib.sha256()
    for row in rows:
        kept = [getattr(row, name) for name in _KEPT]
        if row.attributes is not None:
            kept.append(row.attributes)
        version = checking.file_version(row)
        digest.update(json.dumps([*kept, row.box, version]).encode())
    return digest.hexdigest()


def _begun(manifest, plan):
    """Whether a packing of the same was begun; refuses anything else."""
    out = manifest.parent
    if not manifest.is_file():
        # Hidden: left by a kill before the first file was in place.
        if out.exists() and (not out.is_dir() or any(out.glob("[!.]*"))):
            raise ValueError(
                "The folder to pack into must be new or empty. Received: "
                f"{out}"
            )
        return False
    there = packed.read_manifest(manifest)
    for name, value in plan["settings"].items():
        if there["settings"].get(name) != value:
            raise ValueError(
                f"{out} was packed with {name}={there['settings'].get(name)}. "
                f"Give the same, or another folder. Received: {name}={value}"
            )
    if there["source"] != plan["source"]:
        raise ValueError(
            "The pictures or captions have changed since the packing into "
            f"{out} began. Choose another folder, or remove that one."
        )
    return True


def _write_shards(rows, out, settings, encoder, progress):
    """Writes what is not there yet; returns the shards for the manifest."""
    import keras

    for left_over in (*out.glob(".pictures-*"), *out.glob(".pack-*")):
        left_over.unlink()  # A kill while writing left it.
    size = settings["pictures_per_shard"]
    count = -(-len(rows) // size)
    bar = keras.utils.Progbar(
        len(rows), verbose=int(progress), unit_name="picture"
    )
    shards = {}
    for number in range(count):
        shard = out / f"pictures-{number:05}-of-{count:05}.tfrecord"
        index = shard.with_suffix(".jsonl")
        some = rows[number * size : (number + 1) * size]
        if not index.is_file():  # Written last: with it the shard is whole.
            _write_shard(shard, index, some, settings, encoder, bar)
        shards[shard.name] = {
            "bytes": os.path.getsize(shard),
            "index_crc": zlib.crc32(index.read_bytes()),
        }
        bar.update(number * size + len(some))
    return shards


def _write_shard(shard, index, rows, settings, encoder, bar):
    import tensorflow as tf

    features = {}
    if encoder is not None:
        captions = (text for row in rows for text in row.captions)
        words = settings["text_encoder"]["words"]
        features = packed_features.encoded(encoder, captions, words)

    def entry(row):
        try:
            return row, *_picture_file(row, settings), None
        except (ValueError, OSError) as error:
            return row, None, None, checking.reason(error)

    lines, start = [], 0
    with (
        concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool,
        atomic_write(shard) as temporary,
        tf.io.TFRecordWriter(str(temporary)) as writer,
    ):
        for row, content, size, why in pool.map(entry, rows):
            bar.add(1)
            if why:
                lines.append({"name": row.name, "bad": why})
                continue
            of_text = [features[t] for t in row.captions] if features else []
            record = _example(row, content, of_text)
            writer.write(record)
            line = {
                **{name: getattr(row, name) for name in _KEPT},
                "box": None if settings["image_size"] else row.box,
                "size": size,
                "at": _place(start, record, content),
            }
            if row.attributes is not None:
                line["attributes"] = row.attributes
            if features:
                line["features"] = [_place(start, record, f) for f in of_text]
            lines.append(line)
            start += 16 + len(record)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    with atomic_write(index) as temporary:
        temporary.write_text(text)


def _place(start, record, content):
    """Where `content` lies in a shard, given where its record begins."""
    # A record is its length (8 bytes), a CRC (4), itself, a CRC (4).
    at = start + 12 + record.index(content)
    return at, len(content), zlib.crc32(content)


def _picture_file(row, settings):
    """The picture file to store and its width and height."""
    image_size, max_pixels = settings["image_size"], settings["max_pixels"]
    if image_size is None:
        size = pictures.header_size(checking.file_of(row), max_pixels)
        # Decoded only to find out whether it can be.
        pictures.read(checking.file_of(row), max_pixels, at_least=16)
        return row.image.read_bytes(), size
    picture = Image.fromarray(folder.read_scaled(row, image_size, max_pixels))
    file = io.BytesIO()
    if settings["jpeg_quality"]:
        picture.save(file, "JPEG", quality=settings["jpeg_quality"])
    else:
        picture.save(file, "PNG")
    return file.getvalue(), picture.size


def _example(row, content, of_text):
    import tensorflow as tf

    def several(values):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))

    features = {
        "image": several([content]),
        "name": several([row.name.encode()]),
        "captions": several([text.encode() for text in row.captions]),
        "class_id": tf.train.Feature(
            int64_list=tf.train.Int64List(value=[row.class_id])
        ),
        "split": several([row.split.encode()]),
    }
    if of_text:
        features["text_features"] = several(of_text)
    if row.attributes is not None:
        features["attributes"] = several([a.encode() for a in row.attributes])
    for name in ("label", "identity"):
        if getattr(row, name) is not None:
            features[name] = several([str(getattr(row, name)).encode()])
    example = tf.train.Example(features=tf.train.Features(feature=features))
    # Else the order of the features is another one in each process.
    return example.SerializeToString(deterministic=True)


def _write_json(path, values):
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(values))
