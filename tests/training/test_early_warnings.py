import types
import warnings

import numpy as np
import pytest

from keras_t2i import training
from keras_t2i.training import backend
from keras_t2i.training.early_warnings import spread
from keras_t2i.training.early_warnings import warn_of_emulation

HEALTHY = {
    "drawn_spread": 0.4,
    "real_logit": 2.0,
    "fake_logit": -2.0,
    "generator_loss": 2.1,
}


def run(callback, states):
    """What `fit` does with a callback; `states` is a list of logs by step."""
    model = types.SimpleNamespace(
        optimizer=types.SimpleNamespace(iterations=0)
    )
    callback.set_model(model)
    callback.on_train_begin()
    found = []
    for logs in states:
        model.optimizer.iterations += 1
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            callback.on_train_batch_end(0, {**HEALTHY, **logs})
        found += [(model.optimizer.iterations, str(w.message)) for w in caught]
    return found


def watch():
    return training.EarlyWarnings(patience=20, every_steps=5)


COLLAPSED = {"drawn_spread": 0.005}
SATURATED = {"real_logit": 9.0, "fake_logit": -9.0, "generator_loss": 9.0}
EXPLODING = {"generator_loss": np.float32(40.0)}


@pytest.mark.parametrize(
    "state, message",
    [
        (COLLAPSED, "generator has collapsed: for 20 steps"),
        (SATURATED, "discriminator is saturated.*18.0 apart"),
        (EXPLODING, "discriminator is saturated.*loss 40.0"),
    ],
)
def test_a_state_that_lasts_is_warned_of_once(state, message):
    found = run(watch(), [{}] * 10 + [state] * 60)
    ((step, text),) = found
    # Seen first at step 15.
    assert step == 35
    with pytest.warns(UserWarning, match=message):
        warnings.warn(text)


@pytest.mark.parametrize("state", [COLLAPSED, SATURATED, EXPLODING])
def test_a_state_that_passes_is_not(state):
    assert run(watch(), ([state] * 19 + [{}] * 6) * 4) == []


def test_a_state_that_comes_back_is_warned_of_again():
    found = run(watch(), ([COLLAPSED] * 30 + [{}] * 10) * 2)
    assert len(found) == 2


def test_logs_without_these_values_are_no_alarm():
    found = run(watch(), [{"drawn_spread": np.array([0.4, 0.5])}] * 50)
    assert found == []
    callback = watch()
    callback.set_model(
        types.SimpleNamespace(optimizer=types.SimpleNamespace(iterations=5))
    )
    callback.on_train_begin()
    callback.act({"matcher_loss": 3.0})


def test_spread_is_the_deviation_over_the_batch():
    images = np.random.default_rng(0).normal(size=(8, 4, 4, 3))
    expected = np.mean([np.std(pixel) for pixel in images.reshape(8, -1).T])
    assert float(spread(images)) == pytest.approx(expected, rel=1e-5)
    assert float(spread(np.ones((4, 8, 8, 3)))) == 0.0


@pytest.mark.parametrize(
    "dtype, flags, warned",
    [
        ("bfloat16", "sse avx avx2 fma", True),
        ("bfloat16", "sse avx avx2 avx512f avx512bw", False),
        ("float32", "sse avx avx2 fma", False),
        # Not an x86 processor.
        ("bfloat16", "asimd bf16", False),
    ],
)
def test_emulated_half_precision_is_warned_of(
    tmp_path, monkeypatch, dtype, flags, warned
):
    monkeypatch.setattr(backend, "has_gpu", lambda: False)
    cpu = tmp_path / "cpuinfo"
    cpu.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_emulation(dtype, cpu)
    assert ["float32" in str(w.message) for w in caught] == [True] * warned


def test_no_warning_where_a_gpu_computes(tmp_path, monkeypatch):
    monkeypatch.setattr(backend, "has_gpu", lambda: True)
    cpu = tmp_path / "cpuinfo"
    cpu.write_text("flags : avx2\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_emulation("bfloat16", cpu)
