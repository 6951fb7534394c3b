import subprocess
import sys

import pytest

from keras_t2i.cli.main import main

HELPS = (
    ["models"],
    ["data"],
    ["data", "inspect"],
    ["train"],
    ["generate"],
)


@pytest.mark.parametrize("verb", HELPS, ids=" ".join)
def test_help_ends_with_an_example(verb, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*verb, "--help"])
    assert ended.value.code == 0
    assert f"example:\n  keras-t2i {verb[0]}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv", ([], ["paint"], ["train", "gan"]), ids=" ".join
)
def test_wrong_arguments_end_in_one_line(argv, capsys):
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--help" in error


def test_nothing_to_draw_ends_in_one_line(capsys):
    assert main(["generate"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "caption" in error and "--help" in error


def test_help_and_wrong_arguments_import_nothing_heavy():
    code = """
import sys
from keras_t2i.cli.main import main
for argv in ["--help"], ["train", "--help"], ["train", "gan"]:
    try:
        main(argv)
    except SystemExit:
        pass
heavy = {"tensorflow", "keras", "numpy", "PIL"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_errors_are_one_line_and_exit_code_2(tmp_path, capsys):
    assert main(["data", "inspect", str(tmp_path / "missing")]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("keras-t2i: error: ")
    assert captured.err.count("\n") == 1
    assert "missing" in captured.err
    assert captured.out == ""


def test_ctrl_c_ends_without_a_traceback(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("keras_t2i.data.inspect", interrupted)
    assert main(["data", "inspect", "anywhere"]) == 130
    assert "Traceback" not in capsys.readouterr().err
