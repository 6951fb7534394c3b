import numpy as np
from PIL import Image

from keras_t2i import pictures
from keras_t2i.cli.main import main


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
