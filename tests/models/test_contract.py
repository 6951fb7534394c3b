"""What every text-to-image method promises. A method joins by one line."""

import json
import random
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from tests import tiny

import keras_t2i
from keras_t2i import models
from keras_t2i import training

# Name -> (class, settings that make it tiny).
METHODS = {
    "disentangled": (
        models.ModalityDisentangledT2I,
        {"generator_width": 4, "discriminator_width": 4, "r1_interval": 2},
    ),
    "disentangled-mdd": (
        models.ModalityDisentangledT2I,
        {
            "variant": "mdd",
            "num_scales": 2,
            "num_residual": 1,
            "matcher_weight": 0.0,
            "generator_width": 4,
            "discriminator_width": 2,
        },
    ),
    "gan_cls": (
        models.GANCLS,
        {"generator_width": 4, "discriminator_width": 4, "r1_interval": 2},
    ),
    "gan_cls-reed2016": (
        models.GANCLS,
        {"variant": "reed2016", "generator_width": 2, "discriminator_width": 2},
    ),
    "progressive": (
        models.ProgressiveT2I,
        {
            "generator_width": 4,
            "discriminator_width": 4,
            "r1_interval": 2,
            "matcher": {"embedding_width": 8, "image_width": 4},
            "matcher_steps": 2,
        },
    ),
    "gated": (
        models.GatedT2I,
        {"generator_width": 4, "discriminator_width": 4, "r1_interval": 2},
    ),
    "gated-patent": (
        models.GatedT2I,
        {"variant": "patent", "generator_width": 2, "discriminator_width": 2},
    ),
}
TINY = {"image_size": 16, "latent_width": 8, "text_width": 8}
CAPTIONS = ["a red circle", "a blue star"]


@pytest.fixture(scope="module", params=METHODS)
def make(request):
    """Makes models of one method that run without compilation."""
    cls, tiny_settings = METHODS[request.param]

    def make(**settings):
        settings = {
            "text_encoder": tiny.TinyTextEncoder(),
            **TINY,
            **tiny_settings,
            **settings,
        }
        model = cls(**settings)
        model.run_eagerly = True
        return model

    return make


@pytest.fixture(scope="module")
def trained(make):
    """A model after a step; tests of this fixture leave it as it is."""
    model = make()
    fit(model)
    return model


def fit(model, epochs=1, **kwargs):
    """`epochs` epochs of one step."""
    return model.fit(tiny.dataset(count=4), epochs=epochs, verbose=0, **kwargs)


def reloaded(model, path):
    model.save(path)
    loaded = keras.saving.load_model(path)
    loaded.run_eagerly = True
    return loaded


# Training.


def test_compiled_fit_moves_every_network_and_its_average(make):
    model = make()
    model.run_eagerly = False
    before = {name: tiny.trainable(model, name) for name in model.networks()}
    averages = [[tiny.value(w) for w in a.weights] for _, a in model.averaged()]
    history = fit(model, epochs=3).history
    assert int(model.optimizer.iterations) == 3
    for name in model.networks():
        assert np.all(np.isfinite(history[f"{name}_loss"]))
        moved = tiny.trainable(model, name)
        assert not any(
            np.array_equal(a, b) for a, b in zip(before[name], moved)
        )
    for old, (_, average) in zip(averages, model.averaged()):
        # All of it: statistics that stay would blur what `generate` draws.
        stuck = [
            weight.path
            for weight, value in zip(average.weights, old)
            if np.array_equal(value, tiny.value(weight))
        ]
        assert not stuck


def test_a_loss_moves_only_its_own_network(make):
    model = make()
    for moving in model.networks():
        rates = dict.fromkeys(model.networks(), 0.0) | {moving: 0.1}
        model.compile(
            {name: keras.optimizers.SGD(rate) for name, rate in rates.items()}
        )
        before = {name: tiny.trainable(model, name) for name in model.networks()}
        model.train_step(tiny.batch(model))
        for name, values in before.items():
            unmoved = tiny.same(values, tiny.trainable(model, name))
            assert unmoved == (name != moving), (name, moving)


@pytest.mark.parametrize("updates", training.model.UPDATES)
def test_both_orders_of_updates_train(make, updates):
    model = make(updates=updates)
    history = fit(model).history
    assert np.all(np.isfinite(list(history.values())))
    assert int(model.optimizer.iterations) == 1


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(make, dtype):
    model = make(dtype=dtype)
    history = fit(model).history
    assert np.all(np.isfinite(list(history.values())))
    for variable in model.weights:
        assert variable.dtype == "float32"
        assert np.all(np.isfinite(tiny.value(variable)))
    scaled = keras.optimizers.LossScaleOptimizer
    for member in model.optimizer.members.values():
        assert isinstance(member, scaled) == (dtype == "mixed_float16")
    images = model.synthesize(
        np.zeros((2, 8), "float32"), model.text_encoder.encode(CAPTIONS)
    )
    assert keras.backend.standardize_dtype(images.dtype) == "float32"


def test_augmentation_and_r1_train(make):
    model = make(augment=training.augment.POLICIES, r1_weight=1.0)
    assert np.all(np.isfinite(list(fit(model).history.values())))


def test_captions_without_classes_and_lists_in_silence(make, capsys):
    x, y = tiny.arrays(count=4)
    model = make(text_encoder="bag_of_ngrams")
    history = model.fit(list(x["text"]), y, verbose=0)
    assert np.all(np.isfinite(list(history.history.values())))
    assert capsys.readouterr().out == ""


def test_wrong_size_names_both_and_the_argument(trained):
    data = tiny.dataset(image_size=32)
    with pytest.raises(ValueError, match="16 x 16.*32 x 32.*image_size=16"):
        trained.fit(data, verbose=0)


# Determinism.


def test_same_seed_same_bytes_in_one_fit_or_two(make):
    pair = []
    for noise in (1, 2):
        random.seed(noise)  # What else draws numbers must not matter.
        pair.append(make(seed=3))
    once, twice = pair
    other = make(seed=4)
    for name in once.networks():
        first = tiny.trainable(once, name)
        assert tiny.same(first, tiny.trainable(twice, name))
        assert not tiny.same(first, tiny.trainable(other, name))
    fit(once, epochs=2)
    fit(twice)
    fit(twice)
    assert tiny.same(tiny.everything(once), tiny.everything(twice))
    pictures = [model.generate(CAPTIONS, seed=5) for model in pair]
    np.testing.assert_array_equal(*pictures)


# Files.


def test_keras_file_and_checkpoint_go_on_identically(make, tmp_path):
    model = make()
    fit(model, callbacks=[training.Checkpoint(tmp_path / "run")])
    loaded = reloaded(model, tmp_path / "model.keras")
    restored = make(seed=9)
    assert training.restore(restored, tmp_path / "run")["step"] == 1
    assert tiny.same(tiny.everything(model), tiny.everything(loaded))
    for each in (model, loaded, restored):
        fit(each)
    for each in (loaded, restored):
        assert tiny.same(tiny.everything(model), tiny.everything(each))


def test_keras_files_are_read_in_a_new_process(tmp_path):
    files = []
    for name, (cls, settings) in METHODS.items():
        files.append(str(tmp_path / f"{name}.keras"))
        cls(text_encoder="bag_of_ngrams", **TINY, **settings).save(files[-1])
    code = (
        "import keras, keras_t2i, sys\n"
        "for path in sys.argv[1:]:\n"
        "    print(keras.saving.load_model(path).image_size)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *files], capture_output=True, text=True
    )
    assert done.stdout == "16\n" * len(METHODS), done.stderr


def test_unbuilt_model_is_saved_too(make, tmp_path):
    loaded = reloaded(make(image_size=None), tmp_path / "model.keras")
    assert loaded.image_size is None and not loaded.built
    fit(loaded)
    assert loaded.image_size == 16


def test_a_stopped_fit_goes_on_to_the_same_bits(make, tmp_path):
    x, y = tiny.arrays(count=4)

    def train(folder, epochs):
        model = make()
        checkpoint = training.Checkpoint(folder, resume=True)
        model.fit(
            x,
            y,
            batch_size=4,
            epochs=epochs,
            callbacks=[training.Guard(), checkpoint],
            verbose=0,
        )
        return model

    train(tmp_path / "parts", epochs=1)
    found = train(tmp_path / "parts", epochs=2)
    expected = train(tmp_path / "whole", epochs=2)
    assert int(expected.optimizer.iterations) == 2
    assert tiny.same(tiny.everything(found), tiny.everything(expected))
    with pytest.raises(ValueError, match="settings: seed was 0, is 3"):
        make(seed=3).fit(
            x,
            y,
            batch_size=4,
            callbacks=[training.Checkpoint(tmp_path / "whole", resume=True)],
            verbose=0,
        )


def test_a_step_that_is_not_finite_changes_nothing(make):
    model = make()
    fit(model)
    before = {
        name: tiny.trainable(model, name) for name in model.networks()
    }
    averages = [[tiny.value(w) for w in a.weights] for _, a in model.averaged()]
    losses = model.losses
    model.losses = lambda batch: (
        {name: loss * np.nan for name, loss in losses(batch)[0].items()},
        {},
    )
    with pytest.warns(UserWarning, match="loss of the .* was not finite"):
        fit(model, callbacks=[training.Guard()])
    for name, values in before.items():
        assert tiny.same(values, tiny.trainable(model, name))
    for old, (_, average) in zip(averages, model.averaged()):
        assert tiny.same(old, [tiny.value(w) for w in average.weights])


def test_config_round_trip(make):
    model = make(dtype="mixed_bfloat16", augment=["cutout"], seed=4)
    config = json.loads(json.dumps(model.get_config()))
    again = type(model).from_config(config)
    assert json.loads(json.dumps(again.get_config())) == config
    assert again.dtype_policy.name == "mixed_bfloat16"
    shapes = [tuple(w.shape) for w in model.weights]
    assert [tuple(w.shape) for w in again.weights] == shapes


def test_preset_draws_the_same_pictures(trained, tmp_path):
    trained.save_to_preset(tmp_path, {"license": "CC0"})
    loaded = type(trained).from_preset(tmp_path)
    pictures = trained.generate(CAPTIONS, seed=1).astype(int)
    again = loaded.generate(CAPTIONS, seed=1).astype(int)
    # Weights are kept in float16.
    assert np.max(np.abs(pictures - again)) <= 2
    loaded.save_to_preset(tmp_path / "again")
    twice = models.from_preset(tmp_path / "again").generate(CAPTIONS, seed=1)
    np.testing.assert_array_equal(again, twice)
    metadata = json.loads((tmp_path / "metadata.json").read_text())
    assert metadata["license"] == "CC0" and len(metadata["sha256"]) == 2


def test_model_from_a_preset_trains_on(trained, tmp_path):
    trained.save_to_preset(tmp_path)
    loaded = type(trained).from_preset(tmp_path)
    for network, average in loaded.averaged():
        pairs = zip(network.weights, average.weights)
        assert all(np.array_equal(a.value, b.value) for a, b in pairs)
    loaded.run_eagerly = True
    assert np.all(np.isfinite(list(fit(loaded).history.values())))


# Generate.


def test_pictures_come_text_by_text(trained):
    pictures = trained.generate(CAPTIONS, seed=1, num_images=3)
    assert pictures.shape == (6, 16, 16, 3) and pictures.dtype == np.uint8
    assert len({picture.tobytes() for picture in pictures}) == 6
    # The first three are of the first caption.
    first = trained.generate(CAPTIONS[0], seed=1, num_images=3)
    assert close(pictures[:3], first)


def test_a_row_does_not_depend_on_the_batch(trained):
    pictures = trained.generate(CAPTIONS * 3, seed=1)
    for batch_size in (1, 4):
        parts = trained.generate(CAPTIONS * 3, seed=1, batch_size=batch_size)
        assert close(pictures, parts)
    latents = trained.latents_for(6, seed=1)
    np.testing.assert_array_equal(latents[:2], trained.latents_for(2, seed=1))


def close(first, second):
    """Equal, but for the rounding of another order of sums."""
    return np.max(np.abs(first.astype(int) - second.astype(int))) <= 1


def test_seed_decides_and_none_draws_a_new_one(trained):
    one = trained.generate(CAPTIONS, seed=1)
    np.testing.assert_array_equal(one, trained.generate(CAPTIONS, seed=1))
    assert np.any(one != trained.generate(CAPTIONS, seed=2))
    assert np.any(trained.generate(CAPTIONS) != trained.generate(CAPTIONS))


def test_truncation_scales_the_latents(trained):
    whole = trained.latents_for(4, seed=1)
    half = trained.latents_for(4, seed=1, truncation=0.5)
    np.testing.assert_allclose(half, whole / 2, rtol=1e-6)
    small = trained.generate([CAPTIONS[0]] * 2, seed=1, truncation=1e-6)
    assert close(small[0], small[1])


def test_generate_takes_datasets(trained):
    pictures = trained.generate(tiny.dataset(), seed=1)
    expected = trained.generate(tiny.CAPTIONS, seed=1)
    assert close(pictures, expected)
    captions = tiny.dataset().map(lambda x, y: x["text"])
    assert close(trained.generate(captions, seed=1), expected)
    with pytest.raises(ValueError, match="never ends.*repeat"):
        trained.generate(captions.repeat())


def test_export_for_serving_draws_the_same_pictures(trained, tmp_path):
    folder = keras_t2i.export.to_serving(trained, tmp_path / "model")
    draw = tf.saved_model.load(str(folder)).signatures["generate"]
    seeds, truncation = [5, -1], [1.0, 0.5]
    found = draw(
        text=tf.constant(CAPTIONS),
        seed=tf.constant(seeds, tf.int64),
        truncation=tf.constant(truncation),
    )["images"].numpy()
    for image, *asked in zip(found, CAPTIONS, seeds, truncation):
        assert close(image, trained.generate(*asked)[0])


def test_export_to_litert_draws_the_same_pictures(trained, tmp_path):
    pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert")
    path = tmp_path / "model.tflite"
    keras_t2i.export.to_litert(trained, path)
    loaded = keras_t2i.export.LiteRTModel(path)
    features = trained.text_encoder.encode(CAPTIONS[:1])
    inputs = {
        "latents": trained.latents_for(1, seed=5),
        "sentence": features.sentence,
        "words": features.words[:, : trained.drawn_words],
        "mask": features.mask[:, : trained.drawn_words],
    }
    takes = loaded.metadata["signatures"]["generate_rgba"]["inputs"]
    inputs = {name: inputs[name] for name in takes}
    rgba = loaded.run("generate_rgba", **inputs)["rgba"]
    assert close(rgba[..., :3], trained.generate(CAPTIONS[:1], seed=5))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"text": ""}, "at least one word.*position 0"),
        ({"text": ["a", "  "]}, "position 1"),
        ({"text": []}, "empty list"),
        ({"text": [3]}, "Received: 3"),
        ({"text": None}, "Received: None"),
        ({"text": "a", "truncation": 0.0}, r"\(0, 1\].*0\.0"),
        ({"text": "a", "truncation": 1.5}, r"1\.5"),
        ({"text": "a", "truncation": float("nan")}, "nan"),
        ({"text": "a", "num_images": 0}, "num_images.*0"),
        ({"text": "a", "batch_size": 0}, "batch_size.*0"),
        ({"text": "a", "batch_size": -1}, "batch_size.*-1"),
    ],
)
def test_arguments_out_of_range_are_refused(trained, arguments, message):
    with pytest.raises(ValueError, match=message):
        trained.generate(**arguments)


def test_model_without_networks_says_what_to_do(make, tmp_path):
    model = make(image_size=None)
    with pytest.raises(ValueError, match="`fit`.*from_preset"):
        model.generate("a red circle")
    with pytest.raises(ValueError, match="`fit` first"):
        model.save_to_preset(tmp_path)
    assert not list(tmp_path.iterdir())


def test_predict_and_evaluate_say_what_to_use(trained):
    with pytest.raises(ValueError, match=r"`generate\(text\)`"):
        trained.predict(CAPTIONS)
    with pytest.raises(ValueError, match="keras-t2i evaluate"):
        trained.evaluate(tiny.dataset())


def test_text_encoder_by_name_depends_on_the_seed_alone(make):
    def encoder(seed):
        model = make(text_encoder="char_cnn_rnn", image_size=None, seed=seed)
        return [tiny.value(v) for v in model.text_encoder.weights]

    first = encoder(3)
    random.seed(1)
    keras.utils.set_random_seed(2)
    assert tiny.same(first, encoder(3))
    assert not tiny.same(first, encoder(4))


def test_settings_that_do_not_exist_are_refused(make):
    with pytest.raises(ValueError, match="no setting.*'depth'"):
        make(depth=3)
    with pytest.raises(ValueError, match="`variant`.*'huge'"):
        make(variant="huge")
    with pytest.raises(ValueError, match="`image_size`.*18"):
        make(image_size=18)
