"""The face editor as a server has it: picture and text in, PNG out."""

import io
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import prediction_log_pb2
from tests.models.face_editor import parts

from keras_t2i import export

# A process of a server: TensorFlow, and neither this package nor Keras.
EDIT = """
import sys
sys.modules["keras_t2i"] = sys.modules["keras"] = None
import numpy as np
import tensorflow as tf
folder, photo, out, *texts = sys.argv[1:]
content = open(photo, "rb").read()
v1 = tf.compat.v1
with tf.Graph().as_default(), v1.Session() as session:
    graph = v1.saved_model.load(session, ["serve"], folder)
    signature = graph.signature_def["generate"]
    values = {
        "image_bytes": [content] * len(texts),
        "text": texts,
        "strength": [0.8] * len(texts),
    }
    feed = {signature.inputs[k].name: v for k, v in values.items()}
    np.save(out, session.run(signature.outputs["images"].name, feed))
"""


@pytest.fixture(scope="module")
def editor():
    model = parts.editor(encoder_steps=1)
    model.collect([[caption] for caption in parts.CAPTIONS])
    # So that edits are seen: at the start they move hardly anything.
    model.fusion.projection.assign(30.0 * model.fusion.projection)
    return model


@pytest.fixture(scope="module")
def folder(editor, tmp_path_factory):
    return export.to_serving(editor, tmp_path_factory.mktemp("x") / "faces")


@pytest.fixture(scope="module")
def loaded(folder):
    return tf.saved_model.load(str(folder))


def as_file(image, kind="PNG", **options):
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, kind, **options)
    return stream.getvalue()


PHOTO = as_file(parts.PICTURES[0])


def call(loaded, files, texts, strengths=None, name="edit"):
    """A signature's outputs as NumPy arrays."""
    outputs = loaded.signatures[name](
        image_bytes=tf.constant(files, tf.string),
        text=tf.constant(texts, tf.string),
        strength=tf.constant(
            [1.0] * len(files) if strengths is None else strengths, tf.float32
        ),
    )
    return {key: value.numpy() for key, value in outputs.items()}


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def close(first, second):
    return np.max(np.abs(first.astype(int) - second.astype(int))) <= 1


def expected(editor, image, text, strength=1.0):
    latents = editor.encoder.encode(image[None])[0]
    return editor.edit_latents(latents, text, strength)


@pytest.mark.parametrize(
    "text, strength",
    (("black hair, no glasses", 0.8), ("微笑", 1.0), ("no beard", -0.5)),
)
def test_an_edit_is_that_of_the_model(editor, loaded, text, strength):
    found = call(loaded, [PHOTO], [text], [strength])
    edit = expected(editor, parts.PICTURES[0], text, strength)
    assert found["error"][0] == b"" and found["rest"][0] == b""
    assert close(pixels(found["image_bytes"][0]), edit.image)
    assert close(pixels(found["before_bytes"][0]), edit.before)
    assert not np.array_equal(edit.image, edit.before)
    np.testing.assert_allclose(found["similarity"], edit.similarity, atol=0.02)
    default = call(loaded, [PHOTO], [text], [strength], "serving_default")
    np.testing.assert_array_equal(default["image_bytes"], found["image_bytes"])


def test_words_that_are_not_understood_are_told(loaded):
    found = call(loaded, [PHOTO], ["smiling with big eyes, 微笑 吗"])
    assert found["error"][0] == b""
    assert found["rest"][0].decode() == "big, eyes, 吗"


def test_pictures_of_any_size_and_kind(editor, loaded):
    # The middle square, made as small as the generator draws; on white.
    large = parts.PICTURES[1].repeat(5, axis=0).repeat(5, axis=1)
    wide = np.pad(large, [(0, 0), (20, 20), (0, 0)])
    clear = np.dstack([large, np.zeros(large.shape[:2], "uint8")])
    gray = np.full((9, 30), 200, "uint8")
    files = [as_file(x) for x in (large, wide, clear, gray)]
    files.append(as_file(np.dstack([gray] * 3), "JPEG"))
    found = call(loaded, files, ["smiling"] * 5, name="generate")
    assert set(found["error"]) == {b""}
    white, even = (np.full((16, 16, 3), x, "uint8") for x in (255, 200))
    befores = found["before"]
    assert close(befores[0], befores[1])
    for row, image in ((2, white), (3, even), (4, even)):
        assert close(befores[row], expected(editor, image, "smiling").before)


def test_a_wrong_row_leaves_the_others_alone(loaded):
    jpeg = as_file(np.zeros((40, 40, 3), "uint8"), "JPEG")
    huge = bytearray(PHOTO)
    huge[16:24] = (2**16).to_bytes(4, "big") * 2
    rows = [
        (PHOTO, "smiling", 1.0, b""),
        (b"", "smiling", 1.0, b"`image_bytes`"),
        (PHOTO[: len(PHOTO) // 2], "smiling", 1.0, b"`image_bytes`"),
        (jpeg[:30], "smiling", 1.0, b"`image_bytes`"),
        (b"GIF89a no picture", "smiling", 1.0, b"`image_bytes`"),
        (bytes(huge), "smiling", 1.0, b"`image_bytes`"),
        (PHOTO, "", 1.0, b"names nothing"),
        (PHOTO, "x" * 8000, 1.0, b"names nothing"),
        (PHOTO, "black hair, blond hair", 1.0, b"cannot be both"),
        (PHOTO, "smiling", float("nan"), b"`strength`"),
        (PHOTO, "smiling " * 1000, 1.0, b""),
    ]
    files, texts, strengths, errors = zip(*rows)
    found = call(loaded, files, texts, strengths)
    for told, error in zip(found["error"], errors):
        assert error in told and bool(error) == bool(told)
    wrong = np.array([bool(error) for error in errors])
    assert set(found["image_bytes"][wrong]) == {b""}
    assert set(found["before_bytes"][wrong]) == {b""}
    assert not found["similarity"][wrong].any()
    alone = call(loaded, [PHOTO], ["smiling"])["image_bytes"][0]
    for png in found["image_bytes"][~wrong]:
        assert close(pixels(png), pixels(alone))


@pytest.mark.parametrize(
    "rows, strengths, message",
    (
        (0, [], "1 to 64 rows"),
        (65, None, r"1 to 64 rows.*\[?65"),
        (1, [1.0, 1.0], "`image_bytes` and `strength`"),
    ),
)
def test_requests_that_are_refused(loaded, rows, strengths, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        call(loaded, [PHOTO] * rows, ["smiling"] * rows, strengths)


def test_a_process_without_this_package_edits_the_same(
    editor, folder, tmp_path
):
    photo, out = tmp_path / "photo.png", tmp_path / "images.npy"
    photo.write_bytes(PHOTO)
    texts = ["smiling", "黑头发，没有眼镜"]
    done = subprocess.run(
        [sys.executable, "-c", EDIT, *map(str, (folder, photo, out)), *texts],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    for text, image in zip(texts, np.load(out)):
        edit = expected(editor, parts.PICTURES[0], text, 0.8)
        assert close(image, edit.image)


def test_warmup_requests_are_answered(folder, loaded):
    path = folder / "assets.extra" / "tf_serving_warmup_requests"
    seen = set()
    for record in tf.data.TFRecordDataset(str(path)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        seen.add(request.model_spec.signature_name)
        inputs = {
            name: tf.constant(tf.make_ndarray(value))
            for name, value in request.inputs.items()
        }
        name = request.model_spec.signature_name
        outputs = loaded.signatures[name](**inputs)
        assert set(outputs["error"].numpy()) == {b""}
    assert seen == {"serving_default", "edit", "generate"}
    settings = (folder.parent / "models.config").read_text("utf-8")
    assert 'base_path: "/models/faces"' in settings


def test_editors_without_an_encoder_are_refused(tmp_path):
    for settings in ({}, {"variant": "patent"}):
        with pytest.raises(ValueError, match="anchored in captions.*encoder"):
            export.to_serving(parts.editor(**settings), tmp_path / "faces")
    assert not list(tmp_path.glob("faces/*"))
