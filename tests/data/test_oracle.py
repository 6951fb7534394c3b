import functools

import numpy as np
import pytest
from PIL import Image, ImageFilter

from keras_t2i import data
from keras_t2i.data import drawing


@functools.cache
def pictures(split="train", image_size=32, count=300, language="mixed"):
    batches = data.shapes(
        split,
        image_size,
        100,
        num_images=count,
        language=language,
        training=False,
    )
    text, images = zip(*((x["text"].numpy(), y.numpy()) for x, y in batches))
    return np.concatenate(text), np.concatenate(images)


@pytest.mark.parametrize("split", ["train", "validation"])
@pytest.mark.parametrize("image_size", [24, 32, 64])
def test_the_set_itself_scores_one(split, image_size):
    scores = data.shapes_accuracy(*pictures(split, image_size))
    assert scores == dict.fromkeys([*drawing.ATTRIBUTES, "mean", "worst"], 1)


def test_the_smallest_pictures_are_nearly_always_read():
    assert data.shapes_accuracy(*pictures(image_size=16))["worst"] > 0.99


def test_captions_that_leave_attributes_out():
    batches = data.shapes(num_images=500)
    text, images = zip(*((x["text"].numpy(), y.numpy()) for x, y in batches))
    scores = data.shapes_accuracy(np.concatenate(text), np.concatenate(images))
    assert scores["worst"] == 1


def test_shuffled_captions_score_at_chance():
    text, images = pictures(count=1200)
    text = np.random.default_rng(0).permutation(text)
    scores = data.shapes_accuracy(text, images)
    for name, values in drawing.ATTRIBUTES.items():
        assert abs(scores[name] - 1 / len(values)) < 0.05
    assert scores["worst"] == min(scores[name] for name in drawing.ATTRIBUTES)


@pytest.mark.parametrize("image_size", [32, 64])
@pytest.mark.parametrize("radius, noise", [(0, 20), (1, 0), (0.7, 12)])
def test_blur_and_noise(image_size, radius, noise):
    text, images = pictures(image_size=image_size)
    blur = ImageFilter.GaussianBlur(radius * image_size / 32)
    images = [np.asarray(Image.fromarray(i).filter(blur)) for i in images]
    images += np.random.default_rng(0).normal(0, noise, np.shape(images))
    images = images.round().clip(0, 255).astype("uint8")
    assert data.shapes_accuracy(text, images)["worst"] >= 0.97


def test_only_named_attributes_are_judged():
    scores = data.shapes_accuracy(
        ["a circle", b"a red square", "hello"],
        np.full((3, 32, 32, 3), 255, "uint8"),
    )
    assert scores == {
        "shape": 0,
        "color": 0,
        "size": None,
        "position": None,
        "background": None,
        "mean": 0,
        "worst": 0,
    }


def test_each_attribute_is_judged_by_itself():
    number = drawing.COMBINATIONS.index(
        ("cross", "red", "small", "top left", "gray")
    )
    image = drawing._picture(number, 32, np.random.default_rng(0))
    scores = data.shapes_accuracy(
        ["a large red cross in the top left on a black background"], image[None]
    )
    assert scores["shape"] == scores["color"] == scores["position"] == 1
    assert scores["size"] == scores["background"] == scores["worst"] == 0
    assert scores["mean"] == 0.6


def test_errors():
    images = np.zeros((2, 32, 32, 3), "uint8")
    with pytest.raises(ValueError, match="1 captions"):
        data.shapes_accuracy(["a circle"], images)
    with pytest.raises(ValueError, match="float32"):
        data.shapes_accuracy(["a circle"] * 2, images.astype("float32"))
    with pytest.raises(ValueError, match="None of the captions.*a dog"):
        data.shapes_accuracy(["a dog"] * 2, images)
