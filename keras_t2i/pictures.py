"""Reading, arranging and writing pictures as uint8 arrays. No TensorFlow."""

import os

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps, ImageSequence

from keras_t2i.files import atomic_write

# Only plain raster formats: Pillow's full list would run external programs
# (EPS) and open documents that nobody means as a training picture.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
SUFFIXES = frozenset(
    ".jpg .jpeg .png .webp .bmp .gif .tif .tiff .ppm .pgm".split()
)
MAX_PIXELS = 50_000_000
_ANIMATED = ("GIF", "PNG", "WEBP")


def header_size(path, max_pixels=MAX_PIXELS):
    """Width and height of a picture file, as stored, without decoding it.

    Args:
        path: the picture file.
        max_pixels: more pixels than this are refused.

    Returns:
        `(width, height)`; EXIF rotation is not applied.

    Raises:
        ValueError: the file is empty, no picture, or too large.
        FileNotFoundError: there is no such file.
    """
    with _opened(path, max_pixels) as image:
        return image.size


def read(source, max_pixels=MAX_PIXELS, at_least=None):
    """Reads a picture, turned upright, as 8-bit RGB.

    EXIF rotation is applied; palettes, gray, CMYK and 16-bit pictures are
    converted; transparent parts become white; of an animation the first
    frame is taken.

    Args:
        source: path or binary file object.
        max_pixels: pictures with more pixels are refused before decoding.
        at_least: a shorter side, in pixels, that is enough. Large JPEG files
            are then decoded at 1/2, 1/4 or 1/8 of their size, much faster.

    Returns:
        uint8 `[height, width, 3]`.

    Raises:
        ValueError: not a picture, damaged, or too large.
        FileNotFoundError: there is no such file.
    """
    with _opened(source, max_pixels) as image:
        if at_least is not None:
            scale = at_least / min(image.size)
            image.draft(None, tuple(int(side * scale) for side in image.size))
        try:
            image.load()
            return np.asarray(_to_rgb(_upright(image)))
        # Decoders raise whatever a damaged file makes them stumble over.
        except Exception as error:
            raise ValueError(
                f"The picture is damaged ({error}). Received: {_name(source)}"
            ) from error


def read_frames(path, max_pixels=MAX_PIXELS):
    """Reads the frames of an animation.

    Args:
        path: a picture file.
        max_pixels: of all frames together.

    Returns:
        list of uint8 `[height, width, 3]`; None for a picture that does not
        move.

    Raises:
        ValueError, FileNotFoundError: as `read`.
    """
    with _opened(path, max_pixels) as image:
        count = getattr(image, "n_frames", 1)
        # A JPEG of a phone may hold further pictures, which are no frames.
        if count == 1 or image.format not in _ANIMATED:
            return None
        width, height = image.size
        check_pixels(width, height * count, max_pixels, path)
        try:
            frames = ImageSequence.Iterator(image)
            return [np.asarray(_to_rgb(frame.copy())) for frame in frames]
        except Exception as error:  # As in `read`.
            raise ValueError(
                f"The animation is damaged ({error}). Received: {path}"
            ) from error


def check_pixels(width, height, max_pixels, name):
    """Raises ValueError if a picture called `name` has too many pixels."""
    if width * height > max_pixels:
        raise ValueError(
            f"The picture has {width} x {height} pixels, more than "
            f"max_pixels={max_pixels}. Received: {name}"
        )


def save_png(path, image):
    """Writes a picture as PNG; a failure leaves an older file as it was.

    Args:
        path: the file to write. Missing folders are made.
        image: uint8 `[height, width, 3]`.
    """
    with atomic_write(path) as temporary:
        Image.fromarray(np.asarray(image, "uint8")).save(
            temporary, format="PNG"
        )


def save_gif(path, images, seconds=0.08):
    """Writes pictures as an animation without end.

    Args:
        path: the file to write. Missing folders are made.
        images: uint8 `[N, height, width, 3]`, N at least 1.
        seconds: how long each is shown, in hundredths.
    """
    first, *rest = [Image.fromarray(each) for each in np.asarray(images, "uint8")]
    with atomic_write(path) as temporary:
        first.save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=rest,
            duration=round(1000 * seconds),
            loop=0,
        )


def grid(images, columns, captions=None, scale=1):
    """Arranges pictures in rows on white.

    Args:
        images: uint8 `[N, H, W, 3]`.
        columns: pictures in a row.
        captions: strings: one a picture, written below it, or one a row,
            written above it.
        scale: whole number of pixels for one of `images`.

    Returns:
        uint8 `[height, width, 3]`.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
        raise ValueError(
            "grid() takes uint8 pictures of shape [N, height, width, 3]. "
            f"Received: {images.dtype} of shape {images.shape}"
        )
    if len(images) == 0 or columns < 1:
        raise ValueError(
            "grid() needs at least one picture and one column. "
            f"Received: {len(images)} pictures, columns={columns}"
        )
    count = len(images)
    columns = min(columns, count)
    rows = -(-count // columns)
    images = images.repeat(scale, axis=1).repeat(scale, axis=2)
    _, height, width, _ = images.shape
    gap = max(2, min(height, width) // 32)
    by_row = captions is not None and len(captions) == rows != count
    if captions is not None and not by_row and len(captions) != count:
        raise ValueError(
            f"grid() takes one caption a picture ({count}) or one a row "
            f"({rows}). Received: {len(captions)} captions"
        )
    texts, line, font = [], 0, None
    if captions is not None:
        font, line = _font(16 if by_row else 11)
        room = columns * (width + gap) - gap if by_row else width
        texts = [_wrap(str(text), font, room, lines=4) for text in captions]
    strip = max((len(text) for text in texts), default=0) * line
    pitch = height + gap + strip + (gap if strip else 0)
    sheet = Image.new(
        "RGB", (columns * (width + gap) + gap, rows * pitch + gap), "white"
    )
    draw = ImageDraw.Draw(sheet)
    above = strip + gap if by_row else 0
    for i, image in enumerate(images):
        x = gap + i % columns * (width + gap)
        y = gap + i // columns * pitch
        sheet.paste(Image.fromarray(image), (x, y + above))
        if texts and not by_row:
            _write(draw, x, y + height + 2, texts[i], line, font)
        elif by_row and i % columns == 0:
            _write(draw, x, y, texts[i // columns], line, font)
    return np.asarray(sheet)


def resized(images, size):
    """uint8 [N, H, W, 3] as [N, size, size, 3], bilinear."""
    images = np.asarray(images)
    if images.shape[1:3] == (size, size):
        return images
    many = map(Image.fromarray, images)
    return np.stack([p.resize((size, size), Image.Resampling.BILINEAR) for p in many])


def overlay(image, weights):
    """Lights a picture where weights are high, and darkens the rest.

    Args:
        image: uint8 `[H, W, 3]`.
        weights: `[h, w]`, at least 0, of any scale; enlarged smoothly.

    Returns:
        uint8 `[H, W, 3]`. The highest weight shows the picture as it is,
        weight 0 a fifth of its light.
    """
    height, width = image.shape[:2]
    weights = np.asarray(weights, "float32")
    light = Image.fromarray(weights / max(weights.max(), 1e-12))
    light = light.resize((width, height), Image.Resampling.BILINEAR)
    light = 0.2 + 0.8 * np.asarray(light)[..., None]
    return np.round(image * light).astype("uint8")


def _opened(source, max_pixels):
    if isinstance(source, (str, os.PathLike)) and os.path.exists(source):
        if os.path.isdir(source):
            raise ValueError(f"This is a folder. Received: {source}")
        if os.path.getsize(source) == 0:
            raise ValueError(f"The file is empty. Received: {source}")
    try:
        image = Image.open(source, formats=FORMATS)
    except Image.DecompressionBombError as error:  # Pillow's own limit.
        raise ValueError(
            f"The picture has far too many pixels ({error}). Received: "
            f"{_name(source)}"
        ) from error
    except FileNotFoundError:
        raise FileNotFoundError(
            f"There is no such picture. Received: {source}"
        ) from None
    except Exception as error:
        raise ValueError(
            "This is not a picture that can be read (JPEG, PNG, WebP, BMP, "
            f"GIF, TIFF, PPM). Received: {_name(source)}"
        ) from error
    try:
        check_pixels(*image.size, max_pixels, _name(source))
    except ValueError:
        image.close()
        raise
    return image


def _name(source):
    return getattr(source, "name", source)


def _upright(image):
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # The tag is damaged: the pixels are good as they are.
        return image


def _to_rgb(image):
    if image.mode.startswith("I"):  # 16 bits a pixel, whatever the container.
        levels = np.asarray(image).astype("float32") / 257
        image = Image.fromarray(levels.round().clip(0, 255).astype("uint8"))
    elif image.mode == "F":
        levels = np.nan_to_num(np.asarray(image))
        levels = levels * (255 if levels.max() <= 1 else 1)
        image = Image.fromarray(levels.round().clip(0, 255).astype("uint8"))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _font(size):
    font = ImageFont.load_default(size)
    return font, size + 3


def _length(font, text):
    try:
        return font.getlength(text)
    except UnicodeEncodeError:  # Pillow's bitmap font knows only Latin-1.
        return font.getlength("?" * len(text))


def _wrap(text, font, width, lines):
    """Breaks between words, and inside words that are wider than a line."""
    done, line = [], ""
    for word in text.split():
        line = f"{line} {word}".strip()
        if _length(font, line) <= width:
            continue
        head, _, line = line.rpartition(" ")
        if head:
            done.append(head)
        while _length(font, line) > width and len(line) > 1:
            cut = len(line) - 1
            while cut > 1 and _length(font, line[:cut]) > width:
                cut -= 1
            done.append(line[:cut])
            line = line[cut:]
    done.append(line)
    if len(done) > lines:
        done = done[:lines]
        done[-1] = done[-1][:-2].rstrip() + "..."
    return done


def _write(draw, x, y, texts, line, font):
    for i, text in enumerate(texts):
        try:
            draw.text((x, y + i * line), text, "black", font)
        except UnicodeEncodeError:
            text = text.encode("latin-1", "replace").decode("latin-1")
            draw.text((x, y + i * line), text, "black", font)
