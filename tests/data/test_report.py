import shutil

import pytest

from keras_t2i import data


def test_report(folder, draw):
    shutil.copy(folder / "images/03.png", folder / "images/05.png")
    damaged = folder / "images/06.png"
    damaged.write_bytes(damaged.read_bytes()[:-40])
    draw("images/00.png", size=(60, 50))
    table = folder / "captions.jsonl"
    table.write_text(table.read_text().replace("number 9", "number 10"))
    report = data.inspect(folder)
    assert sum(report.splits.values()) == 23
    assert report.splits["validation"] > 0
    assert report.classes == 6
    assert report.captions == 69
    assert report.captions_per_picture == {3: 23}
    assert report.sizes == {(40, 40): 22, (60, 50): 1}
    assert report.duplicates == [["images/03.png", "images/05.png"]]
    assert report.repeated_captions == {"number 10": 2}
    assert list(report.bad) == ["images/06.png"]
    text = str(report)
    for part in ("captions.jsonl", "60x50", "number 10", "images/06.png"):
        assert part in text


def test_report_of_a_folder_without_validation_part(tmp_path, draw):
    draw("a.png")
    (tmp_path / "a.txt").write_text("one")
    assert data.inspect(tmp_path).splits == {"train": 1, "validation": 0}


def test_contact_sheet_of_nothing(tmp_path, draw):
    draw("a.png")
    (tmp_path / "a.txt").write_text(" ")
    assert list(data.inspect(tmp_path).bad) == ["a.png"]
    with pytest.raises(ValueError, match="No picture"):
        data.contact_sheet(tmp_path)


def test_contact_sheet(folder):
    (folder / "images/00.png").write_bytes(b"")
    sheet = data.contact_sheet(folder, columns=4, rows=2, image_size=32)
    assert sheet.dtype == "uint8" and sheet.ndim == 3
    # Wide enough for four pictures, high enough for two rows with captions.
    assert sheet.shape[1] > 4 * 32 and sheet.shape[0] > 2 * 40
    with pytest.raises(FileNotFoundError):
        data.contact_sheet(folder / "nowhere")
