"""Generators of StyleGAN2 as NVlabs publishes them, read as numbers.

Two forms of network pickle are read: that of the PyTorch code (repositories
stylegan2-ada-pytorch and stylegan3, configuration stylegan2) and that of the
TensorFlow code (stylegan2, stylegan2-ada). Source of shapes and gains: their
`training/networks.py`, and Karras et al. 2020, appendix B.
"""

import os

import numpy as np

from keras_t2i.models import limits
from keras_t2i.models.stylegan2 import networks
from keras_t2i.models.stylegan2 import pickled

_NETWORK = "dnnlib.tflib.network.Network"
_BLUR = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64.0
# Averages and a discriminator come on top of the generator of the file.
_GROWTH = 8
_SMALL = 1_000_000


def load(cls, path):
    """A `StyleGAN2` with the averaged generator of a network pickle.

    Args:
        cls: `StyleGAN2`.
        path: of the file.

    Raises:
        FileNotFoundError, ValueError: as `StyleGAN2.from_nvlabs`.
    """
    content = pickled.read(path)
    try:
        size, settings, mean, layers = _generator(content)
        numbers = sum(a.size for each in layers.values() for a in each.values())
        noise = sum(np.prod(shape) for shape in networks.noise_shapes(size))
        # Arrays of one file may lie over each other, but not here.
        if 2 * (numbers + noise) > os.path.getsize(path):
            raise ValueError("it has fewer numbers than its networks need")
        with limits.at_most(_GROWTH * numbers + _SMALL):
            model = cls(size, variant="stylegan2", **settings)
        model.means.w.assign(mean)
        for name, arrays in layers.items():
            of_mapping = name.startswith("dense")
            network = model.mapping_ema if of_mapping else model.synthesis_ema
            for key, value in arrays.items():
                getattr(network.get_layer(name), key).assign(value)
    # A made-up file fails in any way, in any layer.
    except Exception as error:
        raise ValueError(
            f"{path} holds no generator of StyleGAN2 as NVlabs stores it: "
            f"{error!r}"
        ) from error
    model.start_from_averages()
    model.from_weights = True
    return model


def _generator(content):
    """Size, settings, mean of w, and arrays of each layer, by our names."""
    if isinstance(content, dict) and "G_ema" in content:
        source = _Torch(content["G_ema"])
    elif isinstance(content, (tuple, list)) and len(content) == 3:
        source = _TensorFlow(content[2])
    else:
        raise ValueError("there is no averaged generator (G_ema, Gs) in it")
    dense = [source.dense(number) for number in range(source.mapping_layers)]
    layers = {f"dense{number}": each for number, each in enumerate(dense)}
    layers["constant"] = {"constant": source.constant()}
    width = {}
    for r in networks.resolutions(source.image_size):
        ups = () if r == 4 else (f"conv{r}_up",)
        for name in (*ups, f"conv{r}", f"picture{r}"):
            style, kernel, bias, strength = source.convolution(name, r)
            layers[f"{name}_style"] = style
            layers[name] = {"kernel": kernel}
            layers[f"{name}_bias"] = {"bias": bias}
            if strength is not None:
                layers[f"{name}_noise"] = {"strength": strength}
        width[r] = kernel.shape[2]
    most = max(width.values())
    narrow = [r * width[r] for r in width if width[r] < most]
    settings = {
        "latent_width": dense[0]["kernel"].shape[0],
        "mapping_layers": len(dense),
        "mapping_rate": source.mapping_rate,
        "max_channels": most,
        "generator_channels": max(narrow, default=most * max(width)),
    }
    settings["discriminator_channels"] = settings["generator_channels"]
    return source.image_size, settings, source.mean(), layers


class _Torch:
    """Finds arrays in the modules of PyTorch.

    Kernels are [out, in, height, width] there, and [out, in] in dense layers.
    """

    def __init__(self, generator):
        self._generator = generator
        _expect("Generator", generator.name)
        _expect(0, self._of("c_dim"))
        _expect(3, self._of("img_channels"))
        _expect(_whole(self._of("w_dim")), self._of("z_dim"))
        self.image_size = _whole(self._of("img_resolution"))
        self.mapping_layers = _whole(self._of("mapping", "num_layers"))
        self.mapping_rate = float(self._of("mapping", "fc0", "bias_gain"))

    def _of(self, *path):
        """An attribute of a module of a module of the generator."""
        found = self._generator
        for module in path[:-1]:
            found = found.state["_modules"][module]
        return found.state[path[-1]]

    def _array(self, *path, kind="_parameters"):
        return pickled.as_array(self._of(*path[:-1], kind)[path[-1]])

    def mean(self):
        return self._array("mapping", "w_avg", kind="_buffers")

    def dense(self, number):
        path = ("mapping", f"fc{number}")
        _expect("lrelu", self._of(*path, "activation"))
        return self._dense(*path)

    def _dense(self, *path):
        return {
            "kernel": self._array(*path, "weight").T,
            "bias": self._array(*path, "bias"),
        }

    def constant(self):
        constant = self._array("synthesis", "b4", "const")
        return constant.transpose(1, 2, 0)[None]

    def convolution(self, name, r):
        """Style, kernel, bias and strength of the noise of a layer of ours."""
        block = ("synthesis", f"b{r}")
        _expect("skip", self._of(*block, "architecture"))
        strength = None
        if name.startswith("picture"):
            path = (*block, "torgb")
        else:
            path = (*block, "conv0" if name.endswith("_up") else "conv1")
            _expect("lrelu", self._of(*path, "activation"))
            _expect(2 if name.endswith("_up") else 1, self._of(*path, "up"))
            blur = self._array(*path, "resample_filter", kind="_buffers")
            if blur.shape != (4, 4) or not np.allclose(blur, _BLUR):
                raise ValueError("it blurs by another filter than [1, 3, 3, 1]")
            strength = self._array(*path, "noise_strength")
        kernel = self._array(*path, "weight").transpose(2, 3, 1, 0)
        style = self._dense(*path, "affine")
        return style, kernel, self._array(*path, "bias"), strength


class _TensorFlow:
    """Finds arrays in the networks of TensorFlow.

    Kernels have our order of axes, but those that double the map are turned
    by half a circle; styles come without the 1 that is added to them.
    """

    def __init__(self, generator):
        _expect(_NETWORK, generator.name)
        options = generator.state["static_kwargs"]
        _expect(0, options.get("label_size", 0))
        _expect(3, options.get("num_channels", 3))
        _expect("skip", options.get("architecture", "skip"))
        _expect([1, 3, 3, 1], list(options.get("resample_kernel", [1, 3, 3, 1])))
        _expect("lrelu", options.get("mapping_nonlinearity", "lrelu"))
        _expect("lrelu", options.get("nonlinearity", "lrelu"))
        self.image_size = _whole(options["resolution"])
        self.mapping_layers = _whole(options.get("mapping_layers", 8))
        self.mapping_rate = float(options.get("mapping_lrmul", 0.01))
        parts = generator.state["components"]
        self._own = _variables(generator)
        self._mapping = _variables(parts["mapping"])
        self._synthesis = _variables(parts["synthesis"])

    def mean(self):
        return pickled.as_array(self._own["dlatent_avg"])

    def dense(self, number):
        return {
            key: pickled.as_array(self._mapping[f"Dense{number}/{name}"])
            for key, name in (("kernel", "weight"), ("bias", "bias"))
        }

    def constant(self):
        constant = pickled.as_array(self._synthesis["4x4/Const/const"])
        return constant.transpose(0, 2, 3, 1)

    def convolution(self, name, r):
        """As in `_Torch`."""
        if name.startswith("picture"):
            layer = "ToRGB"
        elif r == 4:
            layer = "Conv"
        else:
            layer = "Conv0_up" if name.endswith("_up") else "Conv1"

        def array(key):
            return pickled.as_array(self._synthesis[f"{r}x{r}/{layer}/{key}"])

        kernel = array("weight")
        if name.endswith("_up"):
            kernel = kernel[::-1, ::-1]
        style = {"kernel": array("mod_weight"), "bias": array("mod_bias") + 1.0}
        strength = None if layer == "ToRGB" else array("noise_strength")
        return style, kernel, array("bias"), strength


def _variables(network):
    """Dict of the variables of a network of TensorFlow, without its parts."""
    _expect(_NETWORK, network.name)
    variables = network.state["variables"]
    return {name: value for name, value in variables if isinstance(name, str)}


def _whole(number):
    """The number, if it is one: what a file holds may take ages to print."""
    if not isinstance(number, int):
        raise ValueError(f"it has a {type(number).__name__} for a number")
    return number


def _expect(expected, found):
    if type(found) is not type(expected) or found != expected:
        raise ValueError(f"it is not {expected!r} where only that can be read")
