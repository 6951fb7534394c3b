"""Pictures with a face somewhere, or with none, made of pictures of faces."""

import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFilter

from keras_t2i.data import folder
from keras_t2i.data import pipeline

# Columns of `attributes`: 1 with a face, else 0; and where it is.
COLUMNS = ("face", "x", "y", "side")
_NUM_SCENES = {"train": 40_000, "validation": 4_000}
# Side of the square of a face, in parts of the frame.
_SIDES = (0.35, 1.25)
# That much of the square's side, in its middle, lies inside of the frame.
_CORE = 0.6
# Of a picture of a face so small a part shows none: an eye, a cheek.
_NO_FACE = (0.15, 0.35)
_TURN = 12.0  # Degrees, to either side.


def face_scenes(
    path,
    split="train",
    image_size=64,
    batch_size=64,
    *,
    others=(),
    num_scenes=None,
    seed=0,
    fold=None,
    training=None,
    repeat=False,
    start_step=0,
):
    """Batches of scenes, half of them with a face, for a `FaceLocator`.

    A face is turned, scaled and put somewhere over another picture or a drawn
    background, whole or cut out, or its own picture goes on around it. Scenes
    without one show other pictures, parts of them pasted in the same way, too
    small a part of a face, or one whose quarters changed places.

    Args:
        path: folder of pictures of aligned faces, see `load`.
        split: `"train"` or `"validation"`, of faces and of other pictures.
        image_size: height and width.
        batch_size: scenes in a batch.
        others: folders of captioned pictures without faces.
        num_scenes: scenes in the set; None: 40,000 to train, 4,000 to
            validate.
        seed: of the scenes and their order.
        fold: as in `load`, of the faces.
        training, repeat, start_step: as in `load`.

    Returns:
        `tf.data.Dataset` (on JAX `data.Batches`) as of `load` with
        `attributes=True`: their four columns are 1 with a face, else 0; and
        x, y and side of its square, in parts of the frame (zeros without a
        face). The square is the picture of the face, as an editor takes it;
        it may reach beyond the frame.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: as of `load`, or an argument makes no sense.
    """
    if num_scenes is None:
        num_scenes = _NUM_SCENES["train" if split == "train" else "validation"]
    if not isinstance(num_scenes, int) or num_scenes < 1:
        raise ValueError(
            "`num_scenes` must be a whole number of at least 1. "
            f"Received: {num_scenes!r}"
        )

    def pictures_of(path, fold=None):
        return folder.load(
            path, split, image_size, 1, training=False, fold=fold
        ).source

    faces = pictures_of(path, fold)
    scenes = _Scenes(
        faces, [pictures_of(each) for each in others], image_size, seed, split
    )
    table = np.array([scenes.place(i) for i in range(num_scenes)], "float32")
    source = pipeline.CaptionedPictures(
        texts=[[""]] * num_scenes,
        class_ids=table[:, 0],
        names=[f"scene {number}" for number in range(num_scenes)],
        read=scenes.picture,
        folder=faces.folder,
        attribute_names=COLUMNS,
        attributes=table,
    )
    return pipeline.dataset(
        source,
        image_size,
        batch_size,
        seed,
        training=split == "train" if training is None else training,
        repeat=repeat,
        start_step=start_step,
        mirror=False,  # It would move the face.
    )


class _Scenes:
    """Every scene is a function of its number alone."""

    def __init__(self, faces, others, size, seed, split):
        self.faces, self.others, self.size = faces, others, size
        # The same seed shall give other scenes to validate.
        self.seed = (seed, 0 if split == "train" else 1)

    def _random(self, number):
        """Generator of a scene, and its place (face, x, y, side)."""
        random = np.random.default_rng((*self.seed, number))
        if random.random() < 0.5:
            return random, (0.0, 0.0, 0.0, 0.0)
        side = float(np.exp(random.uniform(*np.log(_SIDES))))
        margin = _CORE * side / 2
        x, y = random.uniform(margin, 1.0 - margin, 2)
        return random, (1.0, x, y, side)

    def place(self, number):
        return self._random(number)[1]

    def picture(self, number):
        random, (has_face, x, y, side) = self._random(number)
        if has_face:
            scene = self._with_face(random, x, y, side)
        else:
            scene = self._without_face(random)
        return _as_by_a_camera(np.asarray(scene), random)

    def _with_face(self, random, x, y, side):
        face = self._face(random)
        turn = random.uniform(-_TURN, _TURN)
        if random.random() < 0.4:
            # The picture goes on as it ends: a mirror would add faces.
            wide = [(self.size, self.size)] * 2 + [(0, 0)]
            around = Image.fromarray(np.pad(face, wide, "edge"))
            return _moved(around, self.size, x, y, 3.0 * side, turn)
        return self._pasted(random, face, x, y, side, turn)

    def _without_face(self, random):
        kind = random.random()
        if kind < 0.3:
            return self._background(random)
        if kind < 0.5:  # A part of a face.
            face = Image.fromarray(self._face(random))
            part = self.size * random.uniform(*_NO_FACE)
            left, top = random.uniform(0, self.size - part, 2)
            return face.resize(
                (self.size, self.size),
                Image.Resampling.BICUBIC,
                (left, top, left + part, top + part),
            )
        if kind < 0.65:
            shown = _quartered(self._face(random), random)
        else:
            shown = np.asarray(self._background(random))
        side = float(np.exp(random.uniform(*np.log(_SIDES))))
        x, y = random.uniform(0.2, 0.8, 2)
        turn = random.uniform(-_TURN, _TURN)
        return self._pasted(random, shown, x, y, side, turn)

    def _pasted(self, random, shown, x, y, side, turn):
        """A picture on a background, cut to a rectangle or an oval."""
        size = self.size
        # Never into the face, never twice the same, so that edges tell
        # little of where it is.
        left, top = random.uniform(0.0, 0.22, 2) * size
        right, bottom = size - random.uniform(0.0, 0.22, 2) * size
        bottom = max(bottom, 0.9 * size)
        mask = Image.new("L", (size, size), 0)
        draw = ImageDraw.Draw(mask)
        box = (left, top, right, bottom)
        if random.random() < 0.5:
            draw.rectangle(box, 255)
        else:
            draw.ellipse(box, 255)
        mask = mask.filter(
            ImageFilter.GaussianBlur(random.uniform(0.0, 0.05) * size)
        )
        layer = Image.merge(
            "RGBA", (*Image.fromarray(shown).split(), mask)
        )
        # What is outside of the layer is transparent.
        layer = _moved(layer, size, x, y, side, turn)
        scene = self._background(random)
        scene.paste(layer, (0, 0), layer)
        return scene

    def _face(self, random):
        _, face = self.faces.picture(random.integers(len(self.faces)))
        face = pipeline.crop_square(face, self.size)
        return face[:, ::-1] if random.random() < 0.5 else face

    def _background(self, random):
        if self.others and random.random() < 0.7:
            source = self.others[random.integers(len(self.others))]
            _, image = source.picture(random.integers(len(source)))
            image = pipeline.crop_square(image, self.size, *random.random(2))
            part = self.size * random.uniform(0.3, 1.0)
            left, top = random.uniform(0, self.size - part, 2)
            box = (left, top, left + part, top + part)
            return Image.fromarray(image).resize(
                (self.size, self.size), Image.Resampling.BICUBIC, box
            )
        # Smooth shades, of few patches or of many, with some grain.
        patches = random.integers(0, 256, (*random.integers(1, 9, 2), 3))
        how = (Image.Resampling.BICUBIC, Image.Resampling.NEAREST)
        shades = Image.fromarray(patches.astype("uint8")).resize(
            (self.size, self.size), how[random.integers(2)]
        )
        grain = random.normal(0.0, random.uniform(0.0, 20.0), (self.size,) * 2)
        return _image(np.asarray(shades) + grain[..., None])


def _moved(image, size, x, y, side, turn):
    """[size, size] with a picture, turned, at a place."""
    width = max(1, round(side * size))
    small = image.resize((width, width), Image.Resampling.BICUBIC)
    small = small.rotate(turn, Image.Resampling.BILINEAR)
    scale = width / (side * size)
    left = width / 2 - x * size * scale
    top = width / 2 - y * size * scale
    return small.transform(
        (size, size),
        Image.Transform.EXTENT,
        (left, top, left + size * scale, top + size * scale),
        Image.Resampling.BILINEAR,
    )


def _quartered(face, random):
    """A face whose quarters changed places."""
    half = len(face) // 2
    parts = [
        face[i : i + half, j : j + half] for i in (0, half) for j in (0, half)
    ]
    # Turned by one at least: none stays.
    first = random.integers(1, 4)
    a, b, c, d = (parts[(first + k) % 4] for k in range(4))
    return np.concatenate(
        [np.concatenate([a, b], axis=1), np.concatenate([c, d], axis=1)]
    )


def _as_by_a_camera(image, random):
    """Other light, other colors, blur and noise."""
    if random.random() < 0.3:
        blur = ImageFilter.GaussianBlur(random.uniform(0.2, 1.0))
        image = np.asarray(Image.fromarray(image).filter(blur))
    light = random.uniform(0.6, 1.3) * random.uniform(0.9, 1.1, 3)
    image = (image - 128.0) * random.uniform(0.6, 1.2) + 128.0
    noise = random.normal(0.0, random.uniform(0.0, 8.0), image.shape)
    return np.asarray(_image(light * image + noise))


def _image(values):
    return Image.fromarray(np.clip(values, 0.0, 255.0).astype("uint8"))
