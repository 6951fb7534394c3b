"""The page that edits faces on a phone, in a headless Chromium."""

import base64
import json
import pathlib
import shutil
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tests import page_reader
from tests.drawn_face import drawn_face
from tests.models.face_editor import parts
from tests.page_reader import PAGE

from keras_t2i import export
from keras_t2i import models
from keras_t2i.export import endpoints

SHIPPED = pathlib.Path(__file__).parents[2] / "saved_models"
SIZE = 64
WORDS = "smiling woman with glasses"

pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert")


def editor(size):
    generator = models.StyleGAN2(
        image_size=size,
        latent_width=8,
        mapping_layers=2,
        generator_channels=32,
        discriminator_channels=32,
    )
    model = parts.editor(
        encoder_steps=1, generator=generator, features=parts.features(size)
    )
    model.collect([[caption] for caption in parts.CAPTIONS])
    # So that edits are seen: at the start they move hardly anything.
    model.fusion.projection.assign(30.0 * model.fusion.projection)
    return model


@pytest.fixture(scope="module")
def chromium():
    if not (PAGE / "node_modules" / "playwright-core").exists():
        pytest.skip("needs `npm ci` in examples/phone_camera")
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return shutil.which(name)
    pytest.skip("needs Chromium")


@pytest.fixture(scope="module")
def file(chromium, tmp_path_factory):
    path = tmp_path_factory.mktemp("editor") / "faces.tflite"
    export.to_litert(editor(SIZE), path)
    return path


def build(file, folder):
    page_reader.node(PAGE / "build.mjs", file, folder)
    return folder


@pytest.fixture(scope="module")
def site(file, tmp_path_factory):
    return build(file, tmp_path_factory.mktemp("page") / "site")


def film(face, folder):
    """For the fake camera: a face, uint8 [480, 480, 3], between walls."""
    picture = np.full((480, 640, 3), (90, 100, 120), "uint8")
    picture[:, 80:560] = face
    planes = Image.fromarray(picture).convert("YCbCr").split()
    # Video leaves room below black and above white: ITU-R BT.601.
    luma = np.asarray(planes[0]) * (219 / 255) + 16
    colors = [(np.asarray(p) - 128.0) * (224 / 255) + 128 for p in planes[1:]]
    colors = [p.reshape(240, 2, 320, 2).mean((1, 3)) for p in colors]
    frame = b"".join(
        p.round().astype("uint8").tobytes() for p in (luma, *colors)
    )
    path = folder / "face.y4m"
    head = b"YUV4MPEG2 W640 H480 F30:1 Ip A1:1 C420jpeg\n"
    path.write_bytes(head + 2 * (b"FRAME\n" + frame))
    return path


@pytest.fixture(scope="module")
def camera(tmp_path_factory):
    return film(drawn_face(480), tmp_path_factory.mktemp("camera"))


@pytest.fixture
def drive(chromium, site, camera):
    def drive(scenario, **given):
        given = {
            "chromium": chromium,
            "site": str(site),
            "camera": str(camera),
            **given,
        }
        done = page_reader.node(
            PAGE / "drive.mjs", scenario, json.dumps(given), check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return drive


def pixels(text):
    flat = np.frombuffer(base64.b64decode(text), "uint8")
    return flat.reshape(1, SIZE, SIZE, 4)


def photo(folder, name, color):
    path = folder / name
    Image.new("RGB", (96, 128), color).save(path)
    return str(path)


def check_edits(found, file, face, capsys):
    """What the page showed is what Python makes of the frame that it saw.

    Args:
        found: of the scenario "edits".
        file: the .tflite file.
        face: uint8 [480, 480, 3] that was filmed.
        capsys: prints the live frames in a second.
    """
    loaded = export.LiteRTModel(file)
    with capsys.disabled():
        print(f"\nlive at {SIZE} px: {found['rate']} frames/s")
    frame = pixels(found["frame"])
    face = np.asarray(
        Image.fromarray(face).resize((SIZE, SIZE), Image.BOX), float
    )
    assert np.mean(np.abs(frame[0, ..., :3] - face)) < 4
    (reading,) = page_reader.read(loaded.metadata, [WORDS])
    start = loaded.run("encode", rgba=frame)["latents"]
    for shown, strength in ((found["after"], 1.0), (found["half"], 0.5)):
        moved = page_reader.edited(loaded, start, reading["groups"], strength)
        expected = loaded.run("synthesize", latents=moved)["rgba"]
        difference = np.abs(pixels(shown).astype(float) - expected)
        assert np.mean(difference) < 2
    assert np.any(pixels(found["after"]) != pixels(found["half"]))


def test_a_face_in_the_camera_is_edited_as_in_python(drive, file, site, capsys):
    found = drive("edits")
    check_edits(found, file, drawn_face(480), capsys)
    assert found["width"] == 390
    assert found["uninstallable"] == []
    # Nothing leaves, and nothing could.
    own = (found["origin"], f"blob:{found['origin']}")
    assert all(url.startswith(own) for url in found["requests"])
    assert found["origin"] + "/editor.tflite" in found["requests"]
    assert found["blocked"] == {"request": True, "code": True}
    with Image.open(site / "saved.png") as saved:
        assert saved.size == (512, 512)


def test_the_shipped_file_edits_someone_who_does_not_exist(
    drive, tmp_path, capsys
):
    file = SHIPPED / "faces_64" / "faces_64.int8.tflite"
    generator = models.StyleGAN2.from_preset("stylegan2_faces_64")
    (face,) = generator.generate(1, seed=7, truncation=0.7)
    face = np.asarray(Image.fromarray(face).resize((480, 480), Image.BICUBIC))
    site = build(file, tmp_path / "site")
    found = drive("edits", site=str(site), camera=str(film(face, tmp_path)))
    check_edits(found, file, face, capsys)
    # It is found where it is, so there is nothing to tell of its place.
    loaded = export.LiteRTModel(file)
    seen = loaded.run("locate", rgba=pixels(found["frame"]))
    assert seen["score"] > 0.5


def test_the_page_works_without_a_network(drive):
    assert drive("offline")["edited"]


@pytest.mark.parametrize(
    "device, allowed, message",
    (
        (False, True, "No camera was found. You can choose a photo."),
        (True, False, "The camera was refused. Allow it in the settings"),
    ),
)
def test_without_a_camera_photos_are_edited(
    drive, camera, tmp_path, device, allowed, message
):
    found = drive(
        "camera",
        camera=str(camera) if device else None,
        allowed=allowed,
        photo=photo(tmp_path, "me.png", "white"),
    )
    assert found["told"].startswith(message)
    assert found["edited"]


def test_words_and_suggestions(drive):
    unknown, partly = "a purple zebra", "purple glasses"
    long = "glasses " * 1000
    found = drive(
        "words",
        words=[unknown, partly, long, WORDS],
        taps=["smiling", "black hair", "blond hair", "smiling"],
    )
    assert "names nothing that I can change" in found["told"][unknown]
    assert found["told"][partly] == "Not understood: purple."
    assert found["told"][long] == found["told"][WORDS] == ""
    assert found["taps"] == [
        "no glasses, smiling",
        "no glasses, smiling, black hair",
        "no glasses, smiling, blond hair",
        "no glasses, blond hair",
    ]
    assert found["pressed"] == ["blond hair"]


def test_a_photo_is_zoomed_and_moved(drive, tmp_path):
    picture = Image.new("RGB", (400, 300), "red")
    picture.paste("blue", (200, 0, 400, 300))
    picture.save(tmp_path / "halves.png")
    found = drive("moves", photo=str(tmp_path / "halves.png"))
    assert found == {"right": [0, 0, 255, 255], "left": [255, 0, 0, 255]}


def with_locator(model):
    """Signatures with one that finds a face in whatever is blue.

    No editor has a network for it yet.
    """
    found, facts = endpoints._of_face_editor(model)

    def locate(inputs):
        red, _, blue, _ = tf.unstack(
            tf.reduce_mean(tf.cast(inputs["rgba"], "float32"), [0, 1, 2]) / 255
        )
        place = tf.stack([red, 0.0 * red + 0.5, 0.0 * red + 1.0])
        return {"score": blue[None], "place": place[None]}

    rgba = endpoints.Input((1, 32, 32, 4), "uint8", "picture")
    found["locate"] = endpoints.Endpoint(
        locate,
        {"rgba": rgba},
        {"score": "how surely it is a face", "place": "x, y, side"},
        [{"rgba": np.full(rgba.shape, 200, "uint8")}],
        on_gpu=False,
    )
    return found, facts


def test_a_face_is_looked_for_where_the_file_can(drive, tmp_path):
    path = tmp_path / "faces.tflite"
    kinds = {models.TextFaceEditor: with_locator}
    with mock.patch.dict(endpoints._KINDS, kinds):
        export.to_litert(editor(16), path)
    nothing = tmp_path / "nothing.png"
    nothing.write_bytes(b"no picture")
    found = drive(
        "photos",
        site=str(build(path, tmp_path / "site")),
        photos=[
            photo(tmp_path, "black.png", "black"),
            photo(tmp_path, "right.png", (250, 0, 255)),
            photo(tmp_path, "middle.png", (127, 0, 255)),
            str(nothing),
        ],
    )["told"]
    assert found[0][0].startswith("I see no face.") and not found[0][2]
    assert found[1] == ["The face is too far right.", "", True]
    assert found[2] == ["", "", True]
    assert found[3][1] == "nothing.png is no picture that this browser opens."


def test_talking_needs_a_browser_that_hears_on_the_device(drive):
    assert not drive("talks", available="downloadable")["talks"]
    found = drive("talks", available="available")
    assert found["local"] is True
    assert found["heard"] == "no beer"
    assert "names nothing that I can change" in found["told"]
    assert found["corrected"] == ""
    assert found["shared"] > 100


def test_damaged_and_foreign_files_are_refused(drive, file, site, tmp_path):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    for name, bad, message in (
        ("damaged", content, "The model file is damaged."),
        ("foreign", b"no model", "This is no .tflite file."),
    ):
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(bad)
        done = page_reader.node(
            PAGE / "build.mjs", path, tmp_path / "out", check=False
        )
        assert done.returncode == 1 and message in done.stderr
        shutil.copytree(site, tmp_path / name)
        shutil.copy(path, tmp_path / name / "editor.tflite")
        told = drive("refuses", site=str(tmp_path / name))["told"]
        assert told.startswith(message)
    (tmp_path / "foreign" / "editor.tflite").unlink()
    told = drive("refuses", site=str(tmp_path / "foreign"))["told"]
    assert told == "The file of the networks, editor.tflite, is missing."
