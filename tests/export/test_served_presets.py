"""benchmarks/served_presets.py: what it measures, and what it refuses."""

import pathlib
import shutil

import pytest
from tests.models.face_editor import parts

from keras_t2i import export
from keras_t2i import models

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def benchmark():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        import served_presets

        yield served_presets


@pytest.fixture(scope="module")
def editor():
    model = parts.editor(encoder_steps=1)
    model.collect([[caption] for caption in parts.CAPTIONS])
    return model


@pytest.fixture(scope="module")
def folder(editor, tmp_path_factory):
    return export.to_serving(editor, tmp_path_factory.mktemp("x") / "faces")


def test_an_editor_has_a_row(benchmark, editor, folder):
    size, largest, wall, cpu, levels = benchmark.row(editor, folder)
    assert 0 < largest < size and wall > 0 and cpu > 0
    assert levels <= 1


def without_variables(folder):
    shutil.rmtree(folder / "variables")


def without_data(folder):
    (folder / "variables" / "variables.data-00000-of-00001").unlink()


def cut_variables(folder):
    cut(folder / "variables" / "variables.data-00000-of-00001")


def cut_graph(folder):
    cut(folder / "saved_model.pb")


def without_graph(folder):
    (folder / "saved_model.pb").unlink()


def cut(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    "damage, message",
    (
        (without_variables, "variables.index is missing"),
        (without_data, "variables.data-00000-of-00001"),
        (cut_variables, "OutOfRangeError|DataLossError"),
        (cut_graph, "saved_model.pb"),
        (without_graph, "does not exist"),
    ),
)
def test_damaged_folders(benchmark, folder, damage, message, tmp_path):
    shutil.copytree(folder, tmp_path / "1")
    damage(tmp_path / "1")
    with pytest.raises(ValueError, match=f"(?s)no whole SavedModel.*{message}"):
        benchmark.served(tmp_path / "1", "edit", "image_bytes")


def test_other_folders_and_signatures(benchmark, folder, tmp_path):
    for other in (tmp_path, tmp_path / "missing", folder.parent):
        with pytest.raises(ValueError, match="no whole SavedModel"):
            benchmark.served(other, "edit", "image_bytes")
    with pytest.raises(ValueError, match="no signature 'text'.*'edit'"):
        benchmark.served(folder, "text", "image_bytes")


def test_what_is_exported_is_no_preset(folder):
    for path in (folder, folder.parent):
        with pytest.raises(FileNotFoundError, match="There is no preset"):
            models.from_preset(path)
