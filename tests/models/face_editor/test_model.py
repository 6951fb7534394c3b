"""What a TextFaceEditor promises."""

import json

import keras
import numpy as np
import pytest

from keras_t2i import models
from keras_t2i import training
from keras_t2i.models.face_editor import editing
from tests import tiny
from tests.models.face_editor import parts


@pytest.fixture(scope="module")
def trained():
    """An editor after a step; tests of this fixture leave it as it is."""
    model = parts.editor(encoder_steps=1)
    parts.fit(model)
    # So that edits are seen: a step moves hardly anything.
    model.fusion.projection.assign(30.0 * model.fusion.projection)
    return model


@pytest.fixture(scope="module")
def latents(trained):
    return trained.latents_for(3, seed=1)


def values(layers):
    return [tiny.value(v) for layer in layers for v in layer.weights]


@pytest.mark.parametrize("variant", ["default", "patent"])
def test_training_moves_the_editor_and_not_the_generator(variant):
    model = parts.editor(variant=variant)
    held = [model.generator, model.features]
    before = values(held)
    words = [tiny.value(v) for v in model.captioner.trainable_variables]
    moving = tiny.trainable(model, "editor")
    model.train_before = lambda *arguments, **more: None
    history = parts.fit(model, epochs=2)
    assert np.all(np.isfinite(list(history.values())))
    assert tiny.same(before, values(held))
    moved = tiny.trainable(model, "editor")
    assert not any(np.array_equal(a, b) for a, b in zip(moving, moved))
    after = [tiny.value(v) for v in model.captioner.trainable_variables]
    # It learns with the editor in the document's form, and is held otherwise.
    assert tiny.same(words, after) == (variant == "default")


def test_captioner_and_encoder_are_trained_first(trained):
    assert trained.captioner.step == 1 and trained.encoder.trained
    assert trained.step == 1


def test_each_weight_reaches_the_loss():
    model = parts.editor()
    model.train_before = lambda *arguments, **more: None
    captions = np.array(parts.CAPTIONS)
    data = training.pipeline.as_dataset(captions, parts.PICTURES)
    model.build_from(data)
    batch = model._unpack(next(iter(model.batches(data))))
    model.fusion.projection.assign(30.0 * model.fusion.projection)
    state = tiny.value(model.seed_generator.state)
    logs = {
        "caption_weight": "named_words",
        "kept_words_weight": "kept_words",
        "attribute_weight": "named_attributes",
        "kept_attributes_weight": "kept_attributes",
        "identity_weight": "identity",
        "distance_weight": "distance",
    }
    weights = dict.fromkeys(logs, 0.0) | {"l2_weight": 0.0}
    for weight, log in logs.items():
        model.settings.update(weights | {weight: 3.0})
        model.seed_generator.state.assign(state)
        found, logged = model.losses(batch)
        assert float(found["editor"]) == pytest.approx(3 * float(logged[log]))
        assert float(logged[log]) > 0.0, log


# Files.


def edited(model):
    start = model.latents_for(2, seed=3)
    return model.edit_latents(start, "smiling, 黑头发").image.astype(int)


def test_preset_holds_all_that_an_edit_needs(trained, tmp_path):
    trained.save_to_preset(tmp_path, {"license": "CC0"})
    loaded = models.from_preset(tmp_path)
    assert np.max(np.abs(edited(loaded) - edited(trained))) <= 2
    assert loaded.known_attributes == trained.known_attributes
    faces = parts.PICTURES
    np.testing.assert_allclose(
        loaded.encoder.encode(faces), trained.encoder.encode(faces), atol=0.05
    )
    assert loaded.captioner.caption(faces) == trained.captioner.caption(faces)
    assert "微笑" in (tmp_path / "config.json").read_text().encode().decode(
        "unicode_escape"
    )
    loaded.run_eagerly = True
    parts.fit(loaded)
    assert loaded.captioner.step == 0  # It came trained.


def state(model, name):
    """Weights (no seeds of dropout, which does not run here), or slots."""
    some = model.weights if name == "weights" else model.optimizer.variables
    return [tiny.value(v) for v in some]


def test_keras_file_and_checkpoint_go_on_identically(tmp_path):
    model = parts.editor()
    parts.fit(model, callbacks=[training.Checkpoint(tmp_path / "run")])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    loaded.run_eagerly = True
    other = parts.editor(seed=9)
    assert training.restore(other, tmp_path / "run")["step"] == 1
    for each in (model, loaded, other):
        parts.fit(each)
        assert each.step == 2
    for each in (loaded, other):
        for some in ("weights", "optimizer"):
            assert tiny.same(state(model, some), state(each, some))


def test_config_round_trip(trained):
    config = json.loads(json.dumps(trained.get_config()))
    again = models.TextFaceEditor.from_config(config)
    assert json.loads(json.dumps(again.get_config())) == config


# Use.


def close(first, second):
    """Equal, but for the rounding of another order of sums."""
    return np.max(np.abs(first.astype(int) - second.astype(int))) <= 1


def test_strength_is_how_far_an_edit_goes(trained, latents):
    def way(strength):
        found = trained.edit_latents(latents, "smiling", strength)
        return found.latents - latents

    np.testing.assert_array_equal(way(0.0), 0.0)
    assert np.max(np.abs(way(1.0))) > 1e-2
    np.testing.assert_allclose(way(0.5), way(1.0) / 2, atol=1e-5)
    np.testing.assert_allclose(way(-1.0), -way(1.0), atol=1e-5)
    denied = trained.edit_latents(latents, "not smiling")
    np.testing.assert_allclose(denied.latents - latents, -way(1.0), atol=1e-5)


def test_edit_says_what_became_of_the_face(trained, latents):
    one = trained.edit_latents(latents[0], "glasses")
    several = trained.edit_latents(latents, "glasses")
    assert one.image.shape == (16, 16, 3)
    assert several.image.shape == (3, 16, 16, 3)
    assert close(one.image, several.image[0])
    assert close(one.before, trained.generator.draw(latents[:1])[0])
    expected = trained.features.similarity(several.before, several.image)
    np.testing.assert_allclose(several.similarity, expected, atol=1e-6)
    assert one.similarity == pytest.approx(float(expected[0]), abs=1e-4)
    assert one.rest == []


def test_chinese_edits_as_english_does(trained, latents):
    english = trained.edit_latents(latents, "smiling, black hair, glasses")
    chinese = trained.edit_latents(latents, "微笑，黑头发，戴眼镜")
    np.testing.assert_array_equal(english.latents, chinese.latents)


def test_texts_are_edits_in_a_row(trained, latents):
    row = trained.edit_latents(latents, ["smiling", "older"])
    first = trained.edit_latents(latents, "smiling")
    second = trained.edit_latents(first.latents, "older")
    np.testing.assert_array_equal(row.latents, second.latents)
    assert close(row.before, first.before)
    # More names than a text of training has are taken in parts.
    many = "smiling, black hair, glasses, beard, older"
    assert [sign for _, sign in trained.codes(many)[0]] == [1.0, 1.0]


def test_words_that_are_not_understood_are_told(trained, latents):
    with pytest.warns(UserWarning, match="left out: big, eyes"):
        found = trained.edit_latents(latents, "big eyes, black hair")
    assert found.rest == ["big", "eyes"]
    asked, rest = trained.understood("no beard, rosy cheeks, smiling")
    assert asked == [("Beard", False), ("Smiling", True)]
    assert rest == ["rosy cheeks"]


@pytest.mark.parametrize(
    "text, message",
    [
        ("the weather is nice", "names nothing.*It knows: smiling, black hair"),
        ("long hair", "'hair' is known in black hair, blond hair only"),
        ("大眼睛，长头发", "names nothing"),
        ("rosy cheeks", "names nothing"),
        ("black hair, blond hair", "both black hair and blond hair"),
        ("", "at least one word"),
    ],
)
def test_texts_that_name_nothing_are_refused(trained, latents, text, message):
    with pytest.raises(ValueError, match=message):
        trained.edit_latents(latents, text)


def test_way_leads_from_before_to_after(trained, latents):
    end = trained.edit_latents(latents[0], "smiling")
    way = trained.way(latents[0], end.latents, steps=5)
    assert way.shape == (5, 16, 16, 3)
    assert close(way[0], end.before) and close(way[-1], end.image)


def test_generate_draws_the_same_faces_for_all_texts(trained):
    texts = ["smiling", "older"]
    found = trained.generate(texts, seed=1, num_images=2, batch_size=3)
    start = trained.latents_for(2, seed=1)
    expected = [trained.edit_latents(start, t).image for t in texts]
    assert close(found, np.concatenate(expected))
    same = trained.generate("smiling", seed=1, num_images=2, strength=0.0)
    assert close(same, trained.generator.generate(2, seed=1))


@pytest.fixture
def photo(monkeypatch):
    """A photograph whose face is the third picture."""
    monkeypatch.setattr(
        editing, "align_face", lambda photo, size: parts.PICTURES[photo]
    )
    return 2


def test_photograph_is_inverted_and_edited(trained, photo):
    quick = trained.edit(photo, "smiling", steps=0)
    latents = trained.encoder.encode(parts.PICTURES[2])
    assert close(quick.before, trained.generator.draw(latents)[0])
    expected = trained.edit_latents(latents[0], "smiling")
    assert close(quick.image, expected.image)
    searched = trained.edit(photo, "smiling", steps=3)

    def error(picture):
        return np.mean((picture.astype(float) - parts.PICTURES[2]) ** 2)

    assert error(searched.before) < error(quick.before)


def test_frames_are_smoothed_over_time(trained, photo):
    rough = trained.edit_frames([0, 1, 2, 3], "smiling", steps=0, smoothing=0.0)
    smooth = trained.edit_frames([0, 1, 2, 3], "smiling", steps=0)
    assert rough.image.shape == (4, 16, 16, 3)
    first = trained.edit(0, "smiling", steps=0)
    np.testing.assert_allclose(rough.latents[0], first.latents, atol=1e-5)

    def steps(edit):
        return np.mean(np.abs(np.diff(edit.latents, axis=0)))

    assert steps(smooth) < 0.7 * steps(rough)
    with pytest.raises(ValueError, match="smoothing.*-1"):
        editing.smoothed(latents=np.zeros((2, 3)), smoothing=-1)


def test_still_frames_stay_as_they_are():
    still = np.tile(np.arange(3.0), (6, 1))
    np.testing.assert_allclose(editing.smoothed(still, 2.0), still, rtol=1e-6)


def test_editor_of_the_document_moves_latents_of_z(photo):
    model = parts.editor(variant="patent")
    parts.fit(model)
    latents = model.latents_for(2, seed=1)
    assert latents.shape == (2, 8)
    found = model.edit_latents(latents, "a smiling man")
    assert np.max(np.abs(found.latents)) <= 1.0  # Within tanh.
    assert close(found.before, model.generator.generate(2, seed=1))
    with pytest.raises(ValueError, match="no denial"):
        model.edit_latents(latents, "no beard")
    with pytest.raises(ValueError, match="latents in W"):
        model.edit(photo, "smiling")


def test_parts_that_do_not_fit_are_refused():
    generator = parts.generator()
    for arguments, message in [
        ({"generator": None}, "Give it as `generator`"),
        ({"generator": models.StyleGAN2(variant="efficient")}, "no networks yet"),
        ({"features": parts.features(32)}, "draws 16 x 16.*features.*32 x 32"),
        ({"image_size": 64}, "draws 16 x 16.*image_size.*64 x 64"),
        ({"text_encoder": "bilstm"}, "FOFETextEncoder"),
        ({"captioner": generator}, "captioner.*ImageCaptioner"),
        ({"latent_space": "y"}, "latent_space.*'y'"),
        ({"most_names": 0}, "most_names.*0"),
        ({"identity_weight": -1.0}, "identity_weight.*-1.0"),
    ]:
        arguments = {"generator": generator, "features": None, **arguments}
        with pytest.raises(ValueError, match=message):
            parts.editor(**arguments)


def test_captions_of_something_else_are_refused():
    model = parts.editor()
    with pytest.raises(ValueError, match="name nothing of a face.*a red square"):
        model.fit(["a red square"] * 4, parts.PICTURES, verbose=0)


def test_latents_and_numbers_out_of_range_are_refused(trained, latents):
    with pytest.raises(ValueError, match=r"\[N, 6, 8\]. Received: \[1, 8\]"):
        trained.edit_latents(latents[:1, 0, :], "smiling")
    with pytest.raises(ValueError, match="strength.*nan"):
        trained.edit_latents(latents, "smiling", float("nan"))
    with pytest.raises(ValueError, match="num_images.*0"):
        trained.generate("smiling", num_images=0)
    with pytest.raises(ValueError, match="steps.*1"):
        trained.way(latents[0], latents[1], steps=1)
