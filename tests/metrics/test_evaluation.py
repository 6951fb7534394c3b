import json

import numpy as np
import pytest

from keras_t2i import data
from keras_t2i import metrics
from keras_t2i import models
from keras_t2i import pictures
from keras_t2i.cli.main import main
from keras_t2i.metrics.evaluation import chosen_captions
from tests.tiny import TinyTextEncoder

SHADES = 24


def shade_of(captions):
    return [int(caption.split()[-1]) for caption in captions]


def picture(shade):
    image = np.zeros((16, 16, 3), "uint8")
    image[..., 0] = 10 * shade
    image[: 1 + shade % 16, :, 1] = 255
    return image


class Painter:
    """Draws what captions say, or always the same."""

    def __init__(self, reads=True):
        self.reads = reads

    def generate(self, text, seed):
        shades = shade_of(text) if self.reads else [3] * len(text)
        return np.stack([picture(shade) for shade in shades])


class PerfectJudge:
    """Knows the shade of a picture, and of a caption."""

    name = "perfect"

    def embed_images(self, images):
        return np.eye(SHADES)[images[:, 0, 0, 0] // 10]

    def embed_text(self, captions):
        return np.eye(SHADES)[shade_of(captions)]

    def resize(self, size):
        return "none"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """24 classes of one picture with five captions each."""
    folder = tmp_path_factory.mktemp("shades")
    rows = []
    for shade in range(SHADES):
        pictures.save_png(folder / f"{shade}.png", picture(shade))
        captions = [f"version {i} of shade {shade}" for i in range(5)]
        rows.append(
            {"image": f"{shade}.png", "captions": captions, "class": str(shade)}
        )
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "captions.jsonl").write_text(lines)
    return folder


@pytest.fixture(scope="module")
def dataset(folder):
    return data.load(folder, image_size=16, batch_size=7, training=False)


def evaluate(dataset, painter, **arguments):
    arguments = {"num_captions": 105, "split": "train", **arguments}
    return metrics.evaluate(painter, dataset, PerfectJudge(), **arguments)


def test_a_painter_that_reads_scores_as_the_real_pictures(dataset):
    scores = evaluate(dataset, Painter())
    assert scores["r_precision"].value == 1.0
    assert scores["r_precision_real"].value == 1.0
    assert scores["frechet_distance"].value < 0.02


def test_a_painter_that_does_not_read_is_found_out(dataset):
    good = evaluate(dataset, Painter())
    bad = evaluate(dataset, Painter(reads=False))
    assert bad["r_precision"].value < 0.15
    assert bad["r_precision_real"].value == 1.0
    for name in ("frechet_distance", "kernel_distance", "cmd"):
        assert bad[name] > good[name]


def test_scores_say_how_they_were_measured(dataset):
    score = evaluate(dataset, Painter())["frechet_distance"]
    assert score.protocol == {
        "name": "frechet_distance",
        "n": 105,
        "split": "train",
        "extractor": "perfect",
        "resize": "none",
    }
    other = evaluate(dataset, Painter(), num_captions=104)["frechet_distance"]
    with pytest.raises(ValueError, match="n 105 and 104"):
        score < other


def test_every_model_is_asked_for_the_same_captions(dataset):
    rows, captions = chosen_captions(dataset.source, 100)
    again_rows, again = chosen_captions(dataset.source, 100)
    assert captions == again and len(set(captions)) == 100
    np.testing.assert_array_equal(rows, again_rows)
    assert shade_of(captions) == [
        shade_of(dataset.source.texts[row])[0] for row in rows
    ]
    assert chosen_captions(dataset.source, 100, seed=1)[1] != captions
    with pytest.raises(ValueError, match="holds 110 captions.*111"):
        chosen_captions(dataset.source, 111)


@pytest.mark.parametrize("batch_size", [7, 8])
def test_training_data_in_random_order_is_refused(folder, batch_size):
    shuffled = data.load(folder, image_size=16, batch_size=batch_size)
    with pytest.raises(ValueError, match="training=False"):
        evaluate(shuffled, Painter())


class Features:
    """An extractor whose features are means of colors, and no unit vectors."""

    name = "colors"
    asked = 0

    def embed_images(self, images):
        self.asked = max(self.asked, len(images))
        return images.mean(axis=(1, 2)) / 40.0

    def resize(self, size):
        return "none"


def test_streamed_scores_equal_those_of_all_pictures_at_once(
    dataset, monkeypatch
):
    extractor, judge, painter = Features(), Features(), Painter(reads=False)
    painter.generate = lambda text, seed: np.stack(
        [picture((5 * shade) % 24) for shade in shade_of(text)]
    )
    judge.embed_text = lambda captions: np.random.default_rng(0).normal(
        size=(len(captions), 3)
    )
    monkeypatch.setattr("keras_t2i.metrics.evaluation._PART", 10)
    scores = metrics.evaluate(painter, dataset, judge, extractor, 105)
    assert extractor.asked == 10

    rows, captions = chosen_captions(dataset.source, 105)
    texts = judge.embed_text(captions)
    drawn = extractor.embed_images(painter.generate(captions, 0))
    real = np.concatenate([extractor.embed_images(x.numpy()) for _, x in dataset])
    class_ids = dataset.source.class_ids[rows]
    expected = {
        "r_precision": metrics.r_precision(drawn, texts, class_ids),
        "r_precision_real": metrics.r_precision(real[rows], texts, class_ids),
        "frechet_distance": metrics.frechet_distance_of_features(drawn, real),
        "kernel_distance": metrics.kernel_distance(drawn, real),
        "cmd": metrics.cmd_score(drawn, texts, real),
    }
    for name, value in expected.items():
        assert scores[name].value == pytest.approx(value, rel=1e-9), name


def test_every_part_draws_with_other_latents(dataset, monkeypatch):
    seeds, painter = [], Painter()
    draw = painter.generate
    painter.generate = lambda text, seed: seeds.append(seed) or draw(text, seed)
    monkeypatch.setattr("keras_t2i.metrics.evaluation._PART", 50)
    evaluate(dataset, painter, seed=3)
    assert seeds == [3, 53, 103]


def test_kernel_distance_of_a_sample_keeps_no_more_than_that(
    dataset, monkeypatch
):
    whole = evaluate(dataset, Painter(reads=False))["kernel_distance"]
    monkeypatch.setattr("keras_t2i.metrics.evaluation._SAMPLE", 16)
    sample = evaluate(dataset, Painter(reads=False))["kernel_distance"]
    assert sample.value != whole.value
    assert sample.value == pytest.approx(whole.value, rel=0.3)


def test_folds_share_no_picture_and_lose_none(folder):
    parts = [
        data.load(folder, image_size=16, batch_size=1, fold=(i, 3)).source
        for i in (1, 2, 3)
    ]
    captions = [set(part.captions) for part in parts]
    whole = data.load(folder, image_size=16, batch_size=1).source
    assert set.union(*captions) == set(whole.captions)
    assert sum(map(len, captions)) == len(whole.captions)
    with pytest.raises(ValueError, match="fold.*Received: \\(0, 3\\)"):
        data.load(folder, image_size=16, fold=(0, 3))


# The networks that judge.


def test_extractor_of_keras_applications(dataset):
    extractor = metrics.ApplicationsExtractor("MobileNetV2", weights=None)
    images = np.stack([picture(1), picture(20)])
    features = extractor.embed_images(images)
    assert features.shape == (2, 1280) and np.ptp(features, axis=0).max() > 0
    assert extractor.resize(16) == "bilinear 16 to 224"
    assert extractor.name == "MobileNetV2 random"


def test_unknown_extractors_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no 'Inception5'"):
        metrics.ApplicationsExtractor("Inception5")
    with pytest.raises(ValueError, match="MobileNetV2 are neither in the cache"):
        metrics.ApplicationsExtractor("MobileNetV2", str(tmp_path / "none.h5"))


def test_a_matcher_judges_pictures_of_another_size():
    matcher = models.ImageTextMatcher(
        16, text_encoder=TinyTextEncoder(), image_width=4, embedding_width=8
    )
    judge = metrics.Judge(matcher, "tiny")
    images = np.stack([picture(1), picture(20)])
    large = images.repeat(2, axis=1).repeat(2, axis=2)
    assert judge.resize(32) == "bilinear 32 to 16"
    assert judge.resize(16) == "none"
    # Up to the blur of the resize the large ones look the same.
    np.testing.assert_allclose(
        judge.embed_images(large), judge.embed_images(images), atol=0.2
    )


# The command.


@pytest.fixture(scope="module")
def presets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("presets")
    generator = models.GANCLS(
        16, text_encoder="bag_of_ngrams", generator_width=4, discriminator_width=4
    )
    generator.save_to_preset(folder / "generator")
    judge = models.ImageTextMatcher(
        16, text_encoder="bag_of_ngrams", image_width=4, embedding_width=8
    )
    judge.save_to_preset(folder / "judge")
    return folder


def test_command_prints_one_line_of_json(presets, folder, capsys):
    argv = ["evaluate", "--preset", str(presets / "generator")]
    argv += ["--judge", str(presets / "judge"), "--data", str(folder)]
    argv += ["--num-captions", "105"]
    assert main([*argv, "--split", "train"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    facts = json.loads(line)
    assert facts["preset"] == "generator" and facts["seed"] == 0
    scores = {s["name"]: metrics.Score(**s) for s in facts["scores"]}
    assert scores["r_precision"].n == 105
    assert scores["cmd"].extractor.startswith("judge ")
    assert main([*argv, "--split", "validation"]) == 2
    assert "captions" in capsys.readouterr().err


def test_command_reads_shapes_back(presets, capsys):
    argv = ["evaluate", "--preset", str(presets / "generator")]
    assert main([*argv, "--data", "shapes", "--num-captions", "100"]) == 0
    facts = json.loads(capsys.readouterr().out)
    scores = {s["name"]: s["value"] for s in facts["scores"]}
    assert 0 <= scores["accuracy of worst"] <= scores["accuracy of mean"] <= 1
