"""What FaceFeatures promises."""

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

TINY = {"image_size": 16, "width": 4, "identity_width": 8}
NAMES = ["Dark", "Left"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """40 persons, each a color, on two pictures; two attributes to see."""
    folder = tmp_path_factory.mktemp("persons")
    random, rows = np.random.default_rng(0), []
    for person in range(40):
        color = random.integers(60, 250, 3)
        for number in range(2):
            name = f"{person:02}-{number}.png"
            picture = np.tile(color, (16, 16, 1)).astype("uint8")
            shown = [n for n in NAMES if random.random() < 0.5]
            if "Dark" in shown:
                picture[9:] //= 4
            if "Left" in shown:
                picture[2:7, 2:7] = 255
            pictures.save_png(folder / name, picture)
            rows.append(
                {
                    "image": name,
                    # One names a side, so that no picture is mirrored.
                    "captions": ["left"],
                    "identity": person,
                    "attributes": shown,
                }
            )
    (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def load(folder, split="train", **arguments):
    return data.load(folder, split, 16, 8, attributes=True, **arguments)


@pytest.fixture(scope="module")
def trained(folder):
    """Tests of this fixture leave it as it is."""
    model = models.FaceFeatures(
        **TINY, augment=(), learning_rate=1e-2, dropout=0.0
    )
    model.fit(load(folder), epochs=8, verbose=0)
    return model


@pytest.fixture(scope="module")
def faces(folder):
    source = load(folder, "validation")
    return np.concatenate([y for _, y in source]), source.source


def make(**settings):
    facts = {
        "attribute_names": NAMES,
        "attribute_rates": [0.5, 0.1],
        "num_identities": 4,
    }
    model = models.FaceFeatures(**{**TINY, **facts, **settings})
    model.run_eagerly = True
    return model


def arrays(count=8):
    random = np.random.default_rng(0)
    x = {
        "attributes": random.integers(0, 2, (count, 2)),
        "class_id": np.arange(count) % 4,
    }
    return x, random.integers(0, 256, (count, 16, 16, 3), "uint8")


def fit(model, **kwargs):
    return model.fit(*arrays(), batch_size=4, verbose=0, **kwargs).history


def test_attributes_of_unseen_persons_are_seen(trained, faces):
    images, source = faces
    assert trained.attribute_names == source.attribute_names == tuple(NAMES)
    seen = trained.attributes(images)
    assert seen.shape == (8, 2) and 0.0 <= seen.min() and seen.max() <= 1.0
    assert np.mean((seen > 0.5) == source.attributes) > 0.9


def test_vectors_of_one_person_are_near(trained, faces):
    images, source = faces
    vectors = trained.identity(images)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-5)
    cosines = vectors @ vectors.T
    same = source.class_ids[:, None] == source.class_ids
    own = cosines[same & ~np.eye(8, dtype=bool)].mean()
    assert own > cosines[~same].mean() + 0.2
    pair = trained.similarity(images[0], images[1])
    np.testing.assert_allclose(pair, cosines[:1, 1], atol=1e-5)
    np.testing.assert_allclose(trained.similarity(images, images), 1.0, rtol=1e-5)


def test_rates_and_persons_come_from_the_data(trained, folder):
    source = load(folder).source
    rates = (source.attributes.sum(axis=0) + 1) / (len(source) + 2)
    np.testing.assert_allclose(
        trained.settings["attribute_rates"], rates, atol=1e-6
    )
    assert trained.settings["num_identities"] == source.class_ids.max() + 1


def test_recognition_is_measured_on_held_out_persons(trained, folder):
    scores = trained.recognition(load(folder, "validation"))
    assert scores["mean"]["balanced"] > 0.9
    assert scores["verification"]["pairs"] == 8
    with pytest.raises(ValueError, match=r"\('Dark', 'Left'\).*None"):
        trained.recognition(data.load(folder, "validation", 16, 8))


def test_networks_are_the_same_and_have_gradients(trained, faces):
    images = faces[0]
    scaled = images / 127.5 - 1.0
    logits = keras.ops.sigmoid(trained.attribute_network(scaled))
    np.testing.assert_allclose(logits, trained.attributes(images), atol=1e-5)
    np.testing.assert_allclose(
        trained.identity_network(scaled), trained.identity(images), atol=1e-5
    )
    maps = trained.perceptual_network(scaled)
    assert [m.shape[1] for m in maps] == [8, 4]
    for each in maps:
        norms = np.linalg.norm(np.asarray(each), axis=-1)
        np.testing.assert_allclose(norms, 1.0, rtol=1e-4)
    for network in (
        trained.attribute_network,
        trained.identity_network,
        lambda x: trained.perceptual_network(x)[0][..., 0],
    ):
        gradient = training.input_gradient(
            network, keras.ops.convert_to_tensor(scaled, "float32")
        )
        assert np.all(np.any(np.asarray(gradient) != 0.0, axis=(1, 2, 3)))


def test_the_loss_adds_the_odds_of_the_attributes():
    model = make(attribute_weight=2.0, identity_weight=0.5, augment=())
    history = fit(model)
    weighted = 2 * history["attribute_loss"][0] + 0.5 * history["identity_loss"][0]
    assert history["features_loss"][0] == pytest.approx(weighted, rel=1e-5)
    x, y = arrays()
    batch = {
        "images": keras.ops.convert_to_tensor(y / 127.5 - 1.0, "float32"),
        **x,
    }
    model = make(dropout=0.0, augment=())
    found = model.losses(batch)[1]["attribute_loss"]
    last = model.trunk(batch["images"], training=True)[-1]
    logits = np.asarray(model.heads(last, training=True)[0], "float64")
    logits += [0.0, np.log(0.1 / 0.9)]
    expected = np.mean(
        np.logaddexp(0.0, logits) - x["attributes"] * logits
    )
    assert float(found) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(dtype):
    model = make(variant="judge", dtype=dtype, **TINY)
    assert np.all(np.isfinite(list(fit(model).values())))
    assert model.identity(arrays()[1]).dtype == np.float32


def test_variants_have_other_trunks():
    layers = [
        {type(layer) for layer in make(variant=v).trunk.layers}
        for v in ("default", "judge")
    ]
    pooling = keras.layers.AveragePooling2D
    assert pooling not in layers[0] and pooling in layers[1]


def test_files_keep_what_was_learned(trained, faces, tmp_path):
    images = faces[0]
    trained.save_to_preset(tmp_path / "preset")
    loaded = models.from_preset(tmp_path / "preset")
    assert loaded.attribute_names == trained.attribute_names
    np.testing.assert_allclose(
        loaded.attributes(images), trained.attributes(images), atol=0.01
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


def test_what_it_cannot_learn_from_is_refused(folder):
    for data_set in (data.load(folder, image_size=16, batch_size=8), arrays()):
        model = models.FaceFeatures(**TINY)
        arguments = data_set if isinstance(data_set, tuple) else (data_set,)
        with pytest.raises(ValueError, match="attributes=True"):
            model.fit(*arguments, verbose=0)
    with pytest.raises(ValueError, match="`fit`.*from_preset"):
        model.attributes(arrays()[1])
    for settings, message in [
        ({"architecture": "deep"}, "architecture.*deep"),
        ({"attribute_rates": [0.5]}, "2 `attribute_names`.*0.5"),
        ({"identity_scale": 0.0}, "identity_scale.*0.0"),
        ({"dropout": 1.0}, "dropout.*1.0"),
        ({"width": 0}, "width.*0"),
        ({"image_size": 24}, "16, 32, 64.*24"),
    ]:
        with pytest.raises(ValueError, match=message):
            make(**settings)


def test_the_command_line_trains_and_judges(folder, tmp_path, capsys):
    settings = {**TINY, "decay_steps": 4}
    (tmp_path / "tiny.json").write_text(json.dumps(settings))
    command = ["train", "face_features", "--out", str(tmp_path / "run")]
    first = ["--data", str(folder), "--steps", "2", "--batch-size", "8"]
    first += ["--config", str(tmp_path / "tiny.json"), "--fold", "1/2"]
    assert main([*command, *first]) == 0
    assert "FaceFeatures.from_preset" in capsys.readouterr().out
    assert main([*command, "--resume", "--steps", "4"]) == 0
    assert "verification: pairs 8" in capsys.readouterr().out
    preset = tmp_path / "run" / "model"
    facts = json.loads((preset / "metadata.json").read_text())
    assert facts["steps"] == 4 and facts["fold"] == [1, 2]
    assert facts["scores"]["mean"]["majority"] >= 0.5
    assert models.from_preset(preset).attribute_names == tuple(NAMES)
