import shutil

from keras_t2i import files
from keras_t2i.cli.main import main


def test_lists_methods_variants_and_presets(
    finished_run, tmp_path, monkeypatch, capsys
):
    shutil.copytree(finished_run / "model", tmp_path / "tiny_shapes")
    monkeypatch.setattr(files, "shipped", lambda name: tmp_path / name)
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    starts = {line.split()[0]: line for line in lines}
    assert "GANCLS" in starts["gan_cls"]
    assert {"default", "reed2016", "note", "shapes"} <= set(starts)
    assert "data shapes" in starts["tiny_shapes"]
