import json
import os
import shlex
import shutil
import signal

import keras
import numpy as np
import pytest

from keras_t2i import files
from keras_t2i import models
from keras_t2i import pictures
from keras_t2i import training
from keras_t2i.cli.main import main
from tests.cli.conftest import STEPS
from tests.cli.conftest import train_arguments


def read_log(run):
    return [json.loads(line) for line in open(run / "log.jsonl")]


def last_variables(run):
    *_, path = training.checkpoint.checkpoints(run / "checkpoints")
    with np.load(path / "variables.npz") as stored:
        return path.name, {name: stored[name] for name in stored}


def assert_same_end(run, other):
    name, values = last_variables(run)
    other_name, other_values = last_variables(other)
    assert name == other_name == f"step-{STEPS:08d}"
    assert values.keys() == other_values.keys()
    for key, value in values.items():
        np.testing.assert_array_equal(value, other_values[key], err_msg=key)


def make_folder(folder, count=12):
    for number in range(count):
        shade = np.full((16, 16, 3), 20 * number, "uint8")
        pictures.save_png(folder / f"{number:02d}.png", shade)
        (folder / f"{number:02d}.txt").write_text(f"shade number {number}")


def test_run_folder_holds_all_that_the_help_promises(finished_run):
    samples = sorted(p.name for p in (finished_run / "samples").iterdir())
    assert samples == ["step-00000004.png", "step-00000006.png"]
    settings = json.loads((finished_run / "config.json").read_text())
    assert settings["generator_width"] == 4  # from --config
    assert settings["ema_decay"] == 0.99  # of the variant "shapes"
    assert settings["steps"] == STEPS
    log = read_log(finished_run)
    assert log[0] == {"event": "started", "step": 0}
    assert [line["step"] for line in log[1:]] == list(range(1, STEPS + 1))
    assert np.isfinite(log[-1]["generator_loss"])
    metadata = json.loads((finished_run / "model/metadata.json").read_text())
    assert metadata["steps"] == STEPS
    assert metadata["data"] == metadata["variant"] == "shapes"
    assert 0 <= metadata["scores"]["worst"] <= metadata["scores"]["mean"] <= 1


def test_a_run_is_not_overwritten(config, finished_run, capsys):
    before = last_variables(finished_run)[0]
    assert main(train_arguments(config, finished_run)) == 2
    assert "--resume" in capsys.readouterr().err
    assert last_variables(finished_run)[0] == before


def test_resume_of_a_finished_run_says_so(config, finished_run, capsys):
    log = read_log(finished_run)
    assert main(train_arguments(config, finished_run, "--resume")) == 0
    assert "is finished" in capsys.readouterr().out
    assert read_log(finished_run) == log


@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGTERM))
def test_a_stopped_run_goes_on_to_the_same_bits(
    number, config, finished_run, tmp_path, monkeypatch, capsys
):
    write = training.JsonlLog.write

    def write_and_stop(self, **values):
        write(self, **values)
        if values["step"] == 3:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with monkeypatch.context() as patch:
        patch.setattr(training.JsonlLog, "write", write_and_stop)
        assert main(train_arguments(config, tmp_path / "run")) == 130
    assert signal.getsignal(number) is before
    out = capsys.readouterr().out
    assert f"Saved: step 3 of {STEPS}" in out
    assert not (tmp_path / "run" / "model").exists()

    program, *argv = shlex.split(out.splitlines()[-1])
    assert program == "keras-t2i"
    assert main(argv) == 0
    assert {"event": "resumed", "step": 3} in read_log(tmp_path / "run")
    assert_same_end(tmp_path / "run", finished_run)
    assert "worst attribute" in capsys.readouterr().out


def test_a_run_killed_before_its_first_checkpoint_starts_again(
    config, finished_run, tmp_path
):
    run = tmp_path / "run"
    run.mkdir()
    # What a kill at step 2 leaves, in the middle of a line.
    shutil.copy(finished_run / "config.json", run)
    lines = (finished_run / "log.jsonl").read_bytes().splitlines(True)
    (run / "log.jsonl").write_bytes(b"".join(lines[:3])[:-20])
    assert main(train_arguments(config, run, "--resume")) == 0
    assert_same_end(run, finished_run)
    log = read_log(run)
    assert [line["step"] for line in log] == [0, 0, *range(1, STEPS + 1)]
    assert log[1]["event"] == "resumed"


def test_a_second_run_in_one_folder_is_refused(
    config, tmp_path, monkeypatch, capsys
):
    run = tmp_path / "run"
    with files.lock(run):
        assert main(train_arguments(config, run)) == 2
    assert f"running in {run} (process {os.getpid()})" in capsys.readouterr().err
    assert [path.name for path in run.iterdir()] == [".lock"]


def test_a_loss_that_is_not_finite_is_named(
    config, tmp_path, monkeypatch, capsys
):
    losses = models.GANCLS.losses

    def poisoned(self, batch):
        found, logs = losses(self, batch)
        bad = keras.ops.equal(self.optimizer.iterations, 2)
        poison = keras.ops.where(bad, np.nan, 0.0)
        found["generator"] = found["generator"] + poison
        return found, logs

    monkeypatch.setattr(models.GANCLS, "losses", poisoned)
    run = tmp_path / "run"
    argv = train_arguments(config, run, "--on-non-finite", "stop")
    assert main(argv) == 1
    error = capsys.readouterr().err
    assert "At step 3 the loss of the generator was not finite" in error
    assert last_variables(run)[0] == "step-00000002"
    assert read_log(run)[-1]["event"] == "stopped"

    assert main([*argv[:-1], "skip", "--resume"]) == 0
    assert "The step changed nothing" in capsys.readouterr().err
    assert read_log(run)[-1]["step"] == STEPS


def test_training_goes_on_from_a_preset(
    config, finished_run, tmp_path, monkeypatch, capsys
):
    """Its weights and settings, but for those that the user changes."""
    started = {}
    fit = models.GANCLS.fit

    def watched(self, *arguments, **kwargs):
        started["generator"] = [np.array(w) for w in self.generator.weights]
        started["settings"] = self.settings
        return fit(self, *arguments, **kwargs)

    monkeypatch.setattr(models.GANCLS, "fit", watched)
    changes = tmp_path / "changes.json"
    changes.write_text(json.dumps({"learning_rate": 0.001953125}))
    preset, run = str(finished_run / "model"), tmp_path / "run"
    argv = ["train", "gan_cls", "--data", "shapes", "--steps", "1"]
    argv += ["--batch-size", "8", "--image-size", "16", "--out", str(run)]
    argv += ["--from-preset", preset, "--config", str(changes)]
    assert main(argv) == 0
    assert started["settings"]["learning_rate"] == 0.001953125
    assert started["settings"]["generator_width"] == 4
    trained = models.GANCLS.from_preset(preset)
    for ours, theirs in zip(started["generator"], trained.generator.weights):
        np.testing.assert_array_equal(ours, np.array(theirs))
    metadata = json.loads((run / "model/metadata.json").read_text())
    assert metadata["from_preset"] == finished_run.name

    resume = ["train", "gan_cls", "--out", str(run), "--resume"]
    assert main([*resume, "--steps", "2"]) == 0
    assert read_log(run)[-1]["step"] == 2
    capsys.readouterr()
    other = [*argv[:-4], "--from-preset", preset, "--variant", "shapes"]
    other[other.index("--out") + 1] = str(tmp_path / "other")
    assert main(other) == 2
    assert "variant" in capsys.readouterr().err


def test_epochs_on_a_folder_then_more_steps(config, tmp_path, capsys):
    make_folder(tmp_path / "shades")
    argv = train_arguments(
        config, tmp_path / "run", "--data", str(tmp_path / "shades")
    )
    # --resume with nothing there starts; 11 pictures are two batches of 4.
    argv += ["--batch-size", "4", "--captions-per-picture", "2", "--resume"]
    assert main([*argv, "--epochs", "1"]) == 0
    settings = json.loads((tmp_path / "run/config.json").read_text())
    assert settings["captions_per_picture"] == 2
    assert "Oracle" not in capsys.readouterr().out
    metadata = json.loads((tmp_path / "run/model/metadata.json").read_text())
    assert (metadata["steps"], metadata["data"]) == (2, "shades")
    assert "scores" not in metadata

    # Other pictures are another training, unless that is meant.
    for name in ("03.txt", "04.txt"):  # One of them may be held out.
        (tmp_path / "shades" / name).write_text("changed")
    more = [*argv, "--steps", "3"]
    assert main(more) == 2
    assert "data: captions was" in capsys.readouterr().err
    assert main([*more, "--allow-changes"]) == 0
    assert "warning: Not as when" in capsys.readouterr().err
    metadata = json.loads((tmp_path / "run/model/metadata.json").read_text())
    assert metadata["steps"] == 3


def test_a_run_cannot_go_on_with_other_settings(config, finished_run, capsys):
    argv = train_arguments(config, finished_run, "--resume", "--seed", "5")
    assert main(argv) == 2
    assert "seed=0" in capsys.readouterr().err


@pytest.mark.parametrize(
    "more, message",
    (
        (["--steps", "0"], "`steps`"),
        (["--captions-per-picture", "2"], "one caption"),
        (["--data", "nowhere"], "nowhere"),
        (["--variant", "huge"], "'huge'"),
        (["--config", "missing.json"], "missing.json"),
    ),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_settings_start_no_run(more, message, config, tmp_path, capsys):
    assert main(train_arguments(config, tmp_path / "run", *more)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "content, message",
    (
        ("{", "no JSON"),
        ("[1]", "JSON object"),
        ('{"data": "shapes", "widht": 3}', "widht"),
        ('{"data": "shapes", "dtype": "float16"}', "`precision`"),
        ('{"data": "shapes", "steps": 1, "epochs": 1}', "Keep one"),
        ("{}", "--data"),
    ),
)
def test_wrong_config_files_are_named(content, message, tmp_path, capsys):
    (tmp_path / "c.json").write_text(content)
    argv = train_arguments(tmp_path / "c.json", tmp_path / "run")
    assert main(argv) == 2
    assert message in capsys.readouterr().err


def test_data_shapes_takes_the_shapes_variant_unless_told_otherwise():
    from keras_t2i.cli import train

    def defaults(**given):
        return train._with_defaults({"method": "gan_cls", **given})

    shapes = defaults(data="shapes")
    assert (shapes["variant"], shapes["image_size"]) == ("shapes", 32)
    longer = defaults(data="shapes", method="disentangled")
    assert longer["steps"] > shapes["steps"]
    assert defaults(data="shapes", variant="note")["variant"] == "note"
    folder = defaults(data="/flowers", steps=7)
    assert (folder["variant"], folder["image_size"]) == ("default", 64)
    assert "epochs" not in folder
