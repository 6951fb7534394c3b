import contextlib
import hashlib
import json
import os

import h5py
import keras
import numpy as np
import pytest

from keras_t2i import models
from keras_t2i.models import presets
from tests import tiny


@pytest.fixture(scope="module")
def model():
    return models.GANCLS(
        16,
        text_encoder=tiny.TinyTextEncoder(),
        latent_width=8,
        text_width=8,
        generator_width=2,
        discriminator_width=2,
    )


@pytest.fixture
def preset(model, tmp_path):
    folder = tmp_path / "preset"
    model.save_to_preset(folder, {"data": "noise"})
    return folder


def change_config(folder, change):
    """Rewrites the config as an attacker would: with a fitting checksum."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))
    sign(folder, "config.json")


def sign(folder, name):
    path = folder / "metadata.json"
    metadata = json.loads(path.read_text())
    digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    metadata["sha256"][name] = digest
    path.write_text(json.dumps(metadata))


def test_files_are_small_and_say_what_they_are(preset, model):
    assert sorted(p.name for p in preset.iterdir()) == [
        "config.json",
        "metadata.json",
        "model.weights.h5",
    ]
    config = json.loads((preset / "config.json").read_text())
    assert config["class_name"] == "GANCLS"
    assert json.loads((preset / "metadata.json").read_text())["data"] == "noise"
    with h5py.File(preset / "model.weights.h5") as store:
        assert list(store) == ["generator", "text_encoder"]
        arrays = [array[()] for array in store["generator"].values()]
    assert {a.dtype for a in arrays} == {np.dtype("float16")}
    for ours, stored in zip(model.generator_ema.weights, arrays, strict=True):
        np.testing.assert_allclose(ours.value, stored, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_wrong_checksum_is_refused(preset, name):
    with open(preset / name, "ab") as file:
        file.write(b" ")
    with pytest.raises(ValueError, match=f"{name} is damaged"):
        models.GANCLS.from_preset(preset)


@pytest.mark.parametrize("name", ["metadata.json", "model.weights.h5"])
def test_missing_file_is_refused(preset, name):
    (preset / name).unlink()
    with pytest.raises(ValueError, match=f"lacks {name}"):
        models.GANCLS.from_preset(preset)


@pytest.mark.parametrize("content", ["{", "[]", '{"sha256": 3}', ""])
def test_broken_metadata_is_refused(preset, content):
    (preset / "metadata.json").write_text(content)
    with pytest.raises(ValueError, match="damaged"):
        models.GANCLS.from_preset(preset)


def test_unknown_name_lists_what_there_is():
    with pytest.raises(FileNotFoundError, match="no preset 'roses'.*shipped"):
        models.GANCLS.from_preset("roses")


def test_folder_without_config_is_no_preset(tmp_path):
    with pytest.raises(FileNotFoundError, match="no preset"):
        models.from_preset(tmp_path)


def hostile_class(config):
    config["class_name"] = "../../os"


def private_class(config):
    config["class_name"] = "importlib"


def no_class(config):
    del config["class_name"]


def no_settings(config):
    del config["config"]


def no_encoder(config):
    del config["config"]["text_encoder"]


def foreign_encoder(config):
    config["config"]["text_encoder"] = {
        "module": "os",
        "class_name": "system",
        "config": "touch hacked",
        "registered_name": "system",
    }


def lambda_encoder(config):
    config["config"]["text_encoder"] = {
        "module": "keras.layers",
        "class_name": "Lambda",
        "config": {
            "name": "x",
            "function": {
                "class_name": "__lambda__",
                "config": {"code": "4wAAAA==", "defaults": None, "closure": None},
            },
        },
        "registered_name": None,
    }


def other_layer(config):
    config["config"]["text_encoder"] = {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": {"name": "x", "units": 3},
        "registered_name": None,
    }


def unknown_setting(config):
    config["config"]["callback"] = "os.system"


def list_of_settings(config):
    config["config"] = [1, 2]


@pytest.mark.parametrize(
    "change",
    [
        hostile_class,
        private_class,
        no_class,
        no_settings,
        no_encoder,
        foreign_encoder,
        lambda_encoder,
        other_layer,
        unknown_setting,
        list_of_settings,
    ],
)
def test_hostile_config_is_refused(preset, change, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    change_config(preset, change)
    with pytest.raises(ValueError, match=r"config\.json"):
        models.GANCLS.from_preset(preset)
    assert not os.path.exists("hacked")


def test_weights_of_another_shape_are_refused(preset):
    change_config(preset, lambda c: c["config"].update(generator_width=4))
    with pytest.raises(ValueError, match="does not fit its config"):
        models.GANCLS.from_preset(preset)


def test_weights_in_another_order_are_refused(preset, monkeypatch):
    # As a refactoring does that makes layers in another order.
    networks = models.GANCLS.preset_networks

    class Reordered:
        def __init__(self, network):
            first, second, *rest = network.weights
            self.weights = [second, first, *rest]

    def reordered(model):
        found = networks(model)
        return {**found, "generator": Reordered(found["generator"])}

    monkeypatch.setattr(models.GANCLS, "preset_networks", reordered)
    message = "order their weights otherwise: array 0 of generator was .*mean"
    with pytest.raises(ValueError, match=message):
        models.GANCLS.from_preset(preset)


def test_names_of_weights_are_the_same_in_every_process(preset, tmp_path):
    keras.layers.Dense(1), keras.layers.BatchNormalization()
    models.GANCLS.from_preset(preset).save_to_preset(tmp_path / "again")
    first, second = [
        json.loads((folder / "config.json").read_text())["weights"]["generator"]
        for folder in (preset, tmp_path / "again")
    ]
    assert first == second and len(set(first)) == len(first)
    assert {"dense/kernel", "dense_1/kernel"} < set(first)


def test_preset_from_before_names_were_saved_is_loaded(preset, model):
    change_config(preset, lambda config: config.pop("weights"))
    loaded = models.GANCLS.from_preset(preset)
    first, second = model.generator.weights[0], loaded.generator.weights[0]
    np.testing.assert_allclose(tiny.value(first), tiny.value(second), rtol=1e-3)


@pytest.mark.parametrize("weights", [["generator"], {"generator": 3}, None])
def test_hostile_names_of_weights_are_refused(preset, weights):
    change_config(preset, lambda config: config.update(weights=weights))
    with pytest.raises(ValueError, match="no list of the weights of generator"):
        models.GANCLS.from_preset(preset)


def test_weights_that_are_no_weights_are_refused(preset):
    (preset / "model.weights.h5").write_bytes(b"no HDF5")
    sign(preset, "model.weights.h5")
    with pytest.raises(ValueError, match="model.weights.h5 is damaged"):
        models.GANCLS.from_preset(preset)


def first_array(store):
    """The group and the name of the first array of the generator."""
    return store["generator"], next(iter(store["generator"]))


def linked_outside(store, tmp_path):
    group, name = first_array(store)
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["array"] = group[name][()]
    del group[name]
    group[name] = h5py.ExternalLink(str(tmp_path / "other.h5"), "array")


def linked_inside(store, tmp_path):
    group, name = first_array(store)
    del group[name]
    group[name] = h5py.SoftLink("/generator/001")


def group_outside(store, tmp_path):
    del store["generator"]
    store["generator"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/")


def raw_bytes_outside(store, tmp_path):
    group, name = first_array(store)
    shape = group[name].shape
    del group[name]
    (tmp_path / "secret").write_bytes(b"secret" * 9999)
    group.create_dataset(
        name, shape, "float16", external=[(str(tmp_path / "secret"), 0, 40000)]
    )


def virtual(store, tmp_path):
    group, name = first_array(store)
    layout = h5py.VirtualLayout(group[name].shape, "float16")
    del group[name]
    group.create_virtual_dataset(name, layout)


def compressed(store, tmp_path):
    group, name = first_array(store)
    value = np.zeros_like(group[name][()])
    del group[name]
    group.create_dataset(name, data=value, compression="gzip")


def text(store, tmp_path):
    group, name = first_array(store)
    shape = group[name].shape
    del group[name]
    group.create_dataset(name, shape, h5py.string_dtype())


def huge(store, tmp_path):
    group, name = first_array(store)
    del group[name]
    group.create_dataset(name, (10**12, 10**4), "float16")


def renamed(store, tmp_path):
    group, name = first_array(store)
    group.move(name, "x")


def no_group(store, tmp_path):
    del store["generator"]
    store["generator"] = np.zeros(3)


@pytest.mark.parametrize(
    "change, message",
    [
        (linked_outside, "is missing, or a link"),
        (linked_inside, "is missing, or a link"),
        (group_outside, "/generator is missing, or a link"),
        (raw_bytes_outside, "no plain array of numbers"),
        (virtual, "no plain array of numbers"),
        (compressed, "no plain array of numbers"),
        (text, "no plain array of numbers"),
        (huge, r"the file \(1000000000000, 10000\)"),
        (renamed, "is missing, or a link"),
        (no_group, "does not fit its config"),
    ],
)
def test_hostile_weights_are_refused(preset, tmp_path, change, message):
    with h5py.File(preset / "model.weights.h5", "r+") as store:
        change(store, tmp_path)
    sign(preset, "model.weights.h5")
    with pytest.raises(ValueError, match=f"model.weights.h5.*{message}"):
        models.GANCLS.from_preset(preset)


@pytest.mark.parametrize(
    "name", ["config.json", "model.weights.h5", "metadata.json"]
)
def test_links_out_of_the_folder_are_refused(preset, tmp_path, name):
    (preset / name).rename(tmp_path / name)
    (preset / name).symlink_to(tmp_path / name)
    with pytest.raises(ValueError, match=f"{name} is a link to.*outside"):
        models.GANCLS.from_preset(preset)


def test_text_encoder_of_a_stranger_is_not_loaded(preset, tmp_path):
    # TensorFlow runs a SavedModel like a program: not even one inside.
    inside = preset / "encoder"
    for handle in ("https://example.org/encoder/1", "../encoder", str(inside)):
        for key in ("handle", "preprocessor"):
            encoder = {
                "module": "keras_t2i.text.hub",
                "class_name": "HubTextEncoder",
                "config": {"name": "x", key: handle},
                "registered_name": "keras_t2i>HubTextEncoder",
            }
            change_config(
                preset, lambda c: c["config"].update(text_encoder=encoder)
            )
            with pytest.raises(ValueError, match="safe_mode=False"):
                models.GANCLS.from_preset(preset)
    # A handle may also stand there alone.
    change_config(
        preset, lambda c: c["config"].update(text_encoder=str(inside))
    )
    with pytest.raises(ValueError, match="safe_mode=False"):
        models.GANCLS.from_preset(preset)
    encoder["config"] = {"name": "x", "handle": str(inside)}
    change_config(preset, lambda c: c["config"].update(text_encoder=encoder))
    with pytest.raises(ValueError, match="is not a SavedModel"):
        models.GANCLS.from_preset(preset, safe_mode=False)


@pytest.mark.parametrize(
    "setting, value, message",
    [
        ("discriminator_width", 10**9, "at most 65536. Received: 1000000000"),
        ("discriminator_width", 60_000, "too many for such a file"),
        ("image_size", 10**30, "at most 65536"),
        ("latent_width", [1] * 10, "must be a whole number"),
    ],
)
def test_config_of_absurd_size_takes_no_memory(preset, setting, value, message):
    change_config(preset, lambda c: c["config"].update({setting: value}))
    with pytest.raises(ValueError, match=f"config.json.*{message}"):
        models.GANCLS.from_preset(preset)


@pytest.mark.parametrize(
    "content, message",
    [
        (b" " * 1_000_001 + b"{}", "more than 1000000 bytes"),
        (b'{"a":' * 100_000, "config.json is damaged"),
        (b"\xff\xfe{}", "config.json is damaged"),
    ],
)
def test_hostile_json_is_refused(preset, content, message):
    (preset / "config.json").write_bytes(content)
    sign(preset, "config.json")
    with pytest.raises(ValueError, match=message):
        models.GANCLS.from_preset(preset)


def test_preset_of_another_class_is_refused(preset):
    class Other(models.GANCLS):
        pass

    with pytest.raises(ValueError, match="holds a GANCLS.*GANCLS.from_preset"):
        Other.from_preset(preset)


def test_diverged_weights_are_not_saved(model, tmp_path):
    variable = model.generator_ema.weights[0]
    before = variable.value.numpy()
    for value in (np.nan, 1e6):
        variable.assign(np.full_like(before, value))
        try:
            with pytest.raises(ValueError, match="not finite in float16"):
                model.save_to_preset(tmp_path)
        finally:
            variable.assign(before)


def test_failed_overwrite_leaves_the_old_preset(model, preset, monkeypatch):
    before = {p.name: p.read_bytes() for p in preset.iterdir()}

    def disk_full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("keras_t2i.files.os.fsync", disk_full)
    with pytest.raises(OSError, match="No space"):
        model.save_to_preset(preset)
    assert before == {p.name: p.read_bytes() for p in preset.iterdir()}


def test_kill_while_a_preset_is_replaced_leaves_one_of_them(
    model, preset, monkeypatch
):
    replace, variable = os.replace, model.generator_ema.weights[0]
    before = variable.value.numpy()

    def until_killed(*paths):
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1
        replace(*paths)

    found = []
    # A replacement renames five times: three files, two of them twice.
    for number in range(1, 7):
        variable.assign(np.full_like(before, number))
        left = number - 1
        with monkeypatch.context() as patch:
            patch.setattr("os.replace", until_killed)
            with contextlib.suppress(KeyboardInterrupt):
                model.save_to_preset(preset, {"number": number})
        loaded = models.GANCLS.from_preset(preset).generator_ema.weights[0]
        metadata = json.loads((preset / "metadata.json").read_text())
        kept = metadata.get("number", before)
        np.testing.assert_allclose(loaded.value, kept + 0 * before, atol=1e-3)
        found.append(metadata.get("number"))
    variable.assign(before)
    assert found == [None, None, None, 4, 5, 6]
    assert len(list(preset.iterdir())) == 3


def test_shipped_names_are_presets():
    # The default of `keras-t2i generate`.
    assert "gan_cls_flowers_64" in presets.shipped_names()
    for name in presets.shipped_names():
        assert (presets.find(name) / "model.weights.h5").is_file()
