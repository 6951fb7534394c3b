"""What StyleGAN2 promises."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from tests import tiny

from keras_t2i import export
from keras_t2i import models
from keras_t2i import pictures
from keras_t2i import training
from keras_t2i.models.stylegan2 import networks
from keras_t2i.models.stylegan2 import objective

TINY = {
    "image_size": 16,
    "latent_width": 8,
    "mapping_layers": 2,
    "generator_channels": 64,
    "discriminator_channels": 64,
    "r1_interval": 2,
    "path_length_interval": 2,
}
PICTURES = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), "uint8")


def make(**settings):
    model = models.StyleGAN2(**{**TINY, **settings})
    model.run_eagerly = True
    return model


def fit(model, epochs=1, **kwargs):
    return model.fit(PICTURES, epochs=epochs, verbose=0, **kwargs).history


@pytest.fixture(scope="module")
def trained():
    """A model after two steps; tests of this fixture leave it as it is."""
    model = make()
    fit(model, epochs=2)
    return model


@pytest.mark.parametrize("variant", ["default", "efficient"])
def test_fit_moves_networks_averages_and_means(variant):
    model = make(variant=variant)
    # Compiling its second-order gradients takes long: once is enough.
    model.run_eagerly = variant != "efficient"
    before = {name: tiny.trainable(model, name) for name in model.networks()}
    averages = [[tiny.value(w) for w in a.weights] for _, a in model.averaged()]
    history = fit(model, epochs=3)
    assert np.all(np.isfinite(list(history.values())))
    for name, old in before.items():
        moved = tiny.trainable(model, name)
        assert not any(np.array_equal(a, b) for a, b in zip(old, moved))
    for old, (_, average) in zip(averages, model.averaged()):
        assert not tiny.same(old, [tiny.value(w) for w in average.weights])
    assert float(model.means.path_length) > 0.0
    assert np.any(tiny.value(model.means.w))


def test_a_loss_moves_only_its_own_network():
    model = make()
    batch = next(iter(model.batches(training.pipeline.as_dataset(
        [""] * 4, PICTURES
    ))))
    for moving in model.networks():
        rates = dict.fromkeys(model.networks(), 0.0) | {moving: 0.1}
        model.compile(
            {name: keras.optimizers.SGD(rate) for name, rate in rates.items()}
        )
        before = {name: tiny.trainable(model, name) for name in model.networks()}
        model.train_step(batch)
        for name, values in before.items():
            unmoved = tiny.same(values, tiny.trainable(model, name))
            assert unmoved == (name != moving), (name, moving)


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_and_alternating_updates(dtype):
    model = make(dtype=dtype, updates="alternating")
    assert np.all(np.isfinite(list(fit(model).values())))
    assert model.generate(1, seed=1).dtype == np.uint8


def test_pictures_alone_or_with_captions_are_one_training():
    results = []
    data = tf.data.Dataset.from_tensor_slices(PICTURES).batch(4)
    captioned = data.map(lambda y: (tf.fill([4], "a face"), y))
    for given in (data, captioned):
        model = make()
        model.fit(given, verbose=0)
        results.append(tiny.everything(model))
    assert tiny.same(*results)


def test_same_seed_same_bytes_and_files_go_on_identically(tmp_path):
    first, second = make(seed=3), make(seed=3)
    fit(first, epochs=2)
    fit(second)
    second.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    loaded.run_eagerly = True
    fit(loaded)
    assert tiny.same(tiny.everything(first), tiny.everything(loaded))
    other = make(seed=9)
    fit(second, callbacks=[training.Checkpoint(tmp_path / "run")])
    assert training.restore(other, tmp_path / "run")["step"] == 2
    assert tiny.same(tiny.everything(first), tiny.everything(other))


def test_preset_draws_the_same_pictures(trained, tmp_path):
    trained.save_to_preset(tmp_path)
    loaded = models.from_preset(tmp_path)
    found = loaded.generate(2, seed=1, truncation=0.7).astype(int)
    expected = trained.generate(2, seed=1, truncation=0.7)
    assert np.max(np.abs(found - expected)) <= 2
    fit(loaded)


def test_export_for_serving_draws_the_same_pictures(trained, tmp_path):
    folder = export.to_serving(trained, tmp_path / "faces")
    signatures = tf.saved_model.load(str(folder)).signatures
    assert set(signatures) == {"serving_default", "generate", "seed"}
    seeds, truncation = [5, -1, 3], [1.0, 0.5, 2.0]
    found = signatures["generate"](
        seed=tf.constant(seeds, tf.int64),
        truncation=tf.constant(truncation),
    )
    for image, *asked in list(zip(found["images"], seeds, truncation))[:2]:
        assert close(image.numpy(), trained.generate(1, *asked)[0])
    errors = found["error"].numpy()
    assert list(errors[:2]) == [b"", b""] and b"truncation" in errors[2]
    (png,) = signatures["seed"](seed=tf.constant([5], tf.int64))["image_bytes"]
    np.testing.assert_array_equal(tf.io.decode_png(png), found["images"][0])


def test_config_round_trip():
    config = json.loads(json.dumps(make(seed=4).get_config()))
    again = models.StyleGAN2.from_config(config)
    assert json.loads(json.dumps(again.get_config())) == config
    assert "text_encoder" not in config


def close(first, second):
    """Equal, but for the rounding of another order of sums."""
    return np.max(np.abs(first.astype(int) - second.astype(int))) <= 1


def test_picture_depends_on_seed_and_number_alone(trained):
    four = trained.generate(4, seed=1)
    assert four.shape == (4, 16, 16, 3) and four.dtype == np.uint8
    assert close(four[:2], trained.generate(2, seed=1))
    assert close(four, trained.generate(4, seed=1, batch_size=3))
    np.testing.assert_array_equal(four, trained.generate(4, seed=1))
    assert np.any(four != trained.generate(4, seed=2))
    assert np.any(trained.generate() != trained.generate())


def test_truncation_draws_styles_to_their_mean(trained):
    mean = tiny.value(trained.means.w)
    whole = trained.styles_for(3, seed=1)
    half = trained.styles_for(3, seed=1, truncation=0.5)
    np.testing.assert_allclose(half - mean, (whole - mean) / 2, atol=1e-6)


def test_mixed_pictures_begin_and_end_as_their_parents(trained):
    layers = trained.num_styles
    parents = [trained.generate(1, seed=seed)[0] for seed in (1, 2, 3, 4)]
    fine = trained.mix_styles([1, 2], [3, 4], crossover=0)
    coarse = trained.mix_styles([1, 2], [3, 4], crossover=layers)
    assert close(fine, np.stack([parents[i] for i in (2, 3, 2, 3)]))
    assert close(coarse, np.stack([parents[i] for i in (0, 0, 1, 1)]))
    between = trained.mix_styles([1], [3])
    assert np.any(between != parents[0]) and np.any(between != parents[2])


def test_interpolation_passes_through_its_seeds(trained, tmp_path):
    strip = trained.interpolate([1, 2], steps=4)
    assert strip.shape == (5, 16, 16, 3)
    ends = np.concatenate([trained.generate(1, seed=s) for s in (1, 2)])
    assert close(strip[[0, -1]], ends)
    closed = trained.interpolate([1, 2, 3], steps=2, closed=True)
    assert closed.shape == (6, 16, 16, 3)
    pictures.save_gif(tmp_path / "film.gif", closed)
    from PIL import Image

    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 6 and film.size == (16, 16)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_images": 0}, "num_images.*0"),
        ({"num_images": "a face"}, "num_images.*a face"),
        ({"truncation": 0.0}, r"\(0, 1\].*0\.0"),
        ({"batch_size": 0}, "batch_size.*0"),
    ],
)
def test_arguments_out_of_range_are_refused(trained, arguments, message):
    with pytest.raises(ValueError, match=message):
        trained.generate(**arguments)


def test_settings_that_make_no_model_are_refused():
    for settings, message in [
        ({"image_size": 48}, "power of two.*48"),
        ({"style_mixing": 2.0}, "style_mixing.*2.0"),
        ({"mapping_rate": 0.0}, "mapping_rate.*0.0"),
        ({"separable": "yes"}, "separable.*yes"),
        ({"depth": 3}, "no setting.*'depth'"),
        ({"text_encoder": "minilm"}, "text_encoder"),
    ]:
        with pytest.raises((ValueError, TypeError), match=message):
            make(**settings)
    with pytest.raises(ValueError, match=r"crossover.*\[0, 6\].*7"):
        make().mix_styles([1], [2], crossover=7)
    with pytest.raises(ValueError, match="two seeds"):
        make().interpolate([1])
    with pytest.raises(ValueError, match=r"\[N, 6, 8\].*\[1, 8\]"):
        make().draw(np.zeros((1, 8)))


def test_styles_cross_over_where_they_are_told():
    first, second = np.zeros((3, 4, 2)), np.ones((3, 4, 2))
    found = objective.mixed_styles(
        tf.constant(first), tf.constant(second), tf.constant([0, 1, 4])
    )
    np.testing.assert_array_equal(
        np.asarray(found)[..., 0], [[1, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 0]]
    )


def test_path_length_of_a_linear_map_is_that_of_its_matrix():
    """For y = M w the length is that of M' y."""
    random = np.random.default_rng(1)
    gradients = random.normal(size=(5, 3, 2))
    expected = [
        np.sqrt(np.mean([np.dot(row, row) for row in each]))
        for each in gradients
    ]
    lengths = np.asarray(objective.path_lengths(tf.constant(gradients)))
    np.testing.assert_allclose(lengths, expected, rtol=1e-6)
    loss = float(objective.path_length_loss(tf.constant(lengths), 0.5))
    total = sum((x - 0.5) ** 2 for x in expected) / 5
    assert loss == pytest.approx(total, rel=1e-6)


def test_path_length_penalty_changes_the_gradient_of_the_generator():
    """At step 0 it is due; without its weight the same step moves less."""
    moved = []
    for weight in (0.0, 2.0):
        model = make(path_length_weight=weight, seed=5)
        model.compile(
            {
                "discriminator": keras.optimizers.SGD(0.0),
                "generator": keras.optimizers.SGD(1e-3),
            }
        )
        fit(model)
        moved.append(tiny.trainable(model, "generator"))
    assert not tiny.same(*moved)


def test_efficient_networks_multiply_less():
    sizes = {}
    for variant in ("default", "efficient"):
        model = models.StyleGAN2(image_size=64, variant=variant)
        sizes[variant] = sum(
            int(np.prod(w.shape)) for w in model.synthesis.weights
        )
    assert sizes["efficient"] < sizes["default"] / 3


def test_noise_has_the_size_of_each_convolution():
    shapes = networks.noise_shapes(16)
    assert shapes == [(4, 4, 1), (8, 8, 1), (8, 8, 1), (16, 16, 1), (16, 16, 1)]
    assert networks.num_styles(16) == 6
