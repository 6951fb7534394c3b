"""Reads the attributes of `shapes` back from pixels."""

import functools

import numpy as np

from keras_t2i.data import drawing, wording

# Anything that differs less from its background, in 8-bit RGB, is no shape.
_VISIBLE = 50
# Pixels farther than this many radii (of the disc of equal area) from the
# center of mass belong to no shape: the tip of the triangle is at 1.56.
_REACH = 1.9
_GRID = 11
_CHUNK = 512


def shapes_accuracy(text, images):
    """How often pictures show what their captions name.

    Only attributes that a caption names are judged, in the words of
    `shapes()` and their common synonyms, English or Chinese.

    Args:
        text: N captions (strings, bytes or a string tensor).
        images: uint8 `[N, H, H, 3]` with H >= 16.

    Returns:
        dict of `"shape"`, `"color"`, `"size"`, `"position"`, `"background"`
        -> fraction of the captions naming it whose picture agrees (None if
        none names it), `"mean"` and `"worst"` of those.

    Raises:
        ValueError: shapes or dtype do not fit, or no caption names any
            attribute.
    """
    images = np.asarray(images)
    text = [
        t.decode() if isinstance(t, bytes) else str(t)
        for t in np.asarray(text).reshape(-1).tolist()
    ]
    if (
        images.dtype != np.uint8
        or images.ndim != 4
        or images.shape[1] != images.shape[2]
        or images.shape[1] < 16
        or images.shape[3] != 3
        or len(images) != len(text)
    ):
        raise ValueError(
            "shapes_accuracy() takes N captions and uint8 pictures of shape "
            f"[N, size, size, 3], size >= 16. Received: {len(text)} captions, "
            f"{images.dtype} of shape {images.shape}"
        )
    named = [wording.named_attributes(t) for t in text]
    if not any(named):
        raise ValueError(
            "None of the captions names a shape, color, size, position or "
            f"background. Received: {text[:3]}"
        )
    seen = read_attributes(images)
    scores = {}
    for attribute in drawing.ATTRIBUTES:
        right = [
            seen[attribute][i] == values[attribute]
            for i, values in enumerate(named)
            if attribute in values
        ]
        scores[attribute] = sum(right) / len(right) if right else None
    known = [score for score in scores.values() if score is not None]
    return {**scores, "mean": sum(known) / len(known), "worst": min(known)}


def read_attributes(images):
    """What pictures show, judged by the nearest drawn picture.

    Args:
        images: uint8 `[N, H, H, 3]`.

    Returns:
        dict of attribute -> list of N values; None where no shape stands
        out from the background.
    """
    parts = [
        _read(images[i : i + _CHUNK].astype("float32"))
        for i in range(0, len(images), _CHUNK)
    ]
    return {
        name: [value for part in parts for value in part[name]]
        for name in drawing.ATTRIBUTES
    }


def _read(x):
    ground = _ground(x)
    paint, visible = _paint(x, ground)
    soft = _coverage(x, ground, paint)
    soft, area, center = _measure(soft)
    looks, areas = _templates(x.shape[1])
    look = _look(soft, area, center)
    shape = (look @ looks.T).argmax(1) // (len(looks) // len(drawing.SHAPES))
    # Sizes are compared with how large this shape is measured when drawn.
    ratio = np.abs(np.log(area[:, None] / areas[shape]))
    readings = {
        "shape": shape,
        "color": _nearest(paint, list(drawing.COLORS.values())),
        "size": ratio.argmin(1),
        "position": _nearest(center, list(drawing.POSITIONS.values())),
    }
    values = {
        name: [
            drawing.ATTRIBUTES[name][i] if ok else None
            for i, ok in zip(reading, visible)
        ]
        for name, reading in readings.items()
    }
    backgrounds = _nearest(ground, list(drawing.BACKGROUNDS.values()))
    values["background"] = [
        drawing.ATTRIBUTES["background"][i] for i in backgrounds
    ]
    return values


def _ground(x):
    """[N, H, H, 3] -> background color [N, 3], the median of the border."""
    n, size = x.shape[:2]
    w = max(1, size // 16)
    border = [x[:, :w], x[:, -w:], x[:, :, :w], x[:, :, -w:]]
    border = np.concatenate([part.reshape(n, -1, 3) for part in border], 1)
    return np.median(border, axis=1)


def _paint(x, ground):
    """Color [N, 3] of the pixels farthest from the background, and whether
    they are visible [N]."""
    far = np.linalg.norm(x - ground[:, None, None], axis=-1)
    # The smallest shape covers 4 % of the picture, half of it is its edge.
    peak = np.quantile(far.reshape(len(x), -1), 0.985, axis=1)
    core = (far >= 0.8 * peak[:, None, None]).astype("float32")[..., None]
    paint = (core * x).sum((1, 2)) / core.sum((1, 2))
    return paint, peak > _VISIBLE


def _coverage(x, ground, paint):
    """How far each pixel [N, H, H] is on the way from ground to paint."""
    way = paint - ground
    length = np.maximum((way**2).sum(-1), 1)
    along = np.einsum("nijc,nc->nij", x - ground[:, None, None], way)
    alpha = along / length[:, None, None]
    return _firm(alpha)


def _firm(alpha):
    """Takes faint pixels for background and nearly full ones for full."""
    return np.clip((alpha - 0.1) / 0.8, 0, 1)


def _measure(soft):
    """Drops what lies far away; area [N] and center of mass [N, 2].

    Both are in fractions of the picture.
    """
    size = soft.shape[1]
    at = (np.arange(size) + 0.5) / size
    for _ in range(3):
        total = np.maximum(soft.sum((1, 2)), 1e-3)
        area = total / size**2
        y = (soft.sum(2) * at).sum(1) / total
        x = (soft.sum(1) * at).sum(1) / total
        distance = np.hypot(
            at[None, :, None] - y[:, None, None],
            at[None, None, :] - x[:, None, None],
        )
        reach = _REACH * np.sqrt(area / np.pi)
        soft = soft * (distance < reach[:, None, None])
    return soft, area, np.stack([y, x], 1)


def _look(soft, area, center):
    """The shape alone, scaled to one area: unit vectors [N, _GRID ** 2]."""
    n, size = soft.shape[:2]
    steps = np.linspace(-_REACH, _REACH, _GRID)
    radius = np.sqrt(area / np.pi)
    where = center[:, :, None] + radius[:, None, None] * steps
    where = np.clip(where * size - 0.5, 0, size - 1.001)
    low = where.astype(int)
    part = where - low
    rows = np.arange(n)[:, None, None]

    def corner(dy, dx):
        weight_y = part[:, 0] if dy else 1 - part[:, 0]
        weight_x = part[:, 1] if dx else 1 - part[:, 1]
        y, x = low[:, 0, :, None] + dy, low[:, 1, None, :] + dx
        return soft[rows, y, x] * weight_y[:, :, None] * weight_x[:, None, :]

    look = sum(corner(dy, dx) for dy in (0, 1) for dx in (0, 1))
    look = look.reshape(n, -1)
    return look / np.maximum(np.linalg.norm(look, axis=1, keepdims=True), 1e-6)


@functools.lru_cache(maxsize=4)
def _templates(size):
    """Looks [shapes * sizes * variations, k] and areas [shapes, sizes].

    The variations are shifts by parts of a pixel, each sharp and blurred: in
    few pixels, shapes look different by where they fall on the grid.
    """
    shifts = np.array([(y, x) for y in range(5) for x in range(5)]) / 5 / size
    looks, areas = [], []
    for shape in drawing.SHAPES:
        for radius in drawing.SIZES.values():
            masks = np.stack(
                [drawing.mask(shape, radius, 0.5 + s, size) for s in shifts]
            )
            sharp, area, center = _measure(_firm(masks))
            looks.append(_look(sharp, area, center))
            looks.append(_look(*_measure(_firm(_blur(masks)))))
            areas.append(area.mean())
    return np.concatenate(looks), np.reshape(areas, (len(drawing.SHAPES), -1))


def _blur(masks):
    """[N, H, H] blurred by a deviation of about 1/32 of the picture."""
    for _ in range(2 * (masks.shape[1] // 32) ** 2):
        for axis in (1, 2):
            masks = (
                np.roll(masks, 1, axis) + 2 * masks + np.roll(masks, -1, axis)
            ) / 4
    return masks


def _nearest(points, choices):
    """[N, D] -> index of the nearest of the choices [N]."""
    offsets = points[:, None] - np.array(choices)
    return (offsets**2).sum(-1).argmin(1)
