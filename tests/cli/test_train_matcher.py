"""Training a matcher alone, and before the method that needs it."""

import json
import os
import re
import shlex
import signal

import numpy as np
import pytest

from keras_t2i import metrics
from keras_t2i import models
from keras_t2i import pictures
from keras_t2i import training
from keras_t2i.cli.main import main

MATCHER = {"image_width": 4, "embedding_width": 8}
PROGRESSIVE = {
    "data": "shapes",
    "steps": 2,
    "batch_size": 4,
    "image_size": 16,
    "text_encoder": "bag_of_ngrams",
    "generator_width": 4,
    "discriminator_width": 4,
    "matcher": MATCHER,
    "matcher_steps": 4,
}


@pytest.fixture(scope="module")
def shades(tmp_path_factory):
    """Thirteen classes of twelve pictures each, one shade a class."""
    folder = tmp_path_factory.mktemp("shades")
    rows = []
    for kind in range(13):
        for number in range(12):
            name = f"{kind:02d}-{number:02d}.png"
            shade = np.full((16, 16, 3), 18 * kind + number, "uint8")
            pictures.save_png(folder / name, shade)
            rows.append(
                {
                    "image": name,
                    "captions": [f"shade {kind} of number {number}"],
                    "class_id": kind,
                    "class": str(kind),
                }
            )
    lines = "\n".join(map(json.dumps, rows))
    (folder / "captions.jsonl").write_text(lines)
    return folder


def write(path, settings):
    path.write_text(json.dumps(settings))
    return str(path)


def test_matcher_and_judge_are_trained_on_folds(shades, tmp_path, capsys):
    config = write(
        tmp_path / "c.json", {**MATCHER, "image_size": 16, "batch_size": 8}
    )
    argv = ["train", "image_text_matcher", "--data", str(shades)]
    argv += ["--config", config, "--steps", "2"]
    assert main(
        [*argv, "--fold", "1/2", "--out", str(tmp_path / "matcher")]
    ) == 0
    argv += ["--variant", "judge", "--fold", "2/2"]
    assert main([*argv, "--out", str(tmp_path / "judge")]) == 0
    out = capsys.readouterr().out
    assert "evaluate --judge" in out
    folds = []
    for run in ("matcher", "judge"):
        path = tmp_path / run / "model" / "metadata.json"
        facts = json.loads(path.read_text())
        assert facts["steps"] == 2 and "scores" in facts
        folds.append(facts["fold"])
        assert not (tmp_path / run / "samples").exists()
    assert folds == [[1, 2], [2, 2]]

    matcher, judge = (
        models.from_preset(tmp_path / run / "model")
        for run in ("matcher", "judge")
    )
    assert matcher.uses_words and not judge.uses_words
    assert matcher.settings["architecture"] != judge.settings["architecture"]
    code = metrics.Judge(judge, "judge").embed_text(["shade 3"])
    assert code.shape == (1, 8)


@pytest.mark.parametrize(
    "more, message",
    [
        (["--fold", "3/2"], "`fold` is I/K.*3"),
        (["--fold", "half"], "`fold` is I/K.*half"),
        (["--data", "shapes", "--fold", "1/2"], "leave out `fold`"),
    ],
)
def test_folds_that_make_no_sense_are_refused(more, message, tmp_path, capsys):
    argv = ["train", "image_text_matcher", "--out", str(tmp_path / "run")]
    assert main([*argv, *more]) == 2
    assert re.search(message, capsys.readouterr().err)


def variables(run):
    *_, path = training.checkpoint.checkpoints(run / "checkpoints")
    with np.load(path / "variables.npz") as stored:
        return {name: stored[name] for name in stored}


def test_a_run_stopped_in_its_matcher_ends_in_the_same_bits(
    tmp_path, monkeypatch, capsys
):
    config = write(tmp_path / "c.json", PROGRESSIVE)
    argv = ["train", "progressive", "--config", config, "--out"]
    assert main([*argv, str(tmp_path / "whole")]) == 0

    write_line = training.JsonlLog.write

    def write_and_stop(self, **values):
        write_line(self, **values)
        if values["step"] == 3 and values.get("part") == "matcher":
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(training.JsonlLog, "write", write_and_stop)
        assert main([*argv, str(tmp_path / "run")]) == 130
    out = capsys.readouterr().out
    assert "Saved: matcher step 3 of 4" in out
    _, *argv = shlex.split(out.splitlines()[-1])
    assert main(argv) == 0
    ours, whole = variables(tmp_path / "run"), variables(tmp_path / "whole")
    assert ours.keys() == whole.keys()
    for key, value in ours.items():
        np.testing.assert_array_equal(value, whole[key], err_msg=key)
