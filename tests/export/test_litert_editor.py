"""The face editor in a file: encode, edit, synthesize."""

import numpy as np
import pytest
from tests import page_reader
from tests.models.face_editor import parts

from keras_t2i import export
from keras_t2i import models

pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert")


@pytest.fixture(scope="module")
def editor():
    model = parts.editor(encoder_steps=1)
    model.collect([[caption] for caption in parts.CAPTIONS])
    # So that edits are seen: at the start they move hardly anything.
    model.fusion.projection.assign(30.0 * model.fusion.projection)
    return model


@pytest.fixture(scope="module")
def locator():
    return models.FaceLocator(image_size=32, width=2)


@pytest.fixture(scope="module")
def loaded(editor, locator, tmp_path_factory):
    path = tmp_path_factory.mktemp("editor") / "faces.tflite"
    report = export.to_litert(editor, path, locator=locator)
    assert report.signatures["edit"].difference < 1e-4
    assert "WHILE" not in report.signatures["edit"].ops
    return export.LiteRTModel(path)


def words_by_the_file(facts, name):
    """The numbers of a text that names one attribute, as `reading` says."""
    row = np.zeros((1, facts["max_length"]), "int32")
    phrase = facts["attributes"][name]["phrases"][0].split()
    row[0, : len(phrase)] = [
        facts["first_row"] + facts["words"].index(word) for word in phrase
    ]
    return row


@pytest.mark.parametrize("text, sign", (("glasses", 1.0), ("no glasses", -1.0)))
def test_an_edit_is_that_of_the_model(editor, loaded, text, sign):
    (asked,), _ = editor.understood(text)
    start = editor.latents_for(1, seed=3)
    expected = editor.edit_latents(start, text, strength=0.8)
    moved = loaded.run(
        "edit",
        latents=start,
        words=words_by_the_file(loaded.metadata, asked[0]),
        strength=np.array([0.8 * sign], "float32"),
    )["latents"]
    np.testing.assert_allclose(moved, expected.latents, atol=1e-4)
    assert np.max(np.abs(moved - start)) > 1e-2
    drawn = loaded.run("synthesize", latents=moved)
    difference = drawn["rgba"][..., :3].astype(int) - expected.image
    assert np.max(np.abs(difference)) <= 1
    assert np.all(drawn["rgba"][..., 3] == 255)


def test_a_photo_is_encoded_as_by_the_model(editor, loaded):
    rgba = np.full((1, 16, 16, 4), 255, "uint8")
    rgba[..., :3] = parts.PICTURES[:1]
    found = loaded.run("encode", rgba=rgba)["latents"]
    expected = editor.encoder.encode(parts.PICTURES[:1])
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_face_is_located_as_by_the_model(locator, loaded):
    random = np.random.default_rng(0)
    rgba = random.integers(0, 256, (1, 32, 32, 4), "uint8")
    found = loaded.run("locate", rgba=rgba)
    assert found["score"].dtype == np.float32
    expected = locator.locate(rgba[..., :3])
    np.testing.assert_allclose(
        np.concatenate([found["score"][None], found["place"]], axis=-1),
        expected,
        atol=1e-4,
    )


def test_other_locators_are_refused(editor, locator, tmp_path):
    path = tmp_path / "faces.tflite"
    for model, wrong, message in (
        (editor, editor, "`locator` must be.*TextFaceEditor"),
        (editor, models.FaceLocator(), "`fit`.*from_preset"),
        (parts.generator(), locator, "Only with a TextFaceEditor.*StyleGAN2"),
    ):
        with pytest.raises(ValueError, match=message):
            export.to_litert(model, path, locator=wrong)
    assert not path.exists()


def test_the_vocabulary_is_inside(editor, loaded):
    facts = loaded.metadata
    assert len(facts["reading"]) == 10
    assert facts["known"] == editor.known_attributes
    assert facts["most_names"] == editor.settings["most_names"]
    assert "眼镜" in facts["attributes"]["Eyeglasses"]["phrases"]


def test_an_editor_of_whole_captions_is_refused(tmp_path):
    model = parts.editor(variant="patent")
    with pytest.raises(ValueError, match="anchored in captions"):
        export.to_litert(model, tmp_path / "faces.tflite")


@pytest.mark.filterwarnings("ignore:Not understood")
def test_the_page_reads_texts_as_the_editor(editor, loaded):
    texts = [
        "smiling woman with glasses",
        "She isn’t smiling; NO  glasses",
        "no\u00a0eye-glasses and a beard, young",
        "戴眼镜的微笑女人",
        "没有胡子",
        "big purple eyes, glasses 3glasses",
        "don't wear any eyeglasses, please look older and male",
    ]
    start = editor.latents_for(1, seed=3)
    for text, found in zip(texts, page_reader.read(loaded.metadata, texts)):
        _, rest = editor.understood(text)
        assert found["rest"] == rest, text
        moved = page_reader.edited(loaded, start, found["groups"], 0.8)
        expected = editor.edit_latents(start, text, strength=0.8).latents
        np.testing.assert_allclose(moved, expected, atol=1e-4, err_msg=text)
        assert np.max(np.abs(moved - start)) > 1e-2


def test_the_page_says_what_it_cannot_read(loaded):
    texts = ["", "a purple zebra", "blond hair and black hair", "x" * 8000]
    found = [each["told"] for each in page_reader.read(loaded.metadata, texts)]
    assert "names nothing that I can change" in found[0]
    assert "“a purple zebra” names nothing" in found[1]
    assert "cannot be both blond hair and black hair" in found[2]
    assert len(found[3]) < 200
