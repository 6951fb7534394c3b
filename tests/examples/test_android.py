"""The Kotlin of examples/android that needs no Android, run on the JVM."""

import json
import pathlib
import re
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image
from tests import page_reader
from tests.export.test_reading import REFUSED
from tests.export.test_reading import TEXTS
from tests.models.face_editor import parts

from keras_t2i import export

ANDROID = pathlib.Path(__file__).parents[2] / "examples" / "android"
CORE = ANDROID / "core" / "src" / "main" / "kotlin"
VECTORS = pathlib.Path(__file__).parent / "android" / "Vectors.kt"
ODD = ("", " ,. ", "no", "smiling " * 1000, "Έλληνας smiling", "\ufeffsmiling")
# Score; middle and side of a face, in parts of the frame.
PLACES = {
    (0.4, 0.5, 0.5, 1.0): "I see no face. Bring one into the oval, upright and "
    "from the front.",
    (0.9, 0.5, 0.5, 1.0): "",
    (0.9, 0.5, 0.5, 1.5): "The face is too large.",
    (0.9, 0.5, 0.5, 0.5): "The face is too small.",
    (0.9, 0.7, 0.5, 1.0): "The face is too far left.",  # In a mirror.
    (0.9, 0.5, 0.7, 1.0): "The face is too low.",
}

pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert")


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    """Runs the compiled core with arguments, and gives the lines it prints."""
    for name in ("kotlinc", "java"):
        if shutil.which(name) is None:
            pytest.skip(f"needs {name}")
    jar = tmp_path_factory.mktemp("core") / "core.jar"
    kotlinc = ["kotlinc", CORE, VECTORS, "-include-runtime", "-d", jar]
    done = subprocess.run(kotlinc, capture_output=True, text=True)
    assert jar.exists(), done.stderr

    def run(*arguments):
        done = subprocess.run(
            ["java", "-Dfile.encoding=UTF-8", "-jar", jar, *arguments],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


@pytest.fixture(scope="module")
def file(core, tmp_path_factory):
    model = parts.editor(encoder_steps=1)
    model.collect([[caption] for caption in parts.CAPTIONS])
    path = tmp_path_factory.mktemp("editor") / "faces.tflite"
    export.to_litert(model, path)
    return path


def run(core, file, folder, texts=(), crops=(), places=()):
    task = folder / "task.json"
    given = {"texts": texts, "crops": crops, "places": places}
    task.write_text(json.dumps(given))
    return core(file, task)


def understood(line):
    """Groups and rest, as tests/page_reader.py has them."""
    groups, _, rest = line.partition(" ")
    return {
        "groups": [
            [list(map(int, words.split(","))), int(sign)]
            for sign, words in (group.split(":") for group in groups.split("|"))
        ],
        "rest": [bytes.fromhex(x).decode() for x in rest.split(",") if x],
    }


def test_it_reads_texts_as_the_page_does(core, file, tmp_path):
    # Of broken UTF-8 only Python has a form.
    texts = [text for text in (*TEXTS, *REFUSED, *ODD) if isinstance(text, str)]
    lines = run(core, file, tmp_path, texts)
    expected = page_reader.read(export.LiteRTModel(file).metadata, texts)
    for text, line, page in zip(texts, lines, expected, strict=True):
        if "told" in page:
            told = line.removeprefix("refused ")
            # A quoted text is cut in other places.
            assert told[-30:] == page["told"][-30:], text[:60]
        else:
            assert understood(line) == page, text[:60]


def test_it_crops_as_pillow_does(core, file, tmp_path):
    random = np.random.default_rng(0)
    width, height, stride, size = 60, 48, 60 * 4 + 24, 16
    frame = random.integers(0, 256, (height, stride), "uint8")
    (tmp_path / "frame").write_bytes(frame.tobytes())
    image = Image.fromarray(frame[:, : 4 * width].reshape(height, width, 4))
    crop = {"file": str(tmp_path / "frame"), "width": width, "height": height}
    crops = [
        {**crop, "stride": stride, "place": place}
        for place in (None, [0.5, 0.4375, 2 / 3], [1.0, 0.5, 0.5])
    ]
    lines = run(core, file, tmp_path, crops=crops)
    whole, part, over = (
        np.frombuffer(bytes.fromhex(line), "uint8").reshape(size, size, 4)
        for line in lines
    )
    # Whole pixels each: else Pillow's box filter rounds to such.
    for found, box in ((whole, (6, 0, 54, 48)), (part, (14, 5, 46, 37))):
        expected = image.convert("RGB").resize((size, size), Image.BOX, box)
        difference = found[..., :3].astype(int) - np.asarray(expected)
        assert np.max(np.abs(difference)) <= 1
        assert np.all(found[..., 3] == 255)
    # Beyond the right edge the last column goes on.
    np.testing.assert_array_equal(over[:, -1], over[:, -2])
    assert np.any(over[:, 0] != over[:, -1])


def test_it_leads_a_face_into_the_oval(core, file, tmp_path):
    lines = run(core, file, tmp_path, places=list(PLACES))
    assert lines == list(PLACES.values())


def test_damaged_and_foreign_files_are_refused(core, file, tmp_path):
    data = bytearray(file.read_bytes())
    names = ("damaged", "foreign", "cut")
    damaged, foreign, cut = (tmp_path / name for name in names)
    cut.write_bytes(data[:64])
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    foreign.write_bytes(b"no model at all")
    for path, told in (
        (damaged, "damaged"),
        (foreign, "no .tflite file"),
        (cut, "its end is missing"),
    ):
        (line,) = core(path, path)
        assert line.startswith("refused ") and told in line


def test_nothing_leaves_the_phone():
    manifest = (ANDROID / "app/src/main/AndroidManifest.xml").read_text()
    asked = re.findall(r"uses-permission\s+android:name=\"([^\"]+)", manifest)
    assert asked == ["android.permission.CAMERA"]
    for source in CORE.glob("*.kt"):
        assert "import android" not in source.read_text()
