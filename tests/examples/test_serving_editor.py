"""The clients with a face editor: a photo and a text, the edited photo back."""

import pathlib
import runpy
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf
from tests.examples import tf_serving
from tests.models.face_editor import parts

from keras_t2i import export
from keras_t2i import pictures

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples" / "serving"
TEXT = "smiling with big eyes"


@pytest.fixture(scope="module")
def signatures(tmp_path_factory):
    model = parts.editor(encoder_steps=1)
    model.collect([[caption] for caption in parts.CAPTIONS])
    # So that edits are seen: at the start they move hardly anything, and what
    # is drawn differs little.
    model.fusion.projection.assign(30.0 * model.fusion.projection)
    model.fusion.deviation.assign(10.0 * model.fusion.deviation)
    folder = export.to_serving(model, tmp_path_factory.mktemp("x") / "faces")
    return tf.saved_model.load(str(folder)).signatures


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """A file of more than a command line takes as one argument: 128 KiB."""
    path = tmp_path_factory.mktemp("photo") / "face.png"
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), "uint8")
    path.write_bytes(tf.io.encode_png(noise).numpy())
    assert path.stat().st_size > 2**17
    return path


@pytest.fixture(scope="module")
def expected(signatures, photo):
    """The edits of strengths 1 and 0.25, and the photo as it is drawn."""
    found = signatures["generate"](
        image_bytes=tf.constant([photo.read_bytes()] * 2),
        text=tf.constant([TEXT] * 2),
        strength=tf.constant([1.0, 0.25]),
    )
    full, quarter = found["images"].numpy().astype(int)
    assert np.max(np.abs(full - quarter)) > 2  # So that tests can fail.
    return {1.0: full, 0.25: quarter}


def close(path, image):
    return np.max(np.abs(pictures.read(path).astype(int) - image)) <= 1


@pytest.mark.parametrize("client", ["rest", "grpc"])
def test_python_clients(client, signatures, photo, expected, tmp_path, capsys):
    main = runpy.run_path(str(EXAMPLES / f"{client}_client.py"))["main"]
    serve = {"rest": tf_serving.rest, "grpc": tf_serving.rpc}[client]
    with serve(signatures, "faces") as address:
        options = ["--photo", str(photo), "--server", address]
        options += ["--out", str(tmp_path)]
        main(["faces", TEXT, "nothing known", *options])
        said = capsys.readouterr().out
        assert "1.png: not understood: big, eyes" in said
        assert "caption 2: " in said and "names nothing" in said
        assert not (tmp_path / "2.png").exists()
        assert close(tmp_path / "1.png", expected[1.0])
        main(["faces", TEXT, *options, "--strength", "0.25"])
        assert close(tmp_path / "1.png", expected[0.25])


@pytest.mark.skipif(
    shutil.which("jq") is None or shutil.which("curl") is None,
    reason="edit.sh needs curl and jq",
)
def test_shell_client(signatures, photo, expected, tmp_path):
    out = tmp_path / "edited.png"
    with tf_serving.rest(signatures, "faces") as address:

        def call(photo, text):
            script = str(EXAMPLES / "edit.sh")
            return subprocess.run(
                ["sh", script, "faces", str(photo), text, "0.25", str(out)],
                env={"SERVER": address, "PATH": "/usr/bin:/bin"},
                capture_output=True,
                text=True,
            )

        done = call(photo, TEXT)
        assert done.returncode == 0, done.stderr
        assert "not understood: big, eyes" in done.stderr
        assert close(out, expected[0.25])
        out.unlink()
        done = call(EXAMPLES / "README.md", TEXT)
        assert done.returncode == 1 and "PNG or JPEG" in done.stderr
        assert not out.exists()
