import keras
import numpy as np
import pytest
from tests import tiny

from keras_t2i.training import AdversarialOptimizer


def optimizer():
    return AdversarialOptimizer(
        {
            "discriminator": keras.optimizers.Adam(4e-4, beta_1=0.5),
            "generator": keras.optimizers.RMSprop(1e-4),
        }
    )


def test_setting_the_rate_keeps_the_ratio():
    both = optimizer()
    assert float(both.learning_rate) == pytest.approx(4e-4)
    both.learning_rate = 1e-4
    assert float(both.learning_rate) == pytest.approx(1e-4)
    rate = both.members["generator"].learning_rate
    assert float(rate) == pytest.approx(2.5e-5)


def test_rate_zero_and_back_keeps_the_ratio():
    both = optimizer()
    both.learning_rate = 0.0
    assert float(both.members["generator"].learning_rate) == 0.0
    both.learning_rate = 4e-4
    rate = both.members["generator"].learning_rate
    assert float(rate) == pytest.approx(1e-4)


def test_keras_schedules_reach_every_member():
    model = tiny.LinearGAN(optimizer=optimizer().members)
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    model.run_eagerly = True
    data = tiny.dataset(image_size=4)
    model.fit(data, epochs=2, verbose=0, callbacks=[halve])
    members = model.optimizer.members
    rates = [float(m.learning_rate) for m in members.values()]
    np.testing.assert_allclose(rates, [1e-4, 2.5e-5], rtol=1e-6)


def test_setting_a_scheduled_rate_says_what_to_do():
    schedule = keras.optimizers.schedules.ExponentialDecay(1e-3, 100, 0.5)
    both = AdversarialOptimizer({"generator": keras.optimizers.Adam(schedule)})
    assert float(both.learning_rate) == pytest.approx(1e-3)
    with pytest.raises((TypeError, ValueError), match="LearningRateSchedule"):
        both.learning_rate = 1e-4


def test_config_round_trip():
    config = optimizer().get_config()
    again = AdversarialOptimizer.from_config(config)
    for key, member in again.members.items():
        assert member.get_config() == config["members"][key]["config"]
    assert type(again.members["generator"]) is keras.optimizers.RMSprop
    whole = keras.saving.serialize_keras_object(optimizer())
    restored = keras.saving.deserialize_keras_object(whole)
    assert float(restored.members["discriminator"].beta_1) == 0.5


def test_iterations_count_steps_of_the_model():
    for updates in ("simultaneous", "alternating"):
        model = tiny.LinearGAN(updates=updates)
        for _ in range(3):
            model.train_step(tiny.batch(model, image_size=4))
        assert int(model.optimizer.iterations) == 3


def test_variables_are_all_slots_of_all_members():
    model = tiny.LinearGAN(optimizer=optimizer().members)
    members = model.optimizer.members.values()
    expected = 1 + sum(len(m.variables) for m in members)
    assert len(model.optimizer.variables) == expected
    assert len({id(v) for v in model.optimizer.variables}) == expected


def test_no_member_is_refused():
    with pytest.raises(ValueError, match="one optimizer a network"):
        AdversarialOptimizer({})
