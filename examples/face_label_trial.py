"""Can hair length and eye size be read from pictures of faces? A trial.

    python examples/face_label_trial.py --data FACES --out sheets

No label of the faces tells either, and "big eyes, long hair" is what people
say first. Both are guessed here from pixels of aligned faces of 64 x 64:

- hair length: the share of pixels beside jaw and neck that have the color of
  the hair above the forehead and neither that of the upper corners, which show
  the background. Where hair and background have one color nothing is said.
- eye size: how much lighter and darker parts the two places of the eyes have,
  beside those of the whole face.

For each it writes a sheet, `hair_length.png` and `eye_size.png`, of the faces
with the highest and with the lowest values, to be looked at: labels that a
model shall learn must hold up there. The sheets show real people; keep them.
"""

import argparse
import pathlib

import numpy as np
from PIL import Image

import keras_t2i

SIZE = 64
# A color is another one from this distance in CIELAB on, of 255 a channel.
_OTHER = 30.0
_HAIR = np.s_[:, 5:11, 24:40]
_CORNERS = (np.s_[:, :8, :8], np.s_[:, :8, 56:])
_BESIDE = (np.s_[:, 40:58, 8:18], np.s_[:, 40:58, 46:56])
_EYES = (np.s_[:, 26:34, 19:29], np.s_[:, 26:34, 35:45])
_FACE = np.s_[:, 20:50, 20:44]


def in_lab(images):
    """float32 [N, H, W, 3] in CIELAB, 0 to 255 and twice -128 to 127."""
    lab = np.stack([Image.fromarray(x).convert("LAB") for x in images])
    lightness, colors = lab[..., :1], lab[..., 1:].view("int8")
    return np.concatenate([lightness.astype("float32"), colors], axis=-1)


def _pixels(images, places):
    """[N, P, ...]: all pixels of the places, a picture a row."""
    rows = [images[place] for place in places]
    flat = [r.reshape(len(r), -1, *images.shape[3:]) for r in rows]
    return np.concatenate(flat, axis=1)


def hair_length(images):
    """Of aligned faces uint8 [N, 64, 64, 3]: [N], 0 to 1, or NaN: unknown."""
    lab = in_lab(images)
    hair, behind = (
        np.median(_pixels(lab, places), axis=1, keepdims=True)
        for places in ((_HAIR,), _CORNERS)
    )
    beside = _pixels(lab, _BESIDE)
    from_hair, from_behind = (
        np.linalg.norm(beside - color, axis=-1) for color in (hair, behind)
    )
    share = np.mean(
        (from_hair < _OTHER)
        & (from_hair < from_behind)
        & (from_behind > _OTHER),
        axis=1,
    )
    alike = np.linalg.norm(hair - behind, axis=-1)[:, 0] < _OTHER
    return np.where(alike, np.nan, share)


def eye_size(images):
    """Of aligned faces uint8 [N, 64, 64, 3]: [N], from 0 up."""
    lightness = in_lab(images)[..., 0]
    eyes = _pixels(lightness, _EYES).std(axis=1)
    return eyes / (_pixels(lightness, (_FACE,)).std(axis=1) + 5.0)


def extremes(images, values, count=32):
    """uint8 picture: the highest, and below them the lowest values."""
    order = np.argsort(values)[: np.sum(np.isfinite(values))]  # NaN is last.
    count = min(count, len(order) // 2)
    return keras_t2i.pictures.grid(
        images[np.concatenate([order[::-1][:count], order[:count]])],
        columns=min(8, count),
        scale=2,
    )


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", type=pathlib.Path, default="sheets")
    options = parser.parse_args(arguments)
    data = keras_t2i.data.load(
        options.data, "train", image_size=SIZE, training=False
    )
    images = np.concatenate([np.asarray(images) for _, images in data])
    for measure in (hair_length, eye_size):
        values = measure(images)
        path = options.out / f"{measure.__name__}.png"
        keras_t2i.pictures.save_png(path, extremes(images, values))
        known = values[np.isfinite(values)]
        print(
            f"{measure.__name__}: {len(known)} of {len(images)} faces, "
            f"median {np.median(known):.2f}, {path}"
        )


if __name__ == "__main__":
    main()
