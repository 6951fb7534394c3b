import pathlib
import re

import numpy as np
import pytest
from PIL import Image

from keras_t2i.cli.main import main
from keras_t2i.models.face_editor import editing
from keras_t2i.voice import hearing
from keras_t2i.voice.recognizer import Transcript
from tests.models.face_editor import parts

SPEECH = pathlib.Path(__file__).parents[1] / "voice" / "phrase.wav"


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """A preset of an editor that was hardly trained."""
    folder = tmp_path_factory.mktemp("editor")
    model = parts.editor(encoder_steps=1)
    parts.fit(model)
    model.fusion.projection.assign(30.0 * model.fusion.projection)
    model.save_to_preset(folder)
    return str(folder)


def edit(preset, *arguments):
    return main(["edit", *map(str, arguments), "--preset", preset])


def test_face_of_a_seed_becomes_sheet_way_and_files(preset, tmp_path, capsys):
    out = tmp_path / "out"
    asked = ("seed:7", "smiling", "不笑", "--scale", 2, "--out", f"{out}/")
    assert edit(preset, *asked) == 0
    said = capsys.readouterr().out
    assert re.search(r"smiling: similarity to the face before \d", said)
    assert "Smiling, not Smiling" in said
    names = {p.name for p in out.iterdir()}
    pictures = {"before.png", "after-1.png", "after-2.png", "sheet.png"}
    assert names == pictures | {"way.gif", "latents.npz"}
    with Image.open(out / "way.gif") as film:
        # Frames alike become one.
        assert 3 <= film.n_frames <= 48 and film.size == (32, 32)
    with np.load(out / "latents.npz") as latents:
        assert latents["after-2"].shape == (6, 8)
        moved = latents["after-2"] - latents["after-1"]
        assert np.any(moved)


def test_photograph_and_film(preset, tmp_path, monkeypatch):
    seen = []

    def align(photo, size):
        seen.append(photo)
        return parts.PICTURES[len(seen) % 4]

    monkeypatch.setattr(editing, "align_face", align)
    # So few steps that it is fast; the picture is no face anyway.
    photo = tmp_path / "me.png"
    Image.fromarray(parts.PICTURES[0]).save(photo)
    few = ("--steps", 1, "--scale", 1)
    assert edit(preset, photo, "older", *few, "--out", tmp_path / "a.png") == 0
    assert seen == [str(photo)] and (tmp_path / "a.png").exists()

    frames = [Image.fromarray(picture) for picture in parts.PICTURES]
    film = tmp_path / "film.gif"
    frames[0].save(film, save_all=True, append_images=frames[1:])
    out = tmp_path / "edited.gif"
    assert edit(preset, film, "older", *few, "--out", out) == 0
    assert len(seen) == 5 and seen[1].shape == (16, 16, 3)
    with Image.open(out) as edited:
        assert edited.n_frames == 4


def test_spoken_words_are_shown_and_corrected(
    preset, tmp_path, capsys, monkeypatch
):
    known = []

    def transcribe(audio, rate, phrases):
        known.extend(phrases)
        return Transcript("smiling", 0.9)

    monkeypatch.setattr(hearing, "transcribe", transcribe)
    answers = iter(["older", "n"])
    monkeypatch.setattr("builtins.input", lambda asked: next(answers))
    spoken = ("seed:7", "--voice", SPEECH, "--out", tmp_path / "a.png")
    assert edit(preset, *spoken) == 0
    said = capsys.readouterr().out
    assert 'Heard: "smiling"' in said and "older: similarity" in said
    assert "smiling" in known and all(p.isascii() for p in known)
    assert edit(preset, *spoken) == 2
    assert "Nothing was confirmed" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["seed:7", "long hair"], "names nothing.*It knows: smiling"),
        (["seed:x", "smiling"], "whole number.*seed:x"),
        (["nowhere.jpg", "smiling"], "nowhere.jpg"),
        (["seed:7", "smiling", "--out", "a.jpg"], "a.jpg"),
        (["seed:7"], "as TEXT, or by --voice.*neither"),
        (["seed:7", "older", "--voice", "a.wav"], "Received: both"),
        (["seed:7", "--voice", "nowhere.wav"], "nowhere.wav"),
        (["seed:7", "smiling", "--scale", "0"], "--scale.*0"),
        (["{empty}", "smiling"], "no picture in the folder"),
    ],
)
def test_what_cannot_be_edited_is_said(
    preset, arguments, message, tmp_path, capsys
):
    arguments = [a.format(empty=tmp_path) for a in arguments]
    assert edit(preset, *arguments) == 2
    assert re.search(message, capsys.readouterr().err)


def test_frames_do_not_become_a_sheet(preset, tmp_path, capsys):
    Image.fromarray(parts.PICTURES[0]).save(tmp_path / "1.png")
    assert edit(preset, tmp_path, "smiling", "--out", tmp_path / "a.png") == 2
    assert "Frames become a film" in capsys.readouterr().err
