"""The page that edits faces on a phone, in a headless Chromium."""

import base64
import io
import json
import pathlib
import shutil
import subprocess
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tests.drawn_face import drawn_face
from tests.models.face_editor import parts

from keras_t2i import export
from keras_t2i import models
from keras_t2i.export import endpoints

HERE = pathlib.Path(__file__).parents[2] / "examples" / "phone_camera"
SIZE = 64
WORDS = "smiling woman with glasses"

pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert")
if shutil.which("node") is None:
    pytest.skip("needs Node.js", allow_module_level=True)


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
def exported(tmp_path_factory):
    """An editor, its file, and the file's path."""
    model = editor(SIZE)
    path = tmp_path_factory.mktemp("editor") / "faces.tflite"
    export.to_litert(model, path)
    return model, export.LiteRTModel(path), path


def node(*arguments, check=True, **kwargs):
    return subprocess.run(
        ["node", *map(str, arguments)],
        check=check,
        capture_output=True,
        text=True,
        **kwargs,
    )


def read_by_page(facts, texts):
    """What the page's reader says of texts: groups and rest, or a message."""
    program = f"""
        import {{Reader}} from {json.dumps((HERE / "site/words.js").as_uri())};
        import {{readFileSync}} from 'node:fs';
        const {{facts, texts}} = JSON.parse(readFileSync(0));
        const reader = new Reader(facts);
        console.log(JSON.stringify(texts.map((text) => {{
          try {{
            const {{groups, rest}} = reader.read(text);
            return {{rest, groups: groups.map(
                ({{words, sign}}) => [[...words], sign])}};
          }} catch (error) {{
            return {{told: error.message}};
          }}
        }})));"""
    done = node(
        "--input-type=module",
        "--eval",
        program,
        input=json.dumps({"facts": facts, "texts": texts}),
    )
    return json.loads(done.stdout)


def edited(loaded, latents, groups, strength):
    for words, sign in groups:
        latents = loaded.run(
            "edit",
            latents=latents,
            words=np.array([words], "int32"),
            strength=np.array([sign * strength], "float32"),
        )["latents"]
    return latents


@pytest.mark.filterwarnings("ignore:Not understood")
def test_texts_are_read_as_in_python(exported):
    model, loaded, _ = exported
    texts = [
        WORDS,
        "She isn’t smiling; NO  glasses",
        "no\u00a0eye-glasses and a beard, young",
        "戴眼镜的微笑女人",
        "没有胡子",
        "big purple eyes, glasses 3glasses",
        "don't wear any eyeglasses, please look older and male",
    ]
    start = model.latents_for(1, seed=3)
    for text, found in zip(texts, read_by_page(loaded.metadata, texts)):
        _, rest = model.understood(text)
        assert found["rest"] == rest, text
        moved = edited(loaded, start, found["groups"], 0.8)
        expected = model.edit_latents(start, text, strength=0.8).latents
        np.testing.assert_allclose(moved, expected, atol=1e-4, err_msg=text)
        assert np.max(np.abs(moved - start)) > 1e-2


def test_texts_that_ask_for_nothing_are_refused(exported):
    _, loaded, _ = exported
    texts = ["", "a purple zebra", "blond hair and black hair", "x" * 8000]
    found = [each["told"] for each in read_by_page(loaded.metadata, texts)]
    assert "names nothing that I can change" in found[0]
    assert "“a purple zebra” names nothing" in found[1]
    assert "cannot be both blond hair and black hair" in found[2]
    assert len(found[3]) < 200


# From here on in the browser.


@pytest.fixture(scope="module")
def chromium():
    if not (HERE / "node_modules" / "playwright-core").exists():
        pytest.skip("needs `npm ci` in examples/phone_camera")
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return shutil.which(name)
    pytest.skip("needs Chromium")


def build(file, folder):
    node(HERE / "build.mjs", file, folder)
    return folder


@pytest.fixture(scope="module")
def site(chromium, exported, tmp_path_factory):
    return build(exported[2], tmp_path_factory.mktemp("page") / "site")


@pytest.fixture(scope="module")
def camera(tmp_path_factory):
    """A film for Chromium's fake camera: a drawn face, left of a wall."""
    picture = np.full((480, 640, 3), (90, 100, 120), "uint8")
    picture[:, 80:560] = drawn_face(480)
    planes = Image.fromarray(picture).convert("YCbCr").split()
    # Video leaves room below black and above white: ITU-R BT.601.
    luma = np.asarray(planes[0]) * (219 / 255) + 16
    colors = [(np.asarray(p) - 128.0) * (224 / 255) + 128 for p in planes[1:]]
    colors = [p.reshape(240, 2, 320, 2).mean((1, 3)) for p in colors]
    frame = b"".join(
        p.round().astype("uint8").tobytes() for p in (luma, *colors)
    )
    path = tmp_path_factory.mktemp("camera") / "face.y4m"
    head = b"YUV4MPEG2 W640 H480 F30:1 Ip A1:1 C420jpeg\n"
    path.write_bytes(head + 2 * (b"FRAME\n" + frame))
    return path


@pytest.fixture
def drive(chromium, site, camera):
    def drive(scenario, **given):
        given = {
            "chromium": chromium,
            "site": str(site),
            "camera": str(camera),
            **given,
        }
        done = node(
            HERE / "drive.mjs", scenario, json.dumps(given), check=False
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


def test_a_face_in_the_camera_is_edited_as_in_python(
    drive, exported, site, capsys
):
    _, loaded, _ = exported
    found = drive("edits")
    with capsys.disabled():
        print(f"\nlive at {SIZE} px: {found['rate']} frames/s")
    frame = pixels(found["frame"])
    face = np.asarray(
        Image.fromarray(drawn_face(480)).resize((SIZE, SIZE), Image.BOX), float
    )
    assert np.mean(np.abs(frame[0, ..., :3] - face)) < 4
    (reading,) = read_by_page(loaded.metadata, [WORDS])
    start = loaded.run("encode", rgba=frame)["latents"]
    for shown, strength in ((found["after"], 1.0), (found["half"], 0.5)):
        moved = edited(loaded, start, reading["groups"], strength)
        expected = loaded.run("synthesize", latents=moved)["rgba"]
        difference = np.abs(pixels(shown).astype(float) - expected)
        assert np.mean(difference) < 2
    assert np.any(pixels(found["after"]) != pixels(found["half"]))
    assert found["width"] == 390
    # Nothing leaves, and nothing could.
    assert all(u.startswith((found["origin"], "blob:")) for u in found["requests"])
    assert any(u.endswith("editor.tflite") for u in found["requests"])
    assert found["blocked"] == {"request": True, "code": True}
    with Image.open(site / "saved.png") as saved:
        assert saved.size == (512, 512)


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
    unknown, partly, long = "a purple zebra", "purple glasses", "glasses " * 1000
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


def with_locator(model):
    """Signatures with one that finds a face in whatever is blue.

    No editor has a network for it yet.
    """
    found, facts = endpoints._of_face_editor(model)

    def locate(inputs):
        red, _, blue, _ = tf.unstack(
            tf.reduce_mean(tf.cast(inputs["rgba"], "float32"), [0, 1, 2]) / 255
        )
        place = tf.stack([red - 0.5, 0.0 * red, 0.0 * red + 1.0])
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


def test_damaged_and_foreign_files_are_refused(drive, exported, site, tmp_path):
    content = bytearray(exported[2].read_bytes())
    content[len(content) // 2] ^= 1
    for name, bad, message in (
        ("damaged", content, "The model file is damaged."),
        ("foreign", b"no model", "This is no .tflite file."),
    ):
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(bad)
        done = node(HERE / "build.mjs", path, tmp_path / "out", check=False)
        assert done.returncode == 1 and message in done.stderr
        shutil.copytree(site, tmp_path / name)
        shutil.copy(path, tmp_path / name / "editor.tflite")
        told = drive("refuses", site=str(tmp_path / name))["told"]
        assert told.startswith(message)
