import numpy as np
from PIL import Image

from keras_t2i import data
from keras_t2i import pictures
from keras_t2i.cli.main import main


def test_pack_writes_what_load_reads(tmp_path, capsys):
    for number in range(3):
        shade = np.full((40, 40, 3), 80 * number, "uint8")
        pictures.save_png(tmp_path / f"flowers/{number}.png", shade)
        (tmp_path / f"flowers/{number}.txt").write_text(f"no. {number}")
    source, out = str(tmp_path / "flowers"), str(tmp_path / "packed")
    command = ["data", "pack", source, out, "--pictures-per-shard", "2"]

    features = ["--text-encoder", "bag_of_ngrams", "--words"]
    command += features

    assert main([*command, "--image-size", "32"]) == 0
    said = capsys.readouterr().out
    assert "3/3" in said and out in said
    loaded = data.load(out, training=False, image_size=32)
    assert loaded.source.features.name == "bag_of_ngrams"
    assert loaded.source.features.words
    batch, images = next(iter(loaded))
    assert images.shape[1:] == (32, 32, 3)
    assert batch["text"].numpy()[0].startswith(b"no. ")
    assert main([*command, "--image-size", "16"]) == 2
    assert "image_size=32" in capsys.readouterr().err


def test_inspect_counts_names_bad_files_and_draws_a_sheet(tmp_path, capsys):
    folder = tmp_path / "flowers"
    for number in range(3):
        shade = np.full((20, 20, 3), 80 * number, "uint8")
        pictures.save_png(folder / f"{number}.png", shade)
        (folder / f"{number}.txt").write_text(f"flower number {number}")
    (folder / "torn.png").write_bytes(b"no picture")
    (folder / "torn.txt").write_text("a torn flower")
    sheet = tmp_path / "sheet.png"

    assert main(["data", "inspect", str(folder), "--out", str(sheet)]) == 0
    out = capsys.readouterr().out
    assert "torn.png" in out
    assert "20x20: 3" in out
    assert str(sheet) in out
    with Image.open(sheet) as image:
        assert image.format == "PNG"
