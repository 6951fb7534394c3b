"""The training step, on linear networks with known gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from tests import tiny

from keras_t2i import training

NETWORKS = ("discriminator", "generator")


def sgd(discriminator=0.1, generator=0.1):
    return {
        "discriminator": keras.optimizers.SGD(discriminator),
        "generator": keras.optimizers.SGD(generator),
    }


def linear_gan(optimizer=None, like=None, **settings):
    model = tiny.LinearGAN(optimizer=optimizer, **settings)
    if like is not None:
        model.set_weights(like.get_weights())
    return model


def batch_for(model):
    return tiny.batch(model, image_size=4)


def gradients_of_losses(model, batch):
    """Gradient of each network's own loss, with a tape for each."""
    state = tiny.value(model.seed_generator.state)
    result = {}
    for name, variables in model.variables_by_network().items():
        model.seed_generator.state.assign(state)
        with tf.GradientTape() as tape:
            losses, _ = model.losses(model._unpack(batch))
        result[name] = tape.gradient(losses[name], variables)
    model.seed_generator.state.assign(state)
    return result


def test_each_network_follows_the_gradient_of_its_own_loss():
    model = linear_gan(sgd(0.1, 0.3), r1_weight=2.0)
    batch = batch_for(model)
    expected = gradients_of_losses(model, batch)
    before = {name: tiny.trainable(model, name) for name in NETWORKS}
    logs = model.train_step(batch)
    assert set(logs) == {"discriminator_loss", "generator_loss"}
    for name, rate in (("discriminator", 0.1), ("generator", 0.3)):
        for old, new, gradient in zip(
            before[name], tiny.trainable(model, name), expected[name]
        ):
            assert np.any(gradient != 0)
            np.testing.assert_allclose(
                new, old - rate * np.array(gradient), rtol=1e-5, atol=1e-6
            )


@pytest.mark.parametrize("updates", ["simultaneous", "alternating"])
@pytest.mark.parametrize("moving", NETWORKS)
def test_a_loss_moves_no_other_network(updates, moving):
    still = next(name for name in NETWORKS if name != moving)
    model = linear_gan(sgd(**{still: 0.0, moving: 0.1}), updates=updates)
    before = {name: tiny.trainable(model, name) for name in NETWORKS}
    model.train_step(batch_for(model))
    assert tiny.same(before[still], tiny.trainable(model, still))
    assert not tiny.same(before[moving], tiny.trainable(model, moving))


def test_alternating_step_is_two_steps_of_one_network_each():
    """The discriminator moves first; then the generator, on fresh noise."""
    alternating = linear_gan(sgd(), updates="alternating")
    batch = batch_for(alternating)
    only_d = linear_gan(sgd(generator=0.0), like=alternating)
    alternating.train_step(batch)

    only_d.train_step(batch)
    only_g = linear_gan(sgd(discriminator=0.0), like=only_d)
    only_g.seed_generator.state.assign(only_d.seed_generator.state)
    only_g.train_step(batch)
    for name in NETWORKS:
        expected = tiny.trainable(only_g, name)
        assert tiny.same(tiny.trainable(alternating, name), expected)
    assert int(alternating.optimizer.iterations) == 1

    # With the noise of the discriminator's step the generator would differ.
    same_noise = linear_gan(sgd(discriminator=0.0), like=only_d)
    same_noise.train_step(batch)
    assert not tiny.same(
        tiny.trainable(alternating, "generator"),
        tiny.trainable(same_noise, "generator"),
    )


def test_alternating_order_is_that_of_networks_not_of_compile():
    members = sgd()
    first = linear_gan(members, updates="alternating")
    backwards = dict(reversed(list(sgd().items())))
    second = linear_gan(backwards, like=first, updates="alternating")
    for model in (first, second):
        model.train_step(batch_for(model))
    for name in NETWORKS:
        assert tiny.same(
            tiny.trainable(first, name), tiny.trainable(second, name)
        )


def test_simultaneous_step_takes_both_gradients_at_the_same_weights():
    both = linear_gan(sgd())
    only_g = linear_gan(sgd(discriminator=0.0), like=both)
    batch = batch_for(both)
    for model in (both, only_g):
        model.train_step(batch)
    generators = [tiny.trainable(m, "generator") for m in (both, only_g)]
    assert tiny.same(*generators)


def test_compiled_step_equals_the_eager_one():
    compiled = linear_gan(r1_weight=1.0, r1_interval=2)
    eager = linear_gan(like=compiled, r1_weight=1.0, r1_interval=2)
    eager.run_eagerly = True
    for model in (compiled, eager):
        model.fit(tiny.dataset(image_size=4), epochs=2, verbose=0)
    assert int(compiled.optimizer.iterations) == 4
    for a, b in zip(tiny.everything(compiled), tiny.everything(eager)):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


# R1.


def test_r1_of_a_linear_discriminator_is_known():
    model = linear_gan(r1_weight=3.0, r1_interval=1)
    kernel = tiny.value(model.discriminator.layers[-1].kernel)
    images = tf.random.stateless_normal((4, 4, 4, 3), (0, 0))
    with tf.GradientTape() as tape:
        penalty = model.r1_penalty(model.judge, images)
    # The gradient of <w, x> is w, whatever the picture: 3/2 |w|^2.
    assert float(penalty) == pytest.approx(1.5 * np.sum(kernel**2), rel=1e-5)
    variable = model.discriminator.layers[-1].kernel.value
    gradient = tape.gradient(penalty, variable)
    np.testing.assert_allclose(gradient, 3.0 * kernel, rtol=1e-4, atol=1e-6)


def test_r1_changes_the_discriminator_and_not_the_generator():
    without = linear_gan(sgd())
    model = linear_gan(sgd(), like=without, r1_weight=2.0, r1_interval=1)
    kernel = tiny.value(model.discriminator.layers[-1].kernel)
    for each in (without, model):
        each.train_step(batch_for(each))
    moved = tiny.trainable(model, "discriminator")[0]
    expected = tiny.trainable(without, "discriminator")[0] - 0.1 * 2.0 * kernel
    np.testing.assert_allclose(moved, expected, rtol=1e-4, atol=1e-5)
    assert tiny.same(
        tiny.trainable(model, "generator"), tiny.trainable(without, "generator")
    )


@pytest.mark.parametrize("compiled", [False, True])
def test_lazy_r1_is_due_every_interval_and_counts_as_often(compiled):
    model = linear_gan(r1_weight=1.0, r1_interval=3)
    images = tf.zeros((2, 4, 4, 3))

    def penalty():
        return model.r1_penalty(model.judge, images)

    penalty = tf.function(penalty) if compiled else penalty
    square = float(np.sum(tiny.value(model.discriminator.layers[-1].kernel) ** 2))
    for step in range(7):
        model.optimizer.iterations.assign(step)
        expected = 0.0 if step % 3 else 3 * square / 2
        assert float(penalty()) == pytest.approx(expected, rel=1e-5)


# Precision.


@pytest.mark.parametrize(
    "optimizer",
    [
        sgd,
        lambda: dict.fromkeys(NETWORKS, "sgd"),
        lambda: training.AdversarialOptimizer(sgd()),
    ],
    ids=["members", "names", "one"],
)
def test_float16_wraps_every_member_and_keeps_float32_weights(optimizer):
    model = linear_gan(optimizer(), dtype="mixed_float16")
    for member in model.optimizer.members.values():
        assert isinstance(member, keras.optimizers.LossScaleOptimizer)
    assert not isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert {v.dtype for v in model.trainable_variables} == {"float32"}
    assert model.discriminator.layers[-1].compute_dtype == "float16"
    # Making the model has not changed what other models get.
    assert keras.config.dtype_policy().name == "float32"


def test_bfloat16_and_float32_need_no_loss_scale():
    for dtype in ("mixed_bfloat16", "float32"):
        for member in linear_gan(dtype=dtype).optimizer.members.values():
            assert type(member) is keras.optimizers.SGD


def test_loss_scale_leaves_the_update_as_it_was():
    plain = linear_gan(sgd())
    scaled = linear_gan(
        {k: keras.optimizers.LossScaleOptimizer(v) for k, v in sgd().items()},
        like=plain,
    )
    for model in (plain, scaled):
        model.train_step(batch_for(model))
    for name in NETWORKS:
        pairs = zip(tiny.trainable(plain, name), tiny.trainable(scaled, name))
        for a, b in pairs:
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("updates", ["simultaneous", "alternating"])
@pytest.mark.parametrize("overflowing", NETWORKS)
@pytest.mark.parametrize("compiled", [False, True])
def test_overflow_skips_one_network_and_halves_one_scale(
    updates, overflowing, compiled
):
    model = linear_gan(dtype="mixed_float16", updates=updates)
    fine = next(name for name in NETWORKS if name != overflowing)
    members = model.optimizer.members
    # A gradient of 1e30 has no place in float16.
    members[overflowing].dynamic_scale.assign(2.0**100)
    members[fine].dynamic_scale.assign(8.0)
    before = {name: tiny.trainable(model, name) for name in NETWORKS}
    step = tf.function(model.train_step) if compiled else model.train_step
    step(batch_for(model))
    assert tiny.same(before[overflowing], tiny.trainable(model, overflowing))
    assert not tiny.same(before[fine], tiny.trainable(model, fine))
    assert float(members[overflowing].dynamic_scale) == 2.0**99
    assert float(members[fine].dynamic_scale) == 8.0
    assert int(model.optimizer.iterations) == 1


# Seeds.


def test_seed_settles_weights_and_noise():
    models = [linear_gan(seed=seed) for seed in (5, 5, 6)]
    weights = [tiny.everything(model) for model in models]
    assert tiny.same(weights[0], weights[1])
    assert not tiny.same(weights[0][:2], weights[2][:2])
    noise = [np.array(model.draw_noise((3, 2))) for model in models]
    np.testing.assert_array_equal(noise[0], noise[1])
    assert np.any(noise[0] != noise[2])


def test_making_a_model_leaves_the_other_random_numbers_alone():
    keras.utils.set_random_seed(1)
    expected = [keras.random.normal((2,)), np.random.rand()]
    keras.utils.set_random_seed(1)
    linear_gan()
    found = [keras.random.normal((2,)), np.random.rand()]
    np.testing.assert_array_equal(expected[0], found[0])
    assert expected[1] == found[1]


# What `fit` takes.


def test_size_comes_from_the_data_and_stays():
    model = tiny.LinearGAN(image_size=None)
    model.run_eagerly = True
    model.fit(tiny.dataset(image_size=4), verbose=0)
    assert model.image_size == 4
    with pytest.raises(ValueError, match=r"4 x 4.*8 x 8.*`image_size=4`"):
        model.fit(tiny.dataset(image_size=8), verbose=0)


def test_arrays_in_parts_are_shuffled_as_at_once():
    x, y = tiny.arrays(image_size=4)
    whole, parts = linear_gan(), linear_gan()
    for model in (whole, parts):
        model.run_eagerly = True
    whole.fit(x, y, batch_size=4, epochs=3, verbose=0)
    parts.fit(x, y, batch_size=4, epochs=1, verbose=0)
    parts.fit(x, y, batch_size=4, epochs=2, verbose=0)
    assert tiny.same(tiny.everything(whole), tiny.everything(parts))


def test_validation_data_is_refused():
    model = linear_gan()
    data = tiny.dataset(image_size=4)
    with pytest.raises(ValueError, match="validation_data"):
        model.fit(data, validation_data=data)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"updates": "random"}, "simultaneous.*random"),
        ({"ema_decay": 1.0}, r"ema_decay.*1\.0"),
        ({"augment": ["mirror"]}, "mirror"),
        ({"r1_weight": -1.0}, r"r1_weight.*-1\.0"),
        ({"r1_interval": 0}, "r1_interval.*0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        linear_gan(**settings)


def test_optimizers_must_name_the_networks():
    with pytest.raises(ValueError, match="discriminator.*generator.*Received"):
        linear_gan({"generator": "adam"})
    with pytest.raises(ValueError, match="dict of network name"):
        linear_gan("adam")


def test_losses_are_computed_in_every_loss_name():
    model = linear_gan()
    model.run_eagerly = True
    history = model.fit(tiny.dataset(image_size=4), epochs=2, verbose=0)
    assert set(history.history) == {"discriminator_loss", "generator_loss"}
    assert np.all(np.isfinite(list(history.history.values())))
    assert ops.shape(model.train_step(batch_for(model))["generator_loss"]) == ()
