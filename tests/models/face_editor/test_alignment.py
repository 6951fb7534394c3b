import sys

import numpy as np
import pytest
from PIL import Image
from tests.drawn_face import WALL
from tests.drawn_face import drawn_face

from keras_t2i.models.face_editor import alignment
from keras_t2i.models.face_editor.alignment import align_face

pytest.importorskip("mtcnn", reason="the package mtcnn is not installed")


@pytest.fixture(scope="module")
def photo():
    """A face off the center of a larger picture."""
    canvas = np.full((220, 260, 3), WALL, "uint8")
    canvas[40:200, 80:240] = drawn_face(160)
    return canvas


@pytest.fixture(scope="module")
def aligned(photo):
    return align_face(photo, 64)


def differ(first, second):
    return np.mean(np.abs(first.astype(float) - second.astype(float)))


def test_eyes_are_brought_to_their_places(aligned):
    assert aligned.shape == (64, 64, 3) and aligned.dtype == np.uint8
    dark = aligned.mean(axis=2)
    for x in (0.36, 0.64):
        row, column = round(0.45 * 64), round(x * 64)
        around = dark[row - 2 : row + 2, column - 2 : column + 2]
        assert around.min() < 60  # A pupil.
    assert dark[row - 2 : row + 2, 30:34].min() > 120  # The bridge.


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_photo_on_its_side_is_turned(photo, aligned, quarters):
    assert differ(align_face(np.rot90(photo, quarters), 64), aligned) < 6.0


def test_a_tilted_face_is_set_upright(photo, aligned):
    tilted = Image.fromarray(photo).rotate(
        15, Image.Resampling.BICUBIC, expand=True, fillcolor=WALL
    )
    assert differ(align_face(np.asarray(tilted), 64), aligned) < 6.0


def test_files_are_turned_as_they_say(photo, aligned, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # To be turned by 90 degrees with the clock.
    stored = Image.fromarray(np.rot90(photo))
    stored.save(tmp_path / "photo.png", exif=exif)
    assert differ(align_face(tmp_path / "photo.png", 64), aligned) < 1.0
    with pytest.raises(FileNotFoundError, match="none.png"):
        align_face(tmp_path / "none.png", 64)


def test_the_largest_of_several_faces_is_taken(photo, aligned):
    both = np.full((220, 400, 3), WALL, "uint8")
    both[:, :260] = photo
    both[60:140, 290:370] = drawn_face(80)
    assert differ(align_face(both, 64), aligned) < 6.0


def test_where_no_face_is_nothing_is_made_up():
    with pytest.raises(ValueError, match="No face was found.*front"):
        align_face(np.full((90, 120, 3), 90, "uint8"), 64)


# What the detector finds, as it would say it.


def found(monkeypatch, *faces):
    class Detector:
        def detect_faces(self, image):
            margin = (len(image) - 200) // 2
            return [
                {
                    "confidence": 1.0,
                    "box": [0, 0, width, width],
                    "keypoints": {k: np.add(p, margin) for k, p in points.items()},
                }
                for width, points in faces
            ]

    monkeypatch.setattr(alignment, "_detector", Detector)
    return np.zeros((200, 200, 3), "uint8")


def points(eyes=(80, 120), nose=100):
    left, right = eyes
    return {
        "left_eye": (left, 90),
        "right_eye": (right, 90),
        "nose": (nose, 110),
        "mouth_left": (left, 130),
        "mouth_right": (right, 130),
    }


def test_two_faces_of_a_size_are_to_be_cropped(monkeypatch):
    image = found(monkeypatch, (60, points()), (50, points()))
    with pytest.raises(ValueError, match=r"2 faces.*[Cc]rop.*\[200, 200, 3\]"):
        align_face(image, 64)


def test_faces_from_the_side_are_refused(monkeypatch):
    for nose in (70, 125):
        image = found(monkeypatch, (60, points(nose=nose)))
        with pytest.raises(ValueError, match="from the side.*both eyes"):
            align_face(image, 64)
    image = found(monkeypatch, (60, points(nose=115)))  # Half from the side.
    assert align_face(image, 64).shape == (64, 64, 3)


def test_faces_of_a_few_pixels_are_refused(monkeypatch):
    image = found(monkeypatch, (12, points(eyes=(97, 103))))
    with pytest.raises(ValueError, match="too small.*6 pixels.*8 are needed"):
        align_face(image, 64)


def test_a_missing_detector_names_what_to_install(monkeypatch):
    alignment._detector.cache_clear()
    monkeypatch.setitem(sys.modules, "mtcnn", None)
    with pytest.raises(ImportError, match=r"keras-t2i\[faces\]"):
        align_face(drawn_face(64), 64)


def test_no_picture_is_refused():
    for photo in (np.zeros((9, 9), "uint8"), np.zeros((9, 9, 3))):
        with pytest.raises(ValueError, match="path of a file, or uint8"):
            align_face(photo, 64)
