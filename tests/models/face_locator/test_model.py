"""What FaceLocator promises."""

import json

import keras
import numpy as np
import pytest
from tests import tiny

from keras_t2i import data
from keras_t2i import models
from keras_t2i import pictures
from keras_t2i import training
from keras_t2i.cli.main import main

TINY = {"image_size": 16, "width": 4}


def squares(count, seed):
    """Dark noise, on half of it a white square, and where that is."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 80, (count, 16, 16, 3), "uint8")
    rows = np.zeros((count, 4), "float32")
    for image, row in zip(images[::2], rows[::2]):
        side = random.integers(5, 9)
        top, left = random.integers(0, 16 - side, 2)
        image[top : top + side, left : left + side] = 255
        row[:] = 1, (left + side / 2) / 16, (top + side / 2) / 16, side / 16
    return {"attributes": rows}, images


def make(**settings):
    model = models.FaceLocator(**{**TINY, **settings})
    model.run_eagerly = True
    return model


def fit(model, **kwargs):
    x, y = squares(8, seed=1)
    return model.fit(x, y, batch_size=4, verbose=0, **kwargs).history


@pytest.fixture(scope="module")
def trained():
    """Tests of this fixture leave it as it is."""
    model = models.FaceLocator(**TINY, learning_rate=1e-2)
    x, y = squares(256, seed=0)
    model.fit(x, y, batch_size=32, epochs=12, verbose=0)
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """40 persons, each a color, on a picture."""
    folder = tmp_path_factory.mktemp("persons")
    random, rows = np.random.default_rng(0), []
    for person in range(40):
        picture = np.tile(random.integers(0, 250, 3), (16, 16, 1))
        picture[5:8, [4, 11]] = 0
        pictures.save_png(folder / f"{person}.png", picture.astype("uint8"))
        row = {"image": f"{person}.png", "captions": ["a face"], "identity": person}
        rows.append(row)
    (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def test_what_is_somewhere_is_found_there(trained):
    x, images = squares(64, seed=2)
    truth, seen = x["attributes"], trained.locate(images)
    assert seen.shape == (64, 4) and seen.dtype == np.float32
    assert np.mean((seen[:, 0] > 0.5) == truth[:, 0]) > 0.9
    there = truth[:, 0] > 0
    assert np.median(np.abs(seen - truth)[there, 1:]) < 0.08
    one = trained.locate(images[3])
    np.testing.assert_allclose(one, seen[3:4], atol=1e-5)


def test_without_a_face_the_place_does_not_count():
    model = make()
    x, y = squares(8, seed=1)
    batch = {"images": y / np.float32(127.5) - 1.0, **x}
    losses, logs = model.losses(batch)
    seen = np.asarray(model.locator(batch["images"], training=True), "float64")
    rows, shown = x["attributes"], x["attributes"][:, 0] > 0
    expected = np.mean(
        np.logaddexp(0.0, seen[:, 0]) - rows[:, 0] * seen[:, 0]
    )
    assert float(logs["score_loss"]) == pytest.approx(expected, rel=1e-4)
    error = np.abs(seen[:, 1:] + 0.5 - rows[:, 1:]).mean(axis=1)[shown]
    expected = np.mean(error / rows[shown, 3])
    assert float(logs["place_loss"]) == pytest.approx(expected, rel=1e-4)
    total = logs["score_loss"] + 2.0 * logs["place_loss"]
    assert float(losses["locator"]) == pytest.approx(float(total), rel=1e-5)
    batch["attributes"] = np.zeros_like(rows)
    assert float(model.losses(batch)[1]["place_loss"]) == 0.0


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(dtype):
    model = make(dtype=dtype)
    assert np.all(np.isfinite(list(fit(model).values())))
    assert model.locate(squares(2, seed=1)[1]).dtype == np.float32


def test_files_keep_what_was_learned(trained, tmp_path):
    images = squares(8, seed=3)[1]
    trained.save_to_preset(tmp_path / "preset")
    loaded = models.from_preset(tmp_path / "preset")
    np.testing.assert_allclose(
        loaded.locate(images), trained.locate(images), atol=0.02
    )
    model = make()
    fit(model, callbacks=[training.Checkpoint(tmp_path / "run")])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    loaded.run_eagerly = True
    other = make(seed=9)
    training.restore(other, tmp_path / "run")
    for each in (model, loaded, other):
        fit(each)
    assert tiny.same(tiny.everything(model), tiny.everything(loaded))
    assert tiny.same(tiny.everything(model), tiny.everything(other))


def test_what_it_cannot_learn_from_is_refused():
    x, y = squares(8, seed=1)
    for wrong in ({}, {"attributes": x["attributes"][:, :2]}):
        with pytest.raises(ValueError, match="face_scenes"):
            make().fit(wrong, y, batch_size=4, verbose=0)
    with pytest.raises(ValueError, match="`fit`.*from_preset"):
        models.FaceLocator().locate(y)
    with pytest.raises(ValueError, match="16, 16, 3.*float64"):
        make().locate(y / 255.0)
    for settings, message in [
        ({"width": 0}, "width.*0"),
        ({"place_weight": -1.0}, "place_weight.*-1.0"),
        ({"learning_rate": 0.0}, "learning_rate.*0.0"),
        ({"decay_steps": 0}, "decay_steps.*0"),
        ({"image_size": 24}, "16, 32, 64.*24"),
    ]:
        with pytest.raises(ValueError, match=message):
            make(**settings)


def test_scenes_hold_the_face_where_they_say(folder):
    scenes = data.face_scenes(
        folder, "validation", 16, 8, others=[folder], num_scenes=24
    )
    rows = scenes.source.attributes
    assert rows.shape == (24, 4) and set(rows[:, 0]) == {0.0, 1.0}
    shown = rows[:, 0] > 0
    assert not np.any(rows[~shown])
    assert np.all((rows[shown, 1:3] > 0) & (rows[shown, 1:3] < 1))
    assert rows[shown, 3].min() >= 0.35 and rows[shown, 3].max() <= 1.25
    again = data.face_scenes(
        folder, "validation", 16, 8, others=[folder], num_scenes=24
    )
    for (_, one), (_, other) in zip(scenes, again):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="num_scenes.*0"):
        data.face_scenes(folder, num_scenes=0)


def test_the_command_line_trains_and_judges(folder, tmp_path, capsys):
    (tmp_path / "tiny.json").write_text(json.dumps(TINY))
    command = ["train", "face_locator", "--out", str(tmp_path / "run")]
    first = ["--data", str(folder), "--others", str(folder), "--steps", "2"]
    first += ["--batch-size", "8", "--config", str(tmp_path / "tiny.json")]
    assert main([*command, *first]) == 0
    printed = capsys.readouterr().out
    assert "Held out: 4000 scenes. recall" in printed
    assert "FaceLocator.from_preset" in printed
    preset = tmp_path / "run" / "model"
    facts = json.loads((preset / "metadata.json").read_text())
    assert facts["steps"] == 2 and 0 <= facts["scores"]["false_alarms"] <= 1
    assert models.from_preset(preset).image_size == 16
