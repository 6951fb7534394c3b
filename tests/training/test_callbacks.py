import json
import types

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_t2i import pictures
from keras_t2i.training import JsonlLog
from keras_t2i.training import SampleGrid
from tests.full_disk import room


class Painter:
    """Stands for a model: its pictures show captions, seeds and the step."""

    def __init__(self):
        self.optimizer = types.SimpleNamespace(iterations=0)

    def generate(self, captions, seed, num_images):
        count = len(captions) * num_images
        images = np.zeros((count, 8, 8, 3), "uint8")
        images[..., 0] = np.arange(count)[:, None, None] * 20
        images[..., 1] = seed
        images[..., 2] = self.optimizer.iterations
        return images


def run(callback, steps, logs=None, stride=1):
    """What `fit` does with a callback, from the step it stands at."""
    painter = callback.model or Painter()
    callback.set_model(painter)
    callback.on_train_begin()
    for _ in range(0, steps, stride):
        painter.optimizer.iterations += stride
        callback.on_train_batch_end(0, logs)
    callback.on_train_end()
    return painter


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_grid_shows_a_row_a_caption_and_a_column_a_seed(tmp_path):
    captions = ["red", "blue"]
    grid = SampleGrid(tmp_path, captions, num_images=3, every_steps=2, seed=5)
    painter = run(grid, steps=5)
    # The last one is drawn at the end.
    assert names(tmp_path) == [f"step-0000000{n}.png" for n in (2, 4, 5)]
    expected = pictures.grid(
        painter.generate(captions, 5, 3), columns=3, captions=captions
    )
    found = np.asarray(Image.open(tmp_path / "step-00000005.png"))
    np.testing.assert_array_equal(found, expected)


def test_no_step_is_drawn_twice(tmp_path):
    grid = SampleGrid(tmp_path, ["red"], every_steps=2)
    run(grid, steps=2)
    drawn = (tmp_path / "step-00000002.png").stat().st_mtime_ns
    grid.on_train_end()
    assert (tmp_path / "step-00000002.png").stat().st_mtime_ns == drawn


def test_several_steps_an_execution_skip_no_grid_and_no_line(tmp_path):
    run(SampleGrid(tmp_path / "s", ["red"], every_steps=4), 12, stride=3)
    assert names(tmp_path / "s") == [
        f"step-{n:08d}.png" for n in (6, 9, 12)
    ]
    run(JsonlLog(tmp_path / "log.jsonl", every_steps=4), 12, {}, stride=3)
    steps = [line["step"] for line in lines(tmp_path / "log.jsonl")]
    assert steps == [0, 6, 9, 12]


def test_failing_grid_does_not_stop_training(tmp_path, monkeypatch):
    def disk_full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pictures, "save_png", disk_full)
    with pytest.warns(UserWarning, match="No space"):
        run(SampleGrid(tmp_path, ["red"], every_steps=1), steps=1)


def test_tensorboard_on_a_full_disk_does_not_stop_training(tmp_path):
    (tmp_path / "logs").write_text("a file where a folder should be")
    grid = SampleGrid(
        tmp_path / "s", ["red"], 2, 1, log_dir=tmp_path / "logs"
    )
    with pytest.warns(UserWarning, match="No sample grid at step 1"):
        run(grid, steps=1)
    assert names(tmp_path / "s") == ["step-00000001.png"]


def test_grid_is_a_tensorboard_image_too(tmp_path):
    logs = tmp_path / "logs"
    run(SampleGrid(tmp_path / "s", ["red"], 2, 3, log_dir=logs), steps=3)
    (path,) = logs.glob("events.out.tfevents.*")
    events = [
        (event.step, value.tag, value.tensor)
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    ]
    ((step, tag, tensor),) = events
    assert (step, tag) == (3, "samples")
    png = tf.make_ndarray(tensor)[-1]
    shown = tf.io.decode_png(png).numpy()
    saved = np.asarray(Image.open(tmp_path / "s" / "step-00000003.png"))
    np.testing.assert_array_equal(shown, saved)


def strict(constant):
    raise ValueError(f"{constant} is no JSON")


def lines(path):
    text = path.read_text("utf-8")
    assert text.endswith("\n")
    return [json.loads(s, parse_constant=strict) for s in text.splitlines()]


def test_every_line_is_json(tmp_path):
    path = tmp_path / "run" / "log.jsonl"
    logs = {
        "loss": np.float32(0.5),
        "per_replica": np.array([1.0, 2.0]),
        "broken": float("nan"),
        "huge": np.float32("inf"),
    }
    run(JsonlLog(path, every_steps=2), steps=5, logs=logs)
    started, _, line = lines(path)
    assert started == {"event": "started", "step": 0}
    assert line["step"] == 4
    assert line["loss"] == 0.5 and line["per_replica"] == 1.5
    assert line["broken"] is None and line["huge"] is None
    assert line["seconds"] >= 0


def test_log_is_appended_to(tmp_path):
    path = tmp_path / "log.jsonl"
    for _ in range(2):
        log = JsonlLog(path, every_steps=1)
        run(log, steps=1)
        log.write(event="stopped", step=1)
    events = [line.get("event") for line in lines(path)]
    assert events == ["started", None, "stopped", "resumed", None, "stopped"]


def test_torn_last_line_of_a_kill_is_cut(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 1, "loss": 0.5}\n{"step": 2, "lo')
    run(JsonlLog(path, every_steps=1), steps=1, logs={})
    assert [line["step"] for line in lines(path)] == [1, 0, 1]


def test_lines_of_steps_that_are_done_again_are_cut(tmp_path):
    path = tmp_path / "log.jsonl"
    log = JsonlLog(path, every_steps=1)
    run(log, steps=4, logs={})
    log.write(event="resumed", step=4)
    log.cut(2)
    assert [line["step"] for line in lines(path)] == [0, 1, 2]
    log.cut(2)
    assert len(lines(path)) == 3


def test_full_disk_costs_lines_and_nothing_else(tmp_path):
    path = tmp_path / "log.jsonl"
    log = JsonlLog(path, every_steps=1)
    run(log, steps=1, logs={})
    whole = path.read_text()
    with pytest.warns(UserWarning, match="log.jsonl lacks lines"):
        with room(len(whole) + 5):
            log.write(step=2)
    assert path.read_text() == whole
    log.write(step=3)
    assert [line["step"] for line in lines(path)] == [0, 1, 3]
