"""Which pictures of a folder can be used, and why the others cannot."""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import warnings

from keras_t2i import files, pictures
from keras_t2i.data.layouts import packed

# To decode so many takes long enough for a progress bar.
_MANY = 2000


def checked(found, max_pixels):
    """As `usable` with `decode`, but once only for the same files.

    What it finds is kept in `.keras_t2i/` in the folder (or in the user's
    cache where that cannot be written) until a picture file changes. Shards
    are not decoded: `pack` has done it.

    Args:
        found: `layouts.Found`, changed in place.
        max_pixels: more pixels are refused.

    Returns:
        dict of picture path -> `(width, height)`.
    """
    if all(isinstance(row.image, packed.PackedPicture) for row in found.rows):
        return usable(found, max_pixels)
    digest = hashlib.sha256(str(max_pixels).encode())
    for row in found.rows:
        version = [row.name, row.box, file_version(row)]
        digest.update(json.dumps(version).encode())
    name = f"pictures-{digest.hexdigest()[:24]}.json"
    rows = found.rows
    try:
        known = files.cache_folder(found.folder) / name
        verdicts = json.loads(known.read_bytes())
        return _judge(found, verdicts)
    except (OSError, ValueError, TypeError):
        pass  # Not checked yet, or somebody damaged the file.
    sizes = usable(found, max_pixels, decode=True)
    verdicts = [sizes.get(row.image) or found.bad[row.name] for row in rows]
    try:
        known = files.cache_folder(found.folder) / name
        with files.atomic_write(known) as temporary:
            temporary.write_text(json.dumps(verdicts))
    except OSError:
        pass  # They are checked again next time.
    return sizes


def _judge(found, verdicts):
    """Sorts rows by verdicts: a size, or why the picture is bad."""
    sizes, bad = {}, {}
    for row, verdict in zip(found.rows, verdicts, strict=True):
        if isinstance(verdict, str):
            bad[row.name] = verdict
        else:
            width, height = verdict
            sizes[row.image] = int(width), int(height)
    found.bad.update(bad)
    found.rows = [row for row in found.rows if row.image in sizes]
    return sizes


def usable(found, max_pixels, decode=False):
    """Opens every picture; moves rows that fail to `found.bad`.

    Args:
        found: `layouts.Found`, changed in place.
        max_pixels: more pixels are refused.
        decode: True decodes the pictures; False reads the headers alone.

    Returns:
        dict of picture path -> `(width, height)`.
    """
    import keras

    def verdict(row):
        try:
            size = _size(row, max_pixels)
            if decode:
                pictures.read(file_of(row), max_pixels, at_least=16)
            return size
        except (ValueError, OSError) as error:
            return reason(error)

    rows = found.rows
    bar = keras.utils.Progbar(
        len(rows),
        verbose=int(decode and len(rows) >= _MANY),
        unit_name="picture",
    )
    verdicts = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        # In parts: `map` makes a task for every row that it is given.
        for start in range(0, len(rows), _MANY):
            verdicts += pool.map(verdict, rows[start : start + _MANY])
            bar.update(len(verdicts))
    return _judge(found, verdicts)


def file_version(row):
    """What changes when the picture file of a row does."""
    if isinstance(row.image, packed.PackedPicture):
        return row.image.crc
    try:
        status = os.stat(row.image)
        return [status.st_size, status.st_mtime_ns]
    except (OSError, ValueError):  # It is missing.
        return None


def file_of(row):
    """What `pictures.read` takes: the path, or the bytes from a shard."""
    image = row.image
    return image if isinstance(image, pathlib.Path) else image.open()


def file_size(row):
    """Bytes of the picture as it lies on disk, or in a shard."""
    image = row.image
    if isinstance(image, pathlib.Path):
        return image.stat().st_size
    return image.length


def reason(error):
    """Why a picture cannot be used, without repeating its name."""
    return str(error).split(" Received:")[0]


def _size(row, max_pixels):
    """Width and height of the part of a picture that is taken."""
    width, height = row.size or pictures.header_size(row.image, max_pixels)
    pictures.check_pixels(width, height, max_pixels, row.name)
    left, top, right, bottom = clipped(row.box, width, height)
    return right - left, bottom - top


def clipped(box, width, height):
    """The part of a box that lies in a picture; all of it if box is None.

    Raises:
        ValueError: no part of it does.
    """
    if box is None:
        return 0, 0, width, height
    left, top = max(0, box[0]), max(0, box[1])
    right, bottom = min(width, box[2]), min(height, box[3])
    if left >= right or top >= bottom:
        raise ValueError(
            f"The box {box} lies outside the picture of {width} x {height} "
            "pixels."
        )
    return left, top, right, bottom


def warn_of_small(sizes, image_size):
    """Warns once if some of the sizes `(width, height)` are too small."""
    small = sum(min(size) < image_size for size in sizes)
    if small:
        warnings.warn(
            f"{small} of {len(sizes)} pictures are smaller than "
            f"image_size={image_size} and are enlarged.",
            stacklevel=3,
        )


def report_bad(found, max_bad_fraction):
    """Warns of what is left out, or refuses if it is too much."""
    if found.empty_captions:
        warnings.warn(
            f"{found.empty_captions} captions in {found.folder} are empty "
            "and left out.",
            stacklevel=3,
        )
    if not found.bad:
        return
    total = len(found.rows) + len(found.bad)
    some = "; ".join(
        f"{name}: {why}" for name, why in list(found.bad.items())[:5]
    )
    message = (
        f"{len(found.bad)} of {total} pictures in {found.folder} cannot be "
        f"used ({some}{'; ...' if len(found.bad) > 5 else ''})."
    )
    if not found.rows or len(found.bad) > max_bad_fraction * total:
        raise ValueError(
            f"{message} That is more than max_bad_fraction="
            f"{max_bad_fraction}. Repair or remove them; `keras-t2i data "
            "inspect` lists them all."
        )
    warnings.warn(f"{message} They are left out.", stacklevel=3)
