"""A script that is stopped anywhere and started again ends in the same bits."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from tests import full_disk
from tests import tiny

from keras_t2i import data
from keras_t2i import files
from keras_t2i import training

SIZE = 16
EPOCHS = 3
# Batches in an epoch of everything below.
STEPS = 4


class Stop(keras.callbacks.Callback):
    """Stands for a kill: an exception that no callback hears of."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) == self.step:
            raise KeyboardInterrupt


class Epochs(keras.callbacks.Callback):
    """Notes at which step each epoch ends."""

    def on_train_begin(self, logs=None):
        self.ends = {}

    def on_epoch_end(self, epoch, logs=None):
        self.ends[epoch] = int(self.model.optimizer.iterations)


def arrays():
    x, y = tiny.arrays(count=8, image_size=SIZE)
    return {"x": x, "y": y, "batch_size": 2}


def shapes(**settings):
    settings = {"num_images": 18, "seed": 3, **settings}
    return {"x": data.shapes(image_size=SIZE, batch_size=4, **settings)}


def endless():
    return {**shapes(repeat=True), "steps_per_epoch": STEPS}


def own():
    """A dataset that keras_t2i knows nothing of; its order is fixed."""
    return {"x": tiny.dataset(count=8, image_size=SIZE, batch_size=2)}


def train(folder, given, stop=None, more=(), every_steps=1, **settings):
    """What a user's script does; returns the model."""
    allow = settings.pop("allow_changes", False)
    model = tiny.LinearGAN(SIZE, **settings)
    model.run_eagerly = True
    callbacks = [
        training.JsonlLog(folder / "log.jsonl", every_steps=1),
        training.Checkpoint(
            folder / "checkpoints",
            every_steps,
            resume=True,
            allow_changes=allow,
        ),
        *more,
        Stop(stop),
    ]
    try:
        model.fit(**given, epochs=EPOCHS, callbacks=callbacks, verbose=0)
    except KeyboardInterrupt:
        assert int(model.optimizer.iterations) == stop
    return model


def logged(folder):
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("make", [arrays, shapes, endless])
def test_a_stopped_fit_goes_on_to_the_same_bits(make, tmp_path):
    settings = {"r1_weight": 1.0, "r1_interval": 2}
    whole, epochs = tmp_path / "whole", Epochs()
    expected = train(whole, make(), more=[epochs], **settings)
    assert int(expected.optimizer.iterations) == EPOCHS * STEPS
    ends = epochs.ends

    parts = tmp_path / "parts"
    # In the middle of epochs, at an end, and between two checkpoints.
    for stop in (3, 4, 7, 11):
        train(parts, make(), stop, every_steps=2, **settings)
    found = train(parts, make(), more=[epochs], every_steps=2, **settings)
    assert tiny.same(tiny.everything(found), tiny.everything(expected))
    # Callbacks that count epochs see those of the whole.
    assert epochs.ends == {2: ends[2]}

    losses = [line for line in logged(whole) if "event" not in line]
    again = [line for line in logged(parts) if "event" not in line]
    for line in losses + again:
        del line["seconds"]
    assert again == losses
    events = [line for line in logged(parts) if "event" in line]
    assert [line["step"] for line in events] == [0, 2, 4, 6, 10]
    assert {line["event"] for line in events[1:]} == {"resumed"}


def test_a_finished_fit_trains_no_more(tmp_path):
    first = train(tmp_path, arrays())
    again = train(tmp_path, arrays())
    assert tiny.same(tiny.everything(first), tiny.everything(again))


def test_an_unknown_order_is_said_and_goes_on_inside_its_epoch(tmp_path):
    with pytest.warns(UserWarning, match="order of this dataset is not known"):
        expected = train(tmp_path / "whole", own())
        train(tmp_path / "parts", own(), stop=6)
        found = train(tmp_path / "parts", own())
    # This one happens to have an order of its own.
    assert tiny.same(tiny.everything(found), tiny.everything(expected))


def test_another_callback_may_stop_the_epoch_that_goes_on(tmp_path):
    class StopNow(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    train(tmp_path, arrays(), stop=STEPS - 1)
    model = train(tmp_path, arrays(), more=[StopNow()])
    assert int(model.optimizer.iterations) == STEPS


def test_a_second_training_in_one_folder_is_refused(tmp_path):
    with files.lock(tmp_path / "checkpoints"):
        with pytest.raises(ValueError, match="Another training is running"):
            train(tmp_path, arrays())
    assert not (tmp_path / "log.jsonl").exists()
    # A training that failed holds nothing.
    train(tmp_path, arrays(), stop=1)
    train(tmp_path, arrays())


def other_captions():
    given = arrays()
    given["x"]["text"] = given["x"]["text"][::-1]
    return {"given": given}


def clipped():
    optimizer = {
        "discriminator": keras.optimizers.SGD(0.1, clipnorm=1.0),
        "generator": keras.optimizers.SGD(0.2),
    }
    return {"given": arrays(), "optimizer": optimizer}


@pytest.mark.parametrize(
    "change, message",
    [
        (other_captions, "data: text was"),
        (
            lambda: {"given": {**arrays(), "batch_size": 4}},
            "data: batch_size was 2, is 4",
        ),
        (
            lambda: {"given": arrays(), "dtype": "mixed_bfloat16"},
            "precision was 'float32'",
        ),
        (clipped, "clipnorm was None, is 1.0"),
    ],
)
def test_changes_are_named_and_refused(change, message, tmp_path):
    train(tmp_path, arrays(), stop=3)
    before = (tmp_path / "log.jsonl").read_text()
    with pytest.raises(ValueError, match=message):
        train(tmp_path, **change())
    assert (tmp_path / "log.jsonl").read_text() == before
    with pytest.warns(UserWarning, match=message):
        model = train(tmp_path, **change(), stop=5, allow_changes=True)
    assert int(model.optimizer.iterations) == 5


def test_another_backend_is_a_change(tmp_path):
    train(tmp_path, arrays(), stop=3)
    (path,) = (tmp_path / "checkpoints").glob("step-00000003/state.json")
    path.write_text(path.read_text().replace('"tensorflow"', '"jax"'))
    with pytest.raises(ValueError, match="backend was 'jax', is 'tensorflow'"):
        train(tmp_path, arrays())


def test_data_of_a_folder_is_told_apart_by_its_files(tmp_path):
    def facts():
        return data.load(folder, image_size=16, batch_size=2).facts()

    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(6):
        picture = np.full((16, 16, 3), 40 * number, "uint8")
        png = tf.io.encode_png(picture).numpy()
        (folder / f"{number}.png").write_bytes(png)
        (folder / f"{number}.txt").write_text(f"shade {number}")
    first = facts()
    assert facts() == first
    # Another picture of the same name and dimensions.
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), "uint8")
    png = tf.io.encode_png(noise).numpy()
    for number in range(6):
        (folder / f"{number}.png").write_bytes(png)
    changed = {key for key, value in facts().items() if value != first[key]}
    assert changed == {"file sizes"}


def test_training_goes_on_where_the_disk_is_full(tmp_path):
    with pytest.warns(UserWarning) as caught:
        with full_disk.room(0):
            model = train(tmp_path, arrays(), stop=4)
    messages = " ".join(str(warning.message) for warning in caught)
    assert "No checkpoint at step 3" in messages
    assert "log.jsonl lacks lines" in messages
    assert int(model.optimizer.iterations) == 4
    whole = train(tmp_path / "other", arrays())
    model = train(tmp_path, arrays())
    assert tiny.same(tiny.everything(model), tiny.everything(whole))


def test_no_room_after_any_number_of_bytes_costs_no_checkpoint(tmp_path):
    failed, written = full_disk.sweep(tmp_path, stride=307)
    assert failed > 20 and written == 2
