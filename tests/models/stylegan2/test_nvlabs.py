"""Network pickles of NVlabs: read as numbers, never run."""

import builtins
import io
import os
import pickle

import numpy as np
import pytest
from tests.models.stylegan2 import nvlabs_files

from keras_t2i import models
from keras_t2i.models.stylegan2 import pickled

Z = np.random.default_rng(1).normal(size=(2, nvlabs_files.WIDTH))


# The published formulas, in loops, for one picture. Maps are [C, H, W].


def dense(x, weights, name, rate=1.0):
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return weight.astype(float) @ x * rate / len(x) ** 0.5 + bias * rate


def leaky_relu(x):
    return np.where(x > 0, x, 0.2 * x) * 2**0.5


def correlate(x, kernel):
    """Map [I, H, W] by kernel [O, I, k, k], without margins."""
    k = kernel.shape[-1]
    height, width = x.shape[1] - k + 1, x.shape[2] - k + 1
    out = np.zeros((len(kernel), height, width))
    for row in range(height):
        for column in range(width):
            patch = x[:, row : row + k, column : column + k]
            out[:, row, column] = np.tensordot(kernel, patch, 3)
    return out


def padded(x, before, after):
    return np.pad(x, ((0, 0), (before, after), (before, after)))


def spread(x):
    """Zeros between the values: [C, 2 H, 2 W]."""
    out = np.zeros((len(x), 2 * x.shape[1], 2 * x.shape[2]))
    out[:, ::2, ::2] = x
    return out


def blurred(x):
    """By [1, 3, 3, 1], twice as strong on each axis."""
    return np.concatenate(
        [correlate(one[None], 4 * nvlabs_files.BLUR[None, None]) for one in x]
    )


def modulated(x, weights, name, w, up=False):
    kernel = weights[f"{name}.weight"].astype(float)
    style = dense(w, weights, f"{name}.affine")
    if name.endswith("torgb"):
        style = style / kernel.shape[1] ** 0.5
    kernel = kernel * style[None, :, None, None]
    if not name.endswith("torgb"):
        norm = np.sqrt(np.sum(kernel**2, axis=(1, 2, 3)) + 1e-8)
        kernel = kernel / norm[:, None, None, None]
    if up:
        # A transposed convolution of stride 2: its kernel is turned.
        x = correlate(padded(spread(x)[:, :-1, :-1], 2, 2), kernel[..., ::-1, ::-1])
        x = blurred(padded(x, 1, 1))
    else:
        margin = kernel.shape[-1] // 2
        x = correlate(padded(x, margin, margin), kernel)
    return x + weights[f"{name}.bias"][:, None, None]


def reference(weights, z, noise):
    """Picture [H, W, 3] of a latent, with noise pictures [r, r]."""
    w = z / np.sqrt(np.mean(z**2) + 1e-8)
    for number in range(nvlabs_files.MAPPING_LAYERS):
        w = leaky_relu(dense(w, weights, f"mapping.fc{number}", 0.01))
    x = weights["synthesis.b4.const"].astype(float)
    image, noise = 0.0, iter(noise)
    for r in nvlabs_files.CHANNELS:
        for layer in ("conv0", "conv1")[r == 4 :]:
            name = f"synthesis.b{r}.{layer}"
            bias = weights[f"{name}.bias"][:, None, None]
            x = modulated(x, weights, name, w, up=layer == "conv0") - bias
            x = x + next(noise) * weights[f"{name}.noise_strength"] + bias
            x = leaky_relu(x)
        if r > 4:
            image = blurred(padded(spread(image), 2, 1))
        image = image + modulated(x, weights, f"synthesis.b{r}.torgb", w)
    return image.transpose(1, 2, 0)


@pytest.fixture(scope="module")
def weights():
    return nvlabs_files.weights()


@pytest.fixture(scope="module")
def model(weights, tmp_path_factory):
    path = tmp_path_factory.mktemp("torch") / "network.pkl"
    nvlabs_files.write_torch(path, weights)
    return models.StyleGAN2.from_nvlabs(path)


def test_pictures_are_those_of_the_published_formulas(model, weights):
    noise = [each[0, :, :, 0] for each in model.noise]
    expected = [reference(weights, z, noise) for z in Z]
    found = np.asarray(model(Z.astype("float32")))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(model.means.w, weights["mapping.w_avg"])


def test_a_loaded_model_goes_on_like_any_other(model, tmp_path):
    assert model.image_size == 16 and model.settings["mapping_rate"] == 0.01
    for network, average in model.averaged():
        for one, other in zip(network.weights, average.weights, strict=True):
            np.testing.assert_array_equal(one, other)
    model.save_to_preset(tmp_path)
    again = models.StyleGAN2.from_preset(tmp_path)
    pictures = model.generate(2, seed=3, truncation=0.7)
    assert np.ptp(pictures) > 50
    one, other = np.asarray(model(Z)), np.asarray(again(Z))
    np.testing.assert_allclose(one, other, rtol=0.02, atol=0.1)


def test_tensorflow_pickles_hold_the_same(model, weights, tmp_path):
    path = tmp_path / "network.pkl"
    nvlabs_files.write_tensorflow(path, weights)
    again = models.StyleGAN2.from_nvlabs(path)
    for network, other in zip(model.averaged(), again.averaged()):
        for one, two in zip(network[1].weights, other[1].weights, strict=True):
            np.testing.assert_allclose(one, two, atol=1e-6)


@pytest.mark.parametrize("protocol", [2, 3, 5])
def test_every_protocol_is_read(weights, tmp_path, protocol):
    path = tmp_path / "network.pkl"
    nvlabs_files.write_torch(path, weights, protocol)
    generator = pickled.read(path)["G_ema"]
    conv = generator.state["_modules"]["synthesis"].state["_modules"]["b8"]
    conv = conv.state["_modules"]["conv0"].state
    found = pickled.as_array(conv["_parameters"]["weight"])
    np.testing.assert_array_equal(found, weights["synthesis.b8.conv0.weight"])


@pytest.mark.parametrize(
    "changes",
    [
        {"c_dim": 10},
        {"img_channels": 1},
        {"img_resolution": 32},
        {"img_resolution": 2**40},
        {"img_resolution": 12},
        {"z_dim": 7},
        {"w_dim": [[]]},
    ],
)
def test_other_generators_are_refused(weights, tmp_path, changes):
    path = tmp_path / "network.pkl"
    nvlabs_files.write_torch(path, weights, **changes)
    with pytest.raises(ValueError, match="network.pkl holds no generator"):
        models.StyleGAN2.from_nvlabs(path)


@pytest.mark.parametrize("content", [{}, (1, 2, 3), [], "G_ema", None])
def test_pickles_of_other_things_are_refused(tmp_path, content):
    path = tmp_path / "network.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match="network.pkl holds no generator"):
        models.StyleGAN2.from_nvlabs(path)


# Hostile files.


class Calls:
    def __init__(self, function, *args):
        self.parts = function, args

    def __reduce__(self):
        return self.parts


def bomb(steps=60):
    """Small, and without end when compared, hashed or printed."""
    found = ("x",)
    for _ in range(steps):
        found = (found, found)
    return found


def refused(data, tmp_path):
    path = tmp_path / "network.pkl"
    path.write_bytes(data)
    with pytest.raises(ValueError, match="network.pkl") as error:
        models.StyleGAN2.from_nvlabs(path)
    return str(error.value)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "call",
    [
        Calls(os.system, "touch pickle_was_run"),
        Calls(builtins.eval, "open('pickle_was_run', 'w')"),
        Calls(getattr, "", "join"),
        Calls(io.open, "pickle_was_run", "w"),
    ],
)
def test_nothing_is_run(tmp_path, monkeypatch, call, protocol):
    monkeypatch.chdir(tmp_path)
    error = refused(pickle.dumps({"G_ema": call}, protocol), tmp_path)
    assert "no network needs" in error or "takes the step" in error
    assert not (tmp_path / "pickle_was_run").exists()


def test_only_arrays_can_be_made_by_the_names_that_are_known(tmp_path):
    for code in (
        b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x03\x00\x00\x00rottR.",
        b"cnumpy\ndtype\n(X\x01\x00\x00\x00OtR.",
        b"cnumpy\nndarray\n)R.",
        b"cdnnlib.util\nEasyDict\n)R.",
        b"ccollections\nOrderedDict\n(lt\x81.",
        b"ctorch\nFloatStorage\n)R.",
        b"(idnnlib.util\nEasyDict\n.",
        b"Pa file outside\n.",
        b"I1\n(lQ.",
        b"]}b.",
    ):
        assert refused(code, tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        bomb(),
        {"G_ema": bomb()},
        (1, 2, bomb()),
        {bomb(8): 1},
    ],
)
def test_bombs_do_not_go_off(tmp_path, content):
    assert len(refused(pickle.dumps(content), tmp_path)) < 1000


def test_bombs_as_keys_and_shapes_do_not_go_off(tmp_path, weights):
    nested = pickle.dumps(bomb(), 2)[:-1]
    assert "wrong place" in refused(b"}" + nested + b"Ns.", tmp_path)
    path = tmp_path / "network.pkl"
    nvlabs_files.write_torch(path, weights, img_resolution=bomb())
    with pytest.raises(ValueError, match="a tuple for a number"):
        models.StyleGAN2.from_nvlabs(path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a pickle",
        b"\x80\x05.",
        b"\x80\x04r\xff\xff\xff\xff.",
        b"N" * 2_000_000 + b".",
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
        b"\x80\x04\x8b\xff\xff\xff\x7fabc.",
        b"I" + b"9" * 1_000_000 + b"\n.",
        b"h\x07.",
        b"u.",
        b"\x85.",
    ],
)
def test_memory_is_not_taken_at_the_word_of_a_file(tmp_path, data):
    assert refused(data, tmp_path)


def test_truncated_and_damaged_files_are_refused(tmp_path, weights):
    path = tmp_path / "network.pkl"
    nvlabs_files.write_torch(path, weights)
    whole = path.read_bytes()
    for end in np.linspace(1, len(whole) - 1, 40, dtype=int):
        assert refused(whole[:end], tmp_path)


def test_a_tensor_takes_no_more_than_its_storage(tmp_path):
    def tensor(offset, size, stride):
        found = nvlabs_files.Tensor(np.zeros(4))
        function, args = found.__reduce__()
        storage, *_, hooks = args
        return Calls(function, storage, offset, size, stride, False, hooks)

    for bad in (
        tensor(0, (10**9, 10**9), (0, 0)),
        tensor(0, (5,), (1,)),
        tensor(3, (2,), (1,)),
        tensor(-1, (2,), (1,)),
        tensor(0, (2,), (-1,)),
        tensor(0, (bomb(),), (bomb(),)),
        tensor(0, (4,), (1, 1)),
    ):
        with nvlabs_files.modules_of_nvlabs():
            data = pickle.dumps({"G_ema": bad})
        assert "pickle of a network" in refused(data, tmp_path)


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        models.StyleGAN2.from_nvlabs(tmp_path / "no.pkl")
