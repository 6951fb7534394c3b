"""Finding a face in a photograph and bringing it into place."""

import functools
import os

import keras
import numpy as np
from PIL import Image

from keras_t2i import pictures

# Where eyes and corners of the mouth lie in the pictures of training (deep-
# funneled LFW, cropped to the middle), in parts of the side: x, y.
PLACES = np.array([[0.36, 0.45], [0.64, 0.45], [0.38, 0.75], [0.62, 0.75]])
_POINTS = ("left_eye", "right_eye", "mouth_left", "mouth_right")

# The detector finds nothing in smaller pictures; in larger ones it finds
# hardly more, and takes longer.
_SMALLEST, _LARGEST = 128, 1024
_SURE = 0.9
# Upside down, chin and forehead pass for a face now and then, less surely.
_UPRIGHT = 0.99
# Two eyes that are nearer show no more than a smudge.
_LEAST_DISTANCE = 8.0
# How much wider than all others the face must be that is meant.
_CLEARLY_LARGER = 1.5


def align_face(photo, size):
    """The face of a photograph, placed as in the pictures of training.

    Eyes and mouth are brought to fixed places by turning, scaling and moving
    the photograph; what then lies outside of it repeats its edge. A photograph
    without an undoubted face is tried on its sides and upside down too. Of
    several faces the largest is taken, if it is 1.5 times as wide as the next.

    Args:
        photo: path of a picture file, which is turned as its EXIF data say;
            or uint8 [H, W, 3].
        size: height and width of the result.

    Returns:
        uint8 NumPy array [size, size, 3].

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: the detector is not installed.
        ValueError: it is no picture; no face is found, or several of which
            none is clearly the largest; the face is too small, or seen from
            the side; or Keras runs on JAX, where the detector does not.
    """
    image, name = _picture(photo)
    faces, turns = find_faces(image)
    image = np.rot90(image, turns)
    if not faces:
        raise ValueError(
            "No face was found. Give a photograph that shows one from the "
            f"front, not too small. Received: {name}"
        )
    widths = [face["width"] for face in faces]
    if len(faces) > 1 and widths[0] < _CLEARLY_LARGER * widths[1]:
        raise ValueError(
            f"{len(faces)} faces were found, and none is clearly the largest. "
            "Crop the photograph to the one that is meant. "
            f"Received: {name}"
        )
    points = faces[0]["points"]
    _check_pose(points, faces[0]["nose"], name)
    return _placed(image, points, size)


def find_faces(image):
    """Faces of a picture, the largest first.

    Args:
        image: uint8 [H, W, 3].

    Returns:
        list of dicts of `width`, in pixels; `points`, float [4, 2], x and y of
        left eye, right eye, left and right corner of the mouth (left in the
        picture); and `nose` [2]; and the number of quarter turns, against the
        clock as of `numpy.rot90`, after which they are seen.

    Raises:
        ImportError: the detector is not installed.
        ValueError: Keras runs on JAX, where the detector does not.
    """
    found = {}
    for turns in (0, 1, 3, 2):
        found[turns] = _detected(np.rot90(image, turns))
        sure = {
            t: max([face["sure"] for face in faces], default=0.0)
            for t, faces in found.items()
        }
        if sure[0] >= _UPRIGHT:
            break
    best = max(sure, key=sure.get)
    faces = sorted(found[best], key=lambda f: f["width"], reverse=True)
    return faces, best


def _picture(photo):
    """The photograph as an array, and what to call it."""
    if isinstance(photo, (str, os.PathLike)):
        return pictures.read(photo), photo
    image = np.asarray(photo)
    name = f"{image.dtype} {list(image.shape)}"
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(
            "A photograph is the path of a file, or uint8 [H, W, 3]. "
            f"Received: {name}"
        )
    return image, name


def _detected(image):
    height, width = image.shape[:2]
    longer = max(height, width)
    scale = min(_LARGEST / longer, max(1.0, _SMALLEST / longer))
    resized = Image.fromarray(image).resize(
        (max(1, round(width * scale)), max(1, round(height * scale))),
        Image.Resampling.BILINEAR,
        reducing_gap=2,
    )
    # A margin, for faces that fill the picture.
    margin = round(scale * longer / 4)
    padded = np.pad(
        np.asarray(resized), [(margin, margin)] * 2 + [(0, 0)], mode="edge"
    )

    def place(point):
        return (np.array(point, "float64") - margin) / scale

    return [
        {
            "sure": float(face["confidence"]),
            "width": face["box"][2] / scale,
            "points": np.stack([place(face["keypoints"][p]) for p in _POINTS]),
            "nose": place(face["keypoints"]["nose"]),
        }
        for face in _detector().detect_faces(padded)
        if face["confidence"] >= _SURE
    ]


@functools.cache
def _detector():
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "Faces are found by a network that needs TensorFlow. Set "
            "KERAS_BACKEND=tensorflow, or give pictures that are aligned "
            f"already. Received: KERAS_BACKEND={keras.backend.backend()}"
        )
    try:
        from mtcnn import MTCNN
    except ImportError:
        raise ImportError(
            "Faces are found by the package mtcnn, which is not installed. "
            'Install it with `pip install "keras-t2i[faces]"`, or give '
            "pictures that are aligned already."
        ) from None
    return MTCNN()


def _check_pose(points, nose, name):
    """Refuses what the networks have never seen.

    Raises:
        ValueError: the eyes are too near to each other, or the nose does not
            lie between them.
    """
    left, right = points[:2]
    across = right - left
    distance = np.hypot(*across)
    if distance < _LEAST_DISTANCE:
        raise ValueError(
            f"The face is too small: its eyes are {distance:.0f} pixels apart, "
            f"and at least {_LEAST_DISTANCE:.0f} are needed. Give a larger "
            f"photograph. Received: {name}"
        )
    along = np.dot(nose - left, across) / distance**2
    if not 0.0 < along < 1.0:
        raise ValueError(
            "The face is seen from the side. Give a photograph that shows both "
            f"eyes. Received: {name}"
        )


def _placed(image, points, size):
    """The picture with four points brought to `PLACES`, by least squares."""
    turn, shift = _similarity(PLACES * size, points)
    # Drawn larger than asked for and then reduced, so that nothing flickers.
    factor = max(1, int(np.ceil(np.hypot(*turn[0]))))
    # Whatever lies beyond the edge repeats it.
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]])
    reach = corners @ turn.T + shift
    over = max(0.0, -reach.min(), (reach - image.shape[1::-1]).max())
    over = int(np.ceil(over)) + 2
    image = np.pad(image, [(over, over)] * 2 + [(0, 0)], mode="edge")
    (a, b), (d, e) = turn / factor
    c, f = shift + over
    placed = Image.fromarray(image).transform(
        (size * factor, size * factor),
        Image.Transform.AFFINE,
        (a, b, c, d, e, f),
        Image.Resampling.BICUBIC,
    )
    return np.asarray(placed.resize((size, size), Image.Resampling.BOX))


def _similarity(source, target):
    """Rotation with scale [2, 2] and shift [2] that bring points together.

    Umeyama 1991, without reflection: complex numbers say it in two lines.
    """
    x, y = source @ [1, 1j], target @ [1, 1j]
    way, there = x - x.mean(), y - y.mean()
    ratio = np.vdot(way, there) / np.vdot(way, way)
    turn = np.array([[ratio.real, -ratio.imag], [ratio.imag, ratio.real]])
    return turn, target.mean(axis=0) - turn @ source.mean(axis=0)
