import json

import numpy as np
import pytest
from PIL import Image

from keras_t2i.cli.main import main


@pytest.fixture
def generate(finished_run, tmp_path):
    """Calls the verb with the tiny preset; returns exit code and path."""

    def call(*arguments, out="picture.png"):
        path = f"{tmp_path}/{out}"
        preset = ["--preset", str(finished_run / "model")]
        return main(["generate", *arguments, *preset, "--out", path]), path

    return call


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_one_picture_is_enlarged(generate):
    code, path = generate("a red circle", "--seed", "3", "--scale", "2")
    assert code == 0
    assert pixels(path).shape == (32, 32, 3)


def test_the_printed_seed_draws_the_same_picture_again(generate, capsys):
    generate("a red circle")
    out = capsys.readouterr().out
    seed = out.split("--seed ")[1].strip()
    _, path = generate("a red circle")
    other = pixels(path)
    _, path = generate("a red circle", "--seed", seed, out="again.png")
    again = pixels(path)
    _, path = generate("a red circle", "--seed", seed)
    np.testing.assert_array_equal(pixels(path), again)
    assert (other != again).any()


def test_several_pictures_become_a_grid(generate):
    texts = ("a red circle", "a blue cross")
    code, path = generate(*texts, "--num-images", "3", "--scale", "1")
    assert code == 0
    height, width, _ = pixels(path).shape
    assert width >= 3 * 16 and height >= 2 * 16
    # One caption with more pictures than fit in a row.
    code, path = generate(texts[0], "--num-images", "5")
    assert code == 0
    assert pixels(path).shape[1] >= 4 * 4 * 16


def test_a_folder_gets_a_file_a_picture(generate, tmp_path):
    code, _ = generate(
        "a red/blue circle", "绿色", "--num-images", "2", out="new/"
    )
    assert code == 0
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == [
        "001-a-red-blue-circle-01.png",
        "001-a-red-blue-circle-02.png",
        "002-绿色-01.png",
        "002-绿色-02.png",
    ]


def test_a_run_folder_stands_for_its_model(finished_run, tmp_path):
    out = str(tmp_path / "picture.png")
    argv = ["generate", "a circle", "--preset", str(finished_run)]
    assert main([*argv, "--out", out]) == 0


@pytest.mark.parametrize(
    "arguments, out, message",
    (
        (("a circle",), "picture.jpg", "picture.jpg"),
        (("a circle", "--scale", "0"), "picture.png", "--scale"),
        ((" ",), "picture.png", "caption"),
        (("a circle", "--truncation", "2"), "picture.png", "truncation"),
        (("a circle", "--num-images", "0"), "picture.png", "num_images"),
    ),
)
def test_wrong_arguments(generate, arguments, out, message, capsys):
    code, _ = generate(*arguments, out=out)
    assert code == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_unknown_preset_is_named(tmp_path, capsys):
    argv = ["generate", "a circle", "--preset", "no_such_preset"]
    assert main([*argv, "--out", str(tmp_path / "picture.png")]) == 2
    assert "no_such_preset" in capsys.readouterr().err


def test_a_method_without_words_is_trained_and_draws(tmp_path, capsys):
    settings = {
        "latent_width": 4,
        "mapping_layers": 1,
        "generator_channels": 32,
        "discriminator_channels": 32,
        "variant": "default",
    }
    config = tmp_path / "tiny.json"
    config.write_text(json.dumps(settings))
    run, out = tmp_path / "run", tmp_path / "grid.png"
    argv = ["train", "stylegan2", "--data", "shapes", "--out", str(run)]
    argv += ["--config", str(config), "--image-size", "16"]
    assert main([*argv, "--batch-size", "4", "--steps", "1"]) == 0
    assert (run / "samples" / "step-00000001.png").exists()
    argv = ["generate", "--preset", str(run), "--out", str(out)]
    assert main([*argv, "--num-images", "3", "--scale", "1"]) == 0
    with Image.open(out) as image:
        assert image.width > 3 * 16
    capsys.readouterr()
    assert main([*argv, "a circle"]) == 2
    assert "without words" in capsys.readouterr().err
