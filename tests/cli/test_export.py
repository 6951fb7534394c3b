import pytest

from keras_t2i.cli.main import main


@pytest.fixture
def export(finished_run, tmp_path):
    """Calls the job with the tiny run; returns exit code and folder."""

    def call(*arguments, out="served/tiny"):
        out = tmp_path / out
        preset = ["--preset", str(finished_run)]
        argv = ["export", "serving", *preset, "--out", str(out), *arguments]
        return main(argv), out

    return call


def test_a_run_becomes_a_folder_for_the_server(export, capsys):
    code, out = export()
    assert code == 0
    assert (out / "1" / "saved_model.pb").is_file()
    printed = capsys.readouterr().out
    assert f"{out / '1'}: " in printed
    assert f"docker compose -f {out / 'compose.yaml'} up" in printed
    # A version is never overwritten.
    code, _ = export("--version", "1")
    error = capsys.readouterr().err
    assert code == 2 and "1 exists" in error and error.count("\n") == 1


def test_a_name_that_the_server_cannot_have(export, capsys):
    code, out = export(out="red flowers")
    assert code == 2 and not out.exists()
    assert "'red flowers'" in capsys.readouterr().err


def test_a_run_becomes_a_file_for_phones(finished_run, tmp_path, capsys):
    pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert")
    out = tmp_path / "tiny.tflite"
    argv = ["export", "litert", "--preset", str(finished_run / "model")]
    argv += ["--quantize", "float16", "--out", str(out)]
    assert main(argv) == 0
    printed = capsys.readouterr().out
    assert f"{out}: 0." in printed and "million multiply-adds" in printed
    assert out.stat().st_size > 0
    assert main([*argv[:-1], str(tmp_path / "tiny.onnx")]) == 2
    error = capsys.readouterr().err
    assert "ends in .tflite" in error and error.count("\n") == 1
