"""A step that is not finite changes nothing, and is named."""

import json
import warnings

import keras
import numpy as np
import pytest
from keras import ops
from tests import tiny

from keras_t2i import training

# Which training step is poisoned, counted from 0.
BAD = 2


class Poisoned(tiny.LinearGAN):
    """Has a value that is not finite in the steps `bad`."""

    def __init__(self, what="loss", network="generator", bad=(BAD,), **kwargs):
        super().__init__(**kwargs)
        self.what = what
        self.network = network
        self.bad = bad

    def build_networks(self):
        super().build_networks()
        # Statistics that the forward pass moves before a loss is known.
        self.normalization = keras.layers.BatchNormalization()
        self.normalization.build((None, 4, 4, 3))
        self.normalization.gamma.trainable = False
        self.normalization.beta.trainable = False

    def networks(self):
        found = super().networks()
        found["discriminator"].append(self.normalization)
        return found

    def losses(self, batch):
        step = self.optimizer.iterations
        bad = ops.any(ops.stack([ops.equal(step, b) for b in self.bad]))
        noise = ops.where(bad, np.inf, 0.0)
        self.normalization(batch["images"] + noise, training=True)
        losses, logs = super().losses(batch)
        loss = losses[self.network]
        if self.what == "loss":
            loss = loss + ops.stop_gradient(noise)
        else:  # sqrt(0) = 0 has an infinite derivative.
            (weight, *_) = self.variables_by_network()[self.network]
            zero = ops.sum(weight) - ops.stop_gradient(ops.sum(weight))
            loss = loss + ops.sqrt(ops.where(bad, zero, zero + 1.0))
        return {**losses, self.network: loss}, logs


class States(keras.callbacks.Callback):
    """Keeps all values after each step."""

    def on_train_begin(self, logs=None):
        self.after = []
        self.logs = []

    def on_train_batch_end(self, batch, logs=None):
        model = self.model
        variables = [*model.variables, *model.optimizer.variables]
        self.after.append({v.path: tiny.value(v) for v in variables})
        self.logs.append(logs)


def adam():
    return {
        "discriminator": keras.optimizers.Adam(1e-2),
        "generator": keras.optimizers.Adam(1e-2),
    }


def fit(model, *callbacks, epochs=3):
    """`epochs` epochs of two steps."""
    states = States()
    callbacks = [*callbacks, states]
    data = tiny.dataset(image_size=4, batch_size=4)
    model.fit(data, epochs=epochs, callbacks=callbacks, verbose=0)
    return states


def changed(before, after):
    return {
        path for path in before if not np.array_equal(before[path], after[path])
    }


@pytest.mark.parametrize("updates", training.model.UPDATES)
@pytest.mark.parametrize(
    "what, network, cause",
    [
        ("loss", "generator", "the loss of the generator"),
        ("loss", "discriminator", "the loss of the discriminator"),
        ("gradient", "generator", "the gradient of .*kernel"),
    ],
)
def test_a_bad_step_changes_nothing(updates, what, network, cause):
    model = Poisoned(what, network, updates=updates, optimizer=adam())
    with pytest.warns(UserWarning, match=f"At step 3 {cause} was not finite"):
        states = fit(model, training.Guard("skip"))
    seeds = {v.path for v in model.variables if "seed" in v.path}
    counts = {model.optimizer.iterations.path}
    bad = changed(states.after[BAD - 1], states.after[BAD])
    assert bad and bad <= seeds | counts
    good = changed(states.after[BAD], states.after[BAD + 1])
    moving = {model.normalization.moving_mean.path}
    assert moving | {model.generator.weights[0].path} <= good
    # The guard's own note is not among what others log.
    logs = [*states.logs, model.history.history]
    assert all("not_finite" not in some for some in logs)


def test_a_guarded_training_is_the_same_training():
    states = [
        fit(tiny.LinearGAN(optimizer=adam()), *guards)
        for guards in ([training.Guard()], [])
    ]
    for guarded, plain in zip(*(s.after[-1].values() for s in states)):
        np.testing.assert_allclose(guarded, plain, rtol=1e-4, atol=1e-6)


def test_stop_raises_and_leaves_the_checkpoints(tmp_path):
    checkpoint = training.Checkpoint(tmp_path / "c", every_steps=1)
    log = training.JsonlLog(tmp_path / "log.jsonl")
    model = Poisoned(optimizer=adam())
    guard = training.Guard("stop", log=log)
    with pytest.raises(FloatingPointError, match="step 3 the loss of the gen"):
        fit(model, guard, log, checkpoint)
    assert training.checkpoint.newest(tmp_path / "c")[1]["step"] == BAD
    event = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert event["event"] == "stopped" and event["step"] == BAD + 1
    # And the folder is free again.
    training.Checkpoint(tmp_path / "c").lock()


def test_skipping_stops_when_it_does_not_help():
    model = Poisoned(bad=range(1, 9), optimizer=adam())
    with pytest.warns(UserWarning, match="At step 3"):
        with pytest.raises(FloatingPointError, match="step 4.*3 steps in a row"):
            fit(model, training.Guard("skip", limit=3))


def test_a_weight_that_is_not_finite_is_named_and_stops():
    model = tiny.LinearGAN()
    weight = model.generator.weights[0]
    weight.assign(weight * np.nan)
    with pytest.raises(FloatingPointError, match=f"the weight {weight.path}"):
        fit(model, training.Guard("skip"))


def test_rollback_returns_and_lowers_the_rate(tmp_path):
    model = Poisoned(optimizer=adam(), bad=(3,))
    checkpoint = training.Checkpoint(tmp_path / "c", every_steps=2)
    log = training.JsonlLog(tmp_path / "log.jsonl")
    guard = training.Guard("rollback", checkpoint, log=log)
    with pytest.warns(UserWarning, match="Back to step-00000002.*rate 0.005"):
        states = fit(model, guard, log, checkpoint)
    # Steps go on being counted: they say where the data stands.
    moved = changed(states.after[1], states.after[3])
    rates = {m.learning_rate.path for m in model.optimizer.members.values()}
    assert moved == rates | {model.optimizer.iterations.path}
    assert int(model.optimizer.iterations) == 6
    assert float(model.optimizer.learning_rate) == pytest.approx(0.005)
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert any('"event": "rolled back", "step": 4' in line for line in lines)


def test_rollback_gives_up(tmp_path):
    model = Poisoned(optimizer=adam(), bad=range(1, 99))
    checkpoint = training.Checkpoint(tmp_path, every_steps=1)
    guard = training.Guard("rollback", checkpoint, limit=2)
    with pytest.warns(UserWarning, match="rate 0.0025"):
        with pytest.raises(FloatingPointError, match="2 returns to the last"):
            fit(model, guard, checkpoint)
    nowhere = training.Checkpoint(tmp_path / "empty", every_steps=99)
    model = Poisoned(bad=(0,))
    with pytest.raises(FloatingPointError, match="no checkpoint yet"):
        fit(model, training.Guard("rollback", nowhere), nowhere)


def test_the_search_for_a_loss_scale_is_no_failure():
    model = Poisoned(
        "gradient", dtype="mixed_float16", optimizer=adam(), bad=(1, 2)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        states = fit(model, training.Guard("stop"))
    assert len(states.after) == 6
    assert np.isfinite(states.after[-1][model.generator.weights[0].path]).all()


def test_the_guard_goes_when_its_fit_is_over():
    model = Poisoned(bad=(BAD,), network="generator")
    with pytest.warns(UserWarning, match="At step 3"):
        fit(model, training.Guard())
    assert model.guarded
    fit(model, epochs=1)
    assert not model.guarded


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"action": "hope"}, "'hope'"),
        ({"action": "rollback"}, "give the `checkpoint`"),
        ({"limit": 0}, "limit=0"),
        ({"factor": 1.5}, "factor=1.5"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        training.Guard(**arguments)
