import json
import os
import shutil

import keras
import numpy as np
import pytest
from tests import tiny

from keras_t2i import training
from keras_t2i.training.checkpoint import checkpoints


def adam():
    return {
        "discriminator": keras.optimizers.Adam(1e-2),
        "generator": keras.optimizers.Adam(1e-2),
    }


def linear_gan(seed=0, **settings):
    settings = {"r1_weight": 1.0, "r1_interval": 2, **settings}
    model = tiny.LinearGAN(optimizer=adam(), seed=seed, **settings)
    model.run_eagerly = True
    return model


def fit(model, epochs=1, **kwargs):
    data = tiny.dataset(image_size=4, batch_size=4)
    return model.fit(data, epochs=epochs, verbose=0, **kwargs)


def names(folder):
    """What a user sees there."""
    return sorted(path.name for path in folder.glob("[!.]*"))


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_restored_run_goes_on_bit_by_bit(tmp_path, dtype):
    model = linear_gan(dtype=dtype)
    fit(model, callbacks=[training.Checkpoint(tmp_path, state={"a": [1, 2]})])
    other = linear_gan(seed=9, dtype=dtype)
    assert not tiny.same(tiny.everything(other), tiny.everything(model))

    state = training.restore(other, tmp_path)
    assert state["step"] == 2 and state["a"] == [1, 2]
    assert tiny.same(tiny.everything(other), tiny.everything(model))
    for each in (model, other):
        fit(each, epochs=2)
    assert int(other.optimizer.iterations) == 6
    assert tiny.same(tiny.everything(other), tiny.everything(model))


def test_nothing_to_restore(tmp_path):
    assert training.restore(linear_gan(), tmp_path) is None
    assert training.restore(linear_gan(), tmp_path / "absent") is None


def test_saves_every_so_many_steps_and_keeps_the_last(tmp_path):
    model = linear_gan()
    checkpoint = training.Checkpoint(tmp_path, every_steps=3, keep=2)
    fit(model, epochs=5, callbacks=[checkpoint])
    # Saved at 3, 6, 9, and at the end of training.
    assert names(tmp_path) == ["step-00000009", "step-00000010"]
    fit(model, epochs=1, callbacks=[training.Checkpoint(tmp_path, keep=2)])
    assert names(tmp_path) == ["step-00000010", "step-00000012"]


def test_several_steps_an_execution_skip_no_checkpoint(tmp_path):
    model = tiny.LinearGAN(optimizer=adam())
    model.steps_per_execution = 2
    fit(
        model,
        epochs=4,
        callbacks=[training.Checkpoint(tmp_path, every_steps=3, keep=9)],
    )
    # Steps 3 and 6 pass inside an execution or at its end.
    assert names(tmp_path) == [f"step-0000000{n}" for n in (4, 6, 8)]


def damage(path):
    with open(path / "variables.npz", "r+b") as file:
        file.seek(200)
        file.write(b"damaged")


def cut(path):
    with open(path / "variables.npz", "r+b") as file:
        file.truncate(100)


def without_state(path):
    (path / "state.json").unlink()


def with_other_state(path):
    (path / "state.json").write_text("[]")


def without_arrays(path):
    (path / "variables.npz").unlink()


@pytest.mark.parametrize(
    "harm", [damage, cut, without_state, with_other_state, without_arrays]
)
def test_damaged_checkpoint_is_passed_over(tmp_path, harm):
    model = linear_gan()
    checkpoint = training.Checkpoint(tmp_path, every_steps=2)
    fit(model, callbacks=[checkpoint])
    after_two = tiny.everything(model)
    fit(model, callbacks=[checkpoint])
    harm(tmp_path / "step-00000004")
    other = linear_gan(seed=9)
    with pytest.warns(UserWarning, match="step-00000004 is damaged"):
        assert training.restore(other, tmp_path)["step"] == 2
    assert tiny.same(tiny.everything(other), after_two)


def raise_disk_full(*args, **kwargs):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    "target", ["numpy.savez", "os.replace", "os.fsync", "pathlib.Path.rename"]
)
def test_failing_write_leaves_the_last_checkpoint(tmp_path, monkeypatch, target):
    model = linear_gan()
    fit(model, callbacks=[training.Checkpoint(tmp_path)])
    after_two = tiny.everything(model)
    monkeypatch.setattr(target, raise_disk_full)
    with pytest.warns(UserWarning, match="No checkpoint at step 4.*No space"):
        fit(model, callbacks=[training.Checkpoint(tmp_path)])
    monkeypatch.undo()
    assert int(model.optimizer.iterations) == 4
    assert names(tmp_path) == ["step-00000002"]
    other = linear_gan(seed=9)
    assert training.restore(other, tmp_path)["step"] == 2
    assert tiny.same(tiny.everything(other), after_two)


@pytest.mark.parametrize("target", ["numpy.savez", "pathlib.Path.rename"])
def test_failing_overwrite_keeps_the_only_checkpoint(
    tmp_path, monkeypatch, target
):
    model = linear_gan()
    fit(model, callbacks=[training.Checkpoint(tmp_path)])
    saved = tiny.everything(model)
    monkeypatch.setattr(target, raise_disk_full)
    with pytest.warns(UserWarning, match="No checkpoint"):
        again = training.Checkpoint(tmp_path)
        again.set_model(model)
        again.save()
    monkeypatch.undo()
    other = linear_gan(seed=9)
    assert training.restore(other, tmp_path)["step"] == 2
    assert tiny.same(tiny.everything(other), saved)


def test_what_a_kill_left_behind_is_no_checkpoint(tmp_path):
    model = linear_gan()
    fit(model, callbacks=[training.Checkpoint(tmp_path)])
    shutil.copytree(tmp_path / "step-00000002", tmp_path / ".step-00000004.tmp")
    assert [path.name for path in checkpoints(tmp_path)] == ["step-00000002"]
    assert training.restore(linear_gan(), tmp_path)["step"] == 2
    fit(model, callbacks=[training.Checkpoint(tmp_path)])
    assert not (tmp_path / ".step-00000004.tmp").exists()


def test_a_kill_between_the_renames_of_a_save_loses_nothing(tmp_path):
    model = linear_gan()
    fit(model, callbacks=[training.Checkpoint(tmp_path)])
    saved = tiny.everything(model)
    # As if step 2 was about to be replaced.
    (tmp_path / "step-00000002").rename(tmp_path / ".step-00000002.old")
    other = linear_gan(seed=9)
    assert training.restore(other, tmp_path)["step"] == 2
    assert tiny.same(tiny.everything(other), saved)
    fit(model, callbacks=[training.Checkpoint(tmp_path)])
    assert names(tmp_path) == ["step-00000002", "step-00000004"]


def test_checkpoint_of_another_model_is_refused(tmp_path):
    fit(linear_gan(), callbacks=[training.Checkpoint(tmp_path)])
    other = tiny.LinearGAN(image_size=8, optimizer=adam())
    before = tiny.everything(other)
    with pytest.raises(ValueError, match="belongs to another model"):
        training.restore(other, tmp_path)
    assert tiny.same(before, tiny.everything(other))
    with pytest.raises(ValueError, match="no networks yet.*build_for"):
        training.restore(tiny.LinearGAN(image_size=None), tmp_path)


def test_checkpoint_holds_plain_arrays(tmp_path):
    model = linear_gan()
    fit(model, callbacks=[training.Checkpoint(tmp_path)])
    folder = tmp_path / "step-00000002"
    assert names(folder) == ["state.json", "variables.npz"]
    assert json.loads((folder / "state.json").read_text())["step"] == 2
    with np.load(folder / "variables.npz", allow_pickle=False) as stored:
        assert len(stored.files) == len(tiny.everything(model))
    assert os.stat(folder / "variables.npz").st_mode & 0o444 == 0o444


def test_arguments_out_of_range_are_refused(tmp_path):
    with pytest.raises(ValueError, match="every_steps.*0"):
        training.Checkpoint(tmp_path, every_steps=0)
    with pytest.raises(ValueError, match="keep.*0"):
        training.Checkpoint(tmp_path, keep=0)


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    model = tiny.LinearGAN()
    model.build_for(4)
    callback = training.Checkpoint(tmp_path, every_steps=1)
    callback.set_model(model)
    callback.save()
    model.generator.weights[0].assign(model.generator.weights[0] * np.nan)
    model.optimizer.iterations.assign(1)
    with pytest.warns(UserWarning, match="not finite"):
        callback.save()
    assert [path.name for path in checkpoints(tmp_path)] == ["step-00000000"]
