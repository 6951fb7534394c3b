"""Captioner and editor trained by the command, on a folder of pictures."""

import json
import re

import pytest
from PIL import Image

from keras_t2i import models
from keras_t2i.cli.main import main
from tests.models.face_editor import parts


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """Twelve captioned pictures of six people."""
    folder = tmp_path_factory.mktemp("faces")
    rows = []
    for number in range(12):
        name = f"{number}.png"
        Image.fromarray(parts.PICTURES[number % 4]).save(folder / name)
        caption = parts.CAPTIONS[number % 4]
        rows.append(
            {"image": name, "captions": [caption], "identity": number // 2}
        )
    lines = [json.dumps(row) for row in rows]
    (folder / "captions.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def test_captioner_and_then_editor(faces, tmp_path, capsys):
    parts.generator().save_to_preset(tmp_path / "generator")
    config = tmp_path / "c.json"
    common = {"data": str(faces), "image_size": 16, "batch_size": 4, "steps": 2}
    config.write_text(json.dumps({**common, **parts.CAPTIONER}))
    argv = ["train", "image_captioner", "--config", str(config), "--out"]
    assert main([*argv, str(tmp_path / "captioner")]) == 0
    assert "ImageCaptioner.from_preset" in capsys.readouterr().out
    metadata = tmp_path / "captioner" / "model" / "metadata.json"
    assert "named" in json.loads(metadata.read_text())["scores"]

    config.write_text(json.dumps({**common, "encoder_steps": 0}))
    argv = ["train", "face_editor", "--config", str(config)]
    argv += ["--with", f"generator={tmp_path / 'generator'}"]
    argv += ["--with", f"captioner={tmp_path / 'captioner' / 'model'}"]
    run = tmp_path / "editor"
    assert main([*argv, "--steps", "1", "--out", str(run)]) == 0
    assert "edit PHOTO smiling --preset" in capsys.readouterr().out
    assert main([*argv[:2], "--out", str(run), "--resume", "--steps", "2"]) == 0
    assert (run / "samples" / "step-00000002.png").exists()
    editor = models.TextFaceEditor.from_preset(run / "model")
    assert editor.features is None and editor.encoder is None
    # Names, and no paths of this machine; of a run its own.
    metadata = (run / "model" / "metadata.json").read_text()
    assert str(tmp_path) not in metadata
    assert str(tmp_path) not in (run / "model" / "config.json").read_text()
    facts = json.loads(metadata)
    assert facts["generator"] == "generator"
    assert facts["captioner"] == "captioner"
    found = main(
        ["edit", "seed:1", "smiling", "--preset", str(run), "--out"]
        + [str(tmp_path / "sheet.png")]
    )
    assert found == 0


def test_parts_that_are_missing_are_named(faces, tmp_path, capsys):
    argv = ["train", "face_editor", "--data", str(faces), "--image-size", "16"]
    argv += ["--out", str(tmp_path / "run")]
    for more, message in [
        ([], "trained StyleGAN2.*--with generator=PRESET"),
        (["--with", "generator"], "--with takes NAME=PRESET.*'generator'"),
        (["--with", "nose=a"], "--with takes NAME=PRESET.*'nose=a'"),
        (["--with", "generator=nowhere"], "no preset 'nowhere'"),
    ]:
        assert main([*argv, *more]) == 2
        assert re.search(message, capsys.readouterr().err)
