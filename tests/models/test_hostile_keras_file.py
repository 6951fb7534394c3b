"""`.keras` files of a stranger: Keras loads them, our classes take part."""

import json
import os
import zipfile

import h5py
import keras
import numpy as np
import pytest

from keras_t2i import models
from tests import tiny


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    model = models.GANCLS(
        16,
        text_encoder=tiny.TinyTextEncoder(),
        latent_width=8,
        text_width=8,
        generator_width=2,
        discriminator_width=2,
    )
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    model.save(path)
    return path


@pytest.fixture
def rewrite(saved, tmp_path):
    """Writes the file again with other members; returns its path."""

    def write(members=(), declare=None):
        path = tmp_path / "hostile.keras"
        with zipfile.ZipFile(saved) as good:
            contents = {name: good.read(name) for name in good.namelist()}
        contents.update(members)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as hostile:
            for name, content in contents.items():
                hostile.writestr(name, content)
            for info in hostile.filelist:
                if info.filename == declare:  # It unpacks to 5 GB, it says.
                    info.file_size = 5 << 30
        return path

    return write


def config_of(saved):
    with zipfile.ZipFile(saved) as file:
        return json.loads(file.read("config.json"))


def test_the_file_itself_is_fine(saved, rewrite):
    assert isinstance(keras.saving.load_model(saved), models.GANCLS)
    assert isinstance(keras.saving.load_model(rewrite()), models.GANCLS)


def encoder(module, name, registered_name=None, **config):
    return {
        "module": module,
        "class_name": name,
        "config": {"name": "x", **config},
        "registered_name": registered_name,
    }


_CODE = {
    "class_name": "__lambda__",
    "config": {"code": "4wAAAA==", "defaults": None, "closure": None},
}
_HUB = ("keras_t2i.text.hub", "HubTextEncoder", "keras_t2i>HubTextEncoder")


@pytest.mark.parametrize(
    "change, message",
    [
        (
            {"text_encoder": encoder("keras.layers", "Lambda", function=_CODE)},
            "Lambda.*safe_mode",
        ),
        (
            {"text_encoder": encoder("os", "system", command="touch hacked")},
            "Could not locate class 'system'",
        ),
        (
            {"text_encoder": encoder("mine", "Evil")},
            "Could not locate class 'Evil'",
        ),
        (
            {"text_encoder": encoder(*_HUB, handle="/tmp/../encoder")},
            "/tmp/../encoder.*safe_mode=False",
        ),
        ({"text_encoder": "https://example.org/1"}, "example.org.*safe_mode"),
        ({"latent_width": 10**12}, "`latent_width` must be at most 65536"),
        ({"discriminator_width": 65_000}, "too many for such a file"),
    ],
)
def test_hostile_config(saved, rewrite, change, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "mine.py").write_text("open('hacked', 'w')\nclass Evil: pass")
    config = config_of(saved)
    config["config"].update(change)
    path = rewrite({"config.json": json.dumps(config)})
    with pytest.raises((ValueError, TypeError), match=message):
        keras.saving.load_model(path)
    assert not os.path.exists("hacked")


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_bombs_are_not_unpacked(rewrite, name):
    with pytest.raises(ValueError, match=f"{name}.*decompression bomb"):
        keras.saving.load_model(rewrite(declare=name))


def weights(saved, tmp_path, change):
    """The weights file with one array changed."""
    path = tmp_path / "weights.h5"
    with zipfile.ZipFile(saved) as file:
        path.write_bytes(file.read("model.weights.h5"))
    with h5py.File(path, "r+") as store:
        name = store.visititems(
            lambda name, item: name
            if isinstance(item, h5py.Dataset) and item.ndim == 2
            else None
        )
        change(store, name)
    return path.read_bytes()


def linked(store, name):
    del store[name]
    store[name] = h5py.ExternalLink("/etc/passwd", "x")


def huge(store, name):
    del store[name]
    store.create_dataset(name, (10**7, 10**5), chunks=(1000, 1000))


@pytest.mark.parametrize("change", [linked, huge])
def test_hostile_weights(saved, rewrite, tmp_path, change):
    content = weights(saved, tmp_path, change)
    with pytest.raises(ValueError, match="objects could not be loaded.*Dense"):
        keras.saving.load_model(rewrite({"model.weights.h5": content}))


def test_nothing_is_written_outside(rewrite, tmp_path):
    names = ["../outside", "assets/../../outside", "/tmp/keras_t2i_outside"]
    path = rewrite(dict.fromkeys(names, b"x"))
    try:
        keras.saving.load_model(path)
    except ValueError:
        pass  # Keras may refuse it; it must not follow it.
    assert not (tmp_path.parent / "outside").exists()
    assert not os.path.exists("/tmp/keras_t2i_outside")


def test_pickled_weights_are_refused(saved, rewrite, tmp_path):
    # Keras also reads weights from an .npz archive.
    objects = tmp_path / "model.weights.npz"
    np.savez(objects, **{"generator": np.array([{"a": 1}], object)})
    path = rewrite({"model.weights.npz": objects.read_bytes()})
    with zipfile.ZipFile(path) as file:
        members = {n: file.read(n) for n in file.namelist()}
    del members["model.weights.h5"]
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    with pytest.raises(ValueError, match="allow_pickle=False|[Pp]ickle"):
        keras.saving.load_model(path)
