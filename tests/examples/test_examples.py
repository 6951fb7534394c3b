"""The example scripts, run as they stand on a model without training."""

import json
import pathlib
import re
import runpy
import sys
from unittest import mock

import numpy as np
import pytest
from PIL import Image

import keras_t2i
from keras_t2i import models
from keras_t2i import pictures
from tests import tiny
from tests.models.face_editor import parts

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


def script(name):
    """What a script defines, with its neighbors in reach as if it was run."""
    with mock.patch.object(sys, "path", [str(EXAMPLES), *sys.path]):
        return runpy.run_path(str(EXAMPLES / name))


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    model = models.GANCLS(
        image_size=16,
        variant="shapes",
        generator_width=2,
        discriminator_width=2,
        style_encoder_width=2,
    )
    model.make_style_encoder()
    folder = tmp_path_factory.mktemp("preset")
    model.save_to_preset(folder)
    return str(folder)


def test_sheets_of_a_preset(preset, tmp_path):
    script("gan_cls_sheets.py")["main"](
        ["--preset", preset, "--out", str(tmp_path)]
    )
    sizes = {p.stem: pictures.read(p).shape for p in tmp_path.glob("*.png")}
    assert set(sizes) == {"grid", "interpolation", "style"}
    # Eight pictures of 16 pixels, twice as large, side by side.
    assert sizes["grid"][1] >= 8 * 32
    assert sizes["interpolation"][1] >= 8 * 32


def test_progressive_sheets(tmp_path):
    width = {"image_width": 4, "embedding_width": 8}
    matcher = models.ImageTextMatcher(16, variant="shapes", **width)
    matcher.save_to_preset(tmp_path / "matcher")
    model = models.ProgressiveT2I(
        image_size=16,
        variant="shapes",
        generator_width=2,
        discriminator_width=2,
        matcher=width,
    )
    model.save_to_preset(tmp_path / "preset")
    example, out = script("progressive_sheets.py"), tmp_path / "sheets"
    example["main"](
        ["--preset", str(tmp_path / "preset"), "--out", str(out)]
        + ["--matcher", str(tmp_path / "matcher")]
    )
    sizes = {p.stem: pictures.read(p).shape for p in out.glob("*.png")}
    assert set(sizes) == {"grid", "stages", "attention", "matcher_attention"}
    assert sizes["grid"][1] == 8 * 34 + 2
    assert sizes["stages"][1] == 9 * 34 + 2
    # The picture, and the ten words of the longest caption that is shown.
    longest = max(len(c.split()) for c in example["ATTENTION_CAPTIONS"])
    for name in ("attention", "matcher_attention"):
        assert sizes[name][1] == (1 + longest) * 34 + 2


def test_disentangled_sheets_and_numbers(colored, tmp_path, capsys):
    model = models.ModalityDisentangledT2I(
        image_size=16,
        variant="shapes",
        latent_width=4,
        generator_width=2,
        discriminator_width=2,
    )
    model.save_to_preset(tmp_path / "preset")
    example = script("disentangled_sheets.py")
    # Enough to run through; the numbers of no training mean nothing.
    example["main"].__globals__.update(
        STYLES=6, PROBED=8, PROBED_STYLES=2
    )
    out = tmp_path / "sheets"
    example["main"](
        ["--preset", str(tmp_path / "preset"), "--subject", "shapes"]
        + ["--data", colored, "--out", str(out)]
    )
    sizes = {p.stem: pictures.read(p).shape for p in out.glob("*.png")}
    assert set(sizes) == {"grid", "style"}
    assert sizes["grid"][1] >= 8 * 32
    printed = capsys.readouterr().out
    numbers = json.loads(printed[printed.index("{") :])
    assert -1.0 <= numbers["style_correlation"] <= 1.0
    assert -1.0 <= numbers["brightness_correlation"] <= 1.0
    assert numbers["swap_ratio"] > 0.0
    assert set(numbers["probe"]) == {
        "shape",
        "color",
        "size",
        "position",
        "background",
    }
    for scores in numbers["probe"].values():
        # Of two pictures of a caption at least one shows the commonest value.
        assert 0.5 <= scores["commonest_of_caption"] <= 1.0


def test_linear_probe_tells_what_is_linear():
    example = script("disentangled_sheets.py")
    random = np.random.default_rng(0)
    features = random.normal(size=(300, 5))
    labels = np.argmax(features[:, :3] + [0.5, 0.0, -0.5], axis=1)
    weights = example["softmax_regression"](features, labels, 3)
    told = np.argmax(example["with_one"](features) @ weights, axis=1)
    assert np.mean(told == labels) > 0.95


@pytest.fixture
def colored(tmp_path):
    """Ten classes of plain pictures, each of the color its captions name."""
    colors = {"red": (220, 20, 20), "yellow": (240, 230, 40)}
    rows = []
    for number in range(40):
        name = ("red", "yellow")[number % 2]
        pixels = np.zeros((16, 16, 3)) + colors[name]
        pixels += np.random.default_rng(number).normal(0, 4, pixels.shape)
        pixels = pixels.clip(0, 255).astype("uint8")
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        rows.append(
            {
                "image": f"{number}.png",
                "captions": [f"a {name} flower, number {i}" for i in range(5)],
                "class_id": number % 10,
                "attributes": [name],
            }
        )
    lines = [json.dumps(row) for row in rows]
    (tmp_path / "captions.jsonl").write_text("\n".join(lines))
    return str(tmp_path)


def test_colors_of_flowers_are_judged(preset, colored, capsys):
    script("flower_colors.py")["main"](
        ["--preset", preset, "--data", colored, "--num-images", "2"]
    )
    scores = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert scores["real_held_out_accuracy"] == 1.0
    assert set(scores["by_color"]) == {"red", "yellow"}
    assert scores["n"] == 2 * 4 * 2
    assert 0.0 <= scores["color_accuracy"] <= 1.0


def test_style_encoder_is_added_to_a_preset(preset, colored, tmp_path):
    out = tmp_path / "with_style"
    script("gan_cls_style_encoder.py")["main"](
        ["--preset", preset, "--data", colored, "--out", str(out)]
        + ["--steps", "2", "--batch-size", "4"]
    )
    facts = json.loads((out / "metadata.json").read_text("utf-8"))
    assert facts["style_encoder"]["steps"] == 2
    before = models.GANCLS.from_preset(preset)
    after = models.GANCLS.from_preset(out)
    same = [
        np.array_equal(a, b)
        for a, b in zip(
            before.style_encoder.get_weights(), after.style_encoder.get_weights()
        )
    ]
    assert not any(same[:1])
    images = before.generate("a red flower", seed=1)
    np.testing.assert_array_equal(images, after.generate("a red flower", seed=1))


TINY_GATED = {"generator_width": 2, "discriminator_width": 2, "text_width": 4}


def test_gated_sheets_of_a_preset(tmp_path):
    example = script("gated_sheets.py")
    model = models.GatedT2I(16, "shapes", **TINY_GATED)
    model.build_for(16)
    model.count_keywords([[caption] for caption in example["CAPTIONS"]])
    model.save_to_preset(tmp_path / "preset")
    out = tmp_path / "sheets"
    example["main"](["--preset", str(tmp_path / "preset"), "--out", str(out)])
    sheets = {p.stem: pictures.read(p) for p in out.glob("*.png")}
    assert set(sheets) == {"grid", "keywords"}
    assert sheets["grid"].shape[1] >= 8 * 32
    # Bars in blue below the words, as many as keywords.
    blue = np.all(sheets["keywords"] == (65, 105, 225), axis=-1)
    assert 200 < blue.sum() < 0.2 * blue.size


def test_keywords_of_captions_in_chinese(capsys):
    example = script("gated_keywords.py")
    train = example["train"]

    def small(language, steps):
        return train(language, steps, batch_size=2, **TINY_GATED)

    example["main"].__globals__.update(train=small, LANGUAGES=["chinese"])
    with tiny.eagerly(models.GatedT2I):
        example["main"](["--steps", "1", "--captions", "2"])
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "chinese: 1 steps"
    bars = [line.split() for line in printed if line.startswith("  ")]
    captions = keras_t2i.data.shapes_captions(2, language="chinese")
    assert all(caption in printed for caption in captions)
    total = sum(float(share) for _, share, _ in bars)
    assert total == pytest.approx(2, abs=0.1)
    assert all(word in "".join(captions) for word, _, _ in bars)


def test_ablation_makes_a_table_and_a_plot(tmp_path, capsys):
    example = script("gated_ablation.py")
    for name in example["ARMS"]:
        example["ARMS"][name] = {**example["ARMS"][name], **TINY_GATED}
    # Two arms are enough to see.
    arms = ["whole", "noise added"]
    argv = ["--out", str(tmp_path), "--steps", "2", "--points", "2"]
    argv += ["--batch-size", "4", "--image-size", "16", "--captions", "5"]
    with tiny.eagerly(models.GatedT2I):
        example["main"]([*argv, "--arms", *arms])
    out = capsys.readouterr().out
    assert "whole: 2 steps" in out
    stored = json.loads((tmp_path / "ablation.json").read_text("utf-8"))
    assert list(stored["arms"]) == arms
    for name in arms:
        steps, means, worst = zip(*stored["arms"][name]["curve"])
        assert steps == (1, 2)
        assert all(0.0 <= w <= m <= 1.0 for w, m in zip(worst, means))
        assert f"{means[-1]:8.3f}{worst[-1]:8.3f}" in out
    assert pictures.read(tmp_path / "ablation.png").std() > 0
    # What is there is not trained again.
    example["main"]([*argv, "--arms", *arms])
    assert "steps" not in capsys.readouterr().out


def test_stylegan2_sheets_and_distances(colored, tmp_path, capsys):
    model = parts.generator()
    model.save_to_preset(tmp_path / "faces")
    parts.features().save_to_preset(tmp_path / "judge")
    example, out = script("stylegan2_sheets.py"), tmp_path / "sheets"
    example["main"].__globals__["COUNT"] = 8
    example["main"](
        ["--preset", str(tmp_path / "faces"), "--out", str(out)]
        + ["--judge", str(tmp_path / "judge"), "--data", colored]
    )
    sizes = {p.stem: pictures.read(p).shape for p in out.glob("*.png")}
    assert set(sizes) == {
        "faces",
        "faces_truncated",
        "mixing",
        "interpolation",
    }
    assert (out / "interpolation.gif").is_file()
    printed = capsys.readouterr().out
    numbers = json.loads(printed[printed.index("{") :])
    assert numbers["largest_step"] >= 1.0
    frechet = numbers["frechet"]
    assert set(frechet) == {"truncation 1", "truncation 0.7", "real"}
    # Real pictures are nearer to real ones than those of no training.
    assert frechet["real"]["value"] < frechet["truncation 1"]["value"]


def test_a_jump_in_a_film_is_seen():
    largest_step = script("stylegan2_sheets.py")["largest_step"]
    smooth = np.zeros((8, 4, 4, 3), "uint8")
    smooth += np.array([0, 2, 4, 6, 8, 6, 4, 2], "uint8")[:, None, None, None]
    assert largest_step(smooth) == 1.0
    jumping = smooth.copy()
    jumping[3:] += 20
    assert largest_step(jumping) > 5.0


def test_faces_are_edited_and_found(colored, tmp_path, capsys):
    editor = parts.editor(encoder_steps=1)
    parts.fit(editor)
    editor.save_to_preset(tmp_path / "faces")
    parts.features().save_to_preset(tmp_path / "judge")
    editor.captioner.save_to_preset(tmp_path / "captioner")
    out = tmp_path / "sheets"
    given = ["--preset", str(tmp_path / "faces"), "--data", colored]
    given += ["--judge", str(tmp_path / "judge")]
    script("face_edit_sheets.py")["main"](
        [*given, "--out", str(out), "--text", "smiling", "black hair"]
        + ["--faces", "6", "--photographs", "4"]
        + ["--captioner", str(tmp_path / "captioner")]
    )
    assert len(list(out.glob("*.png"))) == 1
    rows = json.loads((out / "scores.json").read_text())
    assert [row["text"] for row in rows] == ["smiling", "black hair"] * 2
    for row in rows:
        assert 0 <= row["faces"] <= (4 if "photo" in row["preset"] else 6)
    printed = capsys.readouterr().out
    assert "two photographs of one person" in printed
    # Both captioners are one.
    (own, other) = re.findall(r" in (\d\.\d{3})", printed)
    assert own == other

    script("face_inversion.py")["main"](
        [*given, "--count", "2", "--steps", "1", "--out", str(out / "i.png")]
    )
    printed = capsys.readouterr().out
    found = re.findall(r"^(.*?) +root mean square +(\d+\.\d)", printed, re.M)
    assert [name for name, _ in found] == [
        "encoder alone",
        "encoder, 1 steps",
        "mean face, 1 steps",
    ]
    assert all(0.0 < float(error) < 255.0 for _, error in found)
    assert pictures.read(out / "i.png").ndim == 3


def test_face_label_trial(tmp_path):
    found = script("face_label_trial.py")
    short = np.full((64, 64, 3), 200, "uint8")  # Light, the face brown.
    short[12:, 18:46] = (150, 110, 90)
    short[:12, 18:46] = (40, 25, 20)
    long = short.copy()
    long[:, 8:18] = long[:, 46:56] = (40, 25, 20)
    eyes = long.copy()
    eyes[28:32, 21:27] = eyes[28:32, 37:43] = 255
    plain = np.full((64, 64, 3), 90, "uint8")
    images = np.stack([short, long, eyes, plain])
    length = found["hair_length"](images)
    assert length[0] == 0.0 and length[1] == length[2] == 1.0
    assert np.isnan(length[3])  # Hair and background are one.
    size = found["eye_size"](images)
    assert size[2] > size[1] == size[0] == size[3]
    # Highest first, lowest last, the unknown nowhere.
    sheet = found["extremes"](images, length, 1)
    assert sheet.shape[1] < 2 * 2 * 64 < sheet.shape[0]
    for number, picture in enumerate(images):
        path = tmp_path / "faces" / f"{number}.png"
        pictures.save_png(path, picture)
        path.with_suffix(".txt").write_text("a face")
    argv = ["--data", str(tmp_path / "faces"), "--out", str(tmp_path)]
    found["main"](argv)
    for name in ("hair_length", "eye_size"):
        assert pictures.read(tmp_path / f"{name}.png").size
