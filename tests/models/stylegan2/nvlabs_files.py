"""Writes network pickles as the code of NVlabs does, without that code."""

import collections
import contextlib
import io
import pickle
import struct
import sys
import types

import numpy as np

SIZE, WIDTH, MAPPING_LAYERS = 16, 6, 2
CHANNELS = {4: 5, 8: 5, 16: 3}
BLUR = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64


def stand_in(module, name, kind=None):
    """A function or class that pickles under another name."""

    def function(*args):
        raise AssertionError(f"{module}.{name} was called")

    found = kind or function
    found.__module__, found.__name__, found.__qualname__ = module, name, name
    STAND_INS.append(found)
    return found


STAND_INS = []
load_from_bytes = stand_in("torch.storage", "_load_from_bytes")
rebuild_tensor = stand_in("torch._utils", "_rebuild_tensor_v2")
rebuild_parameter = stand_in("torch._utils", "_rebuild_parameter")
reconstruct = stand_in(
    "torch_utils.persistence", "_reconstruct_persistent_obj"
)
EasyDict = stand_in("dnnlib.util", "EasyDict", type("EasyDict", (dict,), {}))
Network = stand_in("dnnlib.tflib.network", "Network", type("Network", (), {}))
StorageKind = stand_in("torch", "FloatStorage", type("FloatStorage", (), {}))


@contextlib.contextmanager
def modules_of_nvlabs():
    """The modules that the stand-ins say they are of, while it pickles."""
    made = {}
    for each in STAND_INS:
        parts = each.__module__.split(".")
        for end in range(1, len(parts) + 1):
            name = ".".join(parts[:end])
            made.setdefault(name, types.ModuleType(name))
        setattr(made[each.__module__], each.__name__, each)
    before = {name: sys.modules.get(name) for name in made}
    sys.modules.update(made)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


class Storage:
    """Numbers, in the format that `torch.save` had before zip files."""

    def __init__(self, numbers):
        self.numbers = numbers.astype("<f4")

    def __reduce__(self):
        stream = io.BytesIO()
        for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
            pickle.dump(value, stream, 2)
        pickler = pickle.Pickler(stream, 2)
        pickler.persistent_id = lambda x: x if isinstance(x, tuple) else None
        count = self.numbers.size
        pickler.dump(("storage", StorageKind, "7", "cuda:0", count, None))
        pickle.dump(["7"], stream, 2)
        stream.write(struct.pack("<q", count) + self.numbers.tobytes())
        return load_from_bytes, (stream.getvalue(),)


class Tensor:
    def __init__(self, array):
        self.array = np.asarray(array, "float32")

    def __reduce__(self):
        array = self.array
        strides = [s // 4 for s in np.empty(array.shape, "float32").strides]
        if array.ndim == 4:  # Kernels of half-precision layers lie so.
            _, i, h, w = array.shape
            strides = [h * w * i, 1, w * i, i]
            array = array.transpose(0, 2, 3, 1)
        return rebuild_tensor, (
            Storage(array.reshape(-1)),
            0,
            self.array.shape,
            tuple(strides),
            False,
            collections.OrderedDict(),
        )


class Parameter(Tensor):
    def __reduce__(self):
        hooks = collections.OrderedDict()
        return rebuild_parameter, (Tensor(self.array), True, hooks)


class Module:
    """Object of a class whose source code the pickle brings."""

    def __init__(self, name, parameters=None, buffers=None, modules=None, **state):
        self.name = name
        parameters = {k: Parameter(v) for k, v in (parameters or {}).items()}
        buffers = {k: Tensor(v) for k, v in (buffers or {}).items()}
        self.state = {
            "training": False,
            "_parameters": collections.OrderedDict(parameters),
            "_buffers": collections.OrderedDict(buffers),
            "_non_persistent_buffers_set": set(),
            "_forward_hooks": collections.OrderedDict(),
            "_modules": collections.OrderedDict(modules or {}),
            "_init_args": (),
            "_init_kwargs": EasyDict(size=1, gain=np.float64(0.5)),
            **state,
        }

    def __reduce__(self):
        meta = {
            "type": "class",
            "version": 6,
            "module_src": "raise SystemExit('the source was run')",
            "class_name": self.name,
            "state": self.state,
        }
        return reconstruct, (meta,)


def weights(seed=0):
    """Random arrays of a generator, by the names and shapes of PyTorch."""
    normal = np.random.default_rng(seed).normal
    found = {"mapping.w_avg": normal(size=WIDTH)}
    for number in range(MAPPING_LAYERS):
        found[f"mapping.fc{number}.weight"] = normal(size=(WIDTH, WIDTH)) * 100
        found[f"mapping.fc{number}.bias"] = normal(size=WIDTH) * 10
    found["synthesis.b4.const"] = normal(size=(CHANNELS[4], 4, 4))
    for r, channels in CHANNELS.items():
        inside = CHANNELS.get(r // 2, channels)
        layers = {"conv0": inside, "conv1": channels, "torgb": channels}
        for layer, count in list(layers.items())[r == 4 :]:
            name = f"synthesis.b{r}.{layer}"
            out, size = (3, 1) if layer == "torgb" else (channels, 3)
            found[f"{name}.affine.weight"] = normal(size=(count, WIDTH))
            found[f"{name}.affine.bias"] = normal(size=count) + 1
            found[f"{name}.weight"] = normal(size=(out, count, size, size))
            found[f"{name}.bias"] = normal(size=out)
            if layer != "torgb":
                found[f"{name}.noise_strength"] = normal()
                found[f"{name}.noise_const"] = normal(size=(r, r))
    return {name: np.asarray(a, "float32") for name, a in found.items()}


def write_torch(path, arrays, protocol=4, **changes):
    """A pickle as stylegan2-ada-pytorch writes it."""

    def dense(name, activation, rate):
        inside = {key: arrays[f"{name}.{key}"] for key in ("weight", "bias")}
        state = {"activation": activation, "bias_gain": rate}
        return Module("FullyConnectedLayer", inside, **state)

    def convolution(name, up):
        keys = ("weight", "bias", "noise_strength")
        return Module(
            "SynthesisLayer",
            {k: arrays[f"{name}.{k}"] for k in keys if f"{name}.{k}" in arrays},
            {"resample_filter": BLUR, "noise_const": arrays[f"{name}.noise_const"]},
            {"affine": dense(f"{name}.affine", "linear", 1)},
            up=up,
            activation="lrelu",
        )

    blocks = {}
    for r in CHANNELS:
        name = f"synthesis.b{r}"
        layers = {} if r == 4 else {"conv0": convolution(f"{name}.conv0", 2)}
        layers["conv1"] = convolution(f"{name}.conv1", 1)
        last = {k: arrays[f"{name}.torgb.{k}"] for k in ("weight", "bias")}
        affine = dense(f"{name}.torgb.affine", "linear", 1)
        layers["torgb"] = Module("ToRGBLayer", last, None, {"affine": affine})
        const = {"const": arrays[f"{name}.const"]} if r == 4 else None
        blocks[f"b{r}"] = Module(
            "SynthesisBlock", const, None, layers, architecture="skip"
        )
    mapping = Module(
        "MappingNetwork",
        None,
        {"w_avg": arrays["mapping.w_avg"]},
        {
            f"fc{n}": dense(f"mapping.fc{n}", "lrelu", 0.01)
            for n in range(MAPPING_LAYERS)
        },
        num_layers=MAPPING_LAYERS,
    )
    synthesis = Module("SynthesisNetwork", None, None, blocks)
    options = {
        "z_dim": WIDTH,
        "c_dim": 0,
        "w_dim": WIDTH,
        "img_resolution": SIZE,
        "img_channels": 3,
        **changes,
    }
    parts = {"synthesis": synthesis, "mapping": mapping}
    generator = Module("Generator", None, None, parts, **options)
    content = {
        "G": None,
        "G_ema": generator,
        "training_set_kwargs": EasyDict(path="faces.zip"),
    }
    with modules_of_nvlabs(), open(path, "wb") as file:
        pickle.dump(content, file, protocol)


def write_tensorflow(path, arrays, **changes):
    """A pickle as the TensorFlow code of StyleGAN2 writes it."""

    def network(variables, parts=(), options=()):
        found = Network()
        found.__dict__ = {
            "version": 4,
            "static_kwargs": EasyDict(options),
            "components": EasyDict(parts),
            "build_module_src": "raise SystemExit('the source was run')",
            "variables": list(variables.items()),
        }
        return found

    mapping, synthesis = {}, {}
    for name, array in arrays.items():
        part, *path_of, key = name.split(".")
        if part == "mapping" and path_of:
            layer = path_of[0].replace("fc", "Dense")
            mapping[f"{layer}/{key}"] = array.T
        elif key == "const":
            synthesis["4x4/Const/const"] = array[None]
        elif part == "synthesis" and key != "noise_const":
            r = path_of[0][1:]
            layer = {"conv0": "Conv0_up", "conv1": "Conv1", "torgb": "ToRGB"}[
                path_of[1]
            ]
            layer = "Conv" if layer == "Conv1" and r == "4" else layer
            if "affine" in path_of:
                array = array.T if key == "weight" else array - 1
                key = f"mod_{key}"
            elif key == "weight":
                array = array.transpose(2, 3, 1, 0)
                array = array[::-1, ::-1] if layer == "Conv0_up" else array
            synthesis[f"{r}x{r}/{layer}/{key}"] = array
    options = {
        "resolution": SIZE,
        "mapping_layers": MAPPING_LAYERS,
        "label_size": 0,
        **changes,
    }
    parts = {"mapping": network(mapping), "synthesis": network(synthesis)}
    mean = {"lod": np.float32(0), "dlatent_avg": arrays["mapping.w_avg"]}
    averaged = network(mean, parts, options)
    with modules_of_nvlabs(), open(path, "wb") as file:
        pickle.dump((network({}), network({}), averaged), file, 4)
