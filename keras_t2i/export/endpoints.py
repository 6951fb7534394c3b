"""What a model does on a phone: functions of tensors with known shapes.

B is 1 everywhere. A model joins by one function that lists its endpoints.
"""

import collections

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_t2i.models.stylegan2.model import StyleGAN2
from keras_t2i.models.text_to_image import TextToImageModel
from keras_t2i.text import TextFeatures
from keras_t2i.training.latents import row_latents

Input = collections.namedtuple("Input", "shape dtype about")

Endpoint = collections.namedtuple(
    "Endpoint", "function inputs outputs examples on_gpu", defaults=[True]
)
Endpoint.__doc__ = """A signature of a file.

Attributes:
    function: from a dict of tensors to a dict of tensors.
    inputs: dict of name -> `Input`.
    outputs: dict of name -> what it is, as text.
    examples: list of dicts of name -> NumPy array. The file must give on them
        what the function gives.
    on_gpu: whether the GPU of a phone shall be able to run it, but for
        looking up words and for bytes. False for what is so small that
        asking a GPU takes longer.
"""

_IMAGES = "picture, red green blue in [-1, 1]"
_RGBA = "picture as a canvas or a bitmap takes it, 0 to 255; opaque"
_LATENTS = "independent normal numbers of mean 0 and deviation 1"
# Many words and few, of things that models are trained on here.
_CAPTIONS = (
    "a red flower",
    "this flower has thin white petals and a large round yellow center",
    "a small blue circle at the top",
    "a smiling woman with black hair",
)


def endpoints(model):
    """The endpoints of a built model.

    Returns:
        dict of name -> `Endpoint`, and a dict of facts that the file tells.

    Raises:
        ValueError: for a model that has none.
    """
    for kind, function in _KINDS.items():
        if isinstance(model, kind):
            return function(model)
    raise ValueError(
        "Only a text-to-image model or a StyleGAN2 can be exported to LiteRT. "
        f"Received: {type(model).__name__}"
    )


def _of_text_to_image(model):
    encoder, count = model.text_encoder, model.drawn_words
    inputs = {
        "latents": Input(
            (1, model.latent_width),
            "float32",
            f"{_LATENTS}; times a truncation in (0, 1] for what is typical",
        ),
        "sentence": Input(
            (1, encoder.sentence_width),
            "float32",
            "sentence of text_encoder.encode(caption)",
        ),
    }
    if count:
        inputs["words"] = Input(
            (1, count, encoder.word_width),
            "float32",
            f"the first {count} words of text_encoder.encode(caption)",
        )
        inputs["mask"] = Input(
            (1, count), "float32", "1 where there is a word, else 0"
        )
    features = encoder.encode(_CAPTIONS)
    latents = row_latents(0, range(len(_CAPTIONS)), model.latent_width)
    arrays = {
        "latents": latents,
        "sentence": features.sentence,
        "words": features.words[:, :count],
        "mask": features.mask[:, :count],
    }

    def draw(inputs):
        features = (inputs.get(name) for name in TextFeatures._fields)
        return model.synthesize(inputs["latents"], TextFeatures(*features))

    facts = {
        "text_encoder": {
            "class": type(encoder).__name__,
            # That of `model.text_encoder`, where the features are computed.
            "fingerprint": encoder.fingerprint,
        }
    }
    return _drawing(model, draw, inputs, arrays), facts


def _of_stylegan2(model):
    width = model.settings["latent_width"]
    inputs = {
        "latents": Input((1, width), "float32", _LATENTS),
        "truncation": Input(
            (1, 1), "float32", "in (0, 1]; below 1 more typical, less varied"
        ),
    }
    arrays = {
        "latents": row_latents(0, range(4), width),
        "truncation": np.array([[1.0], [0.7], [0.5], [1.0]], "float32"),
    }

    def draw(inputs):
        mean = ops.convert_to_tensor(model.means.w)
        w = model.mapping_ema(inputs["latents"])
        w = mean + inputs["truncation"] * (w - mean)
        w = ops.repeat(w[:, None], model.num_styles, axis=1)
        return model.synthesize(w)

    return _drawing(model, draw, inputs, arrays), {}


_KINDS = {TextToImageModel: _of_text_to_image, StyleGAN2: _of_stylegan2}


def _drawing(model, draw, inputs, arrays):
    """The two forms of what draws a picture."""

    def generate(inputs):
        return {"images": draw(inputs)}

    def generate_rgba(inputs):
        return {"rgba": as_rgba(model.to_uint8(draw(inputs)))}

    rows = len(arrays["latents"])
    examples = [
        {name: arrays[name][row : row + 1] for name in inputs}
        for row in range(rows)
    ]
    return {
        "generate": Endpoint(generate, inputs, {"images": _IMAGES}, examples),
        "generate_rgba": Endpoint(
            generate_rgba, inputs, {"rgba": _RGBA}, examples
        ),
    }


def as_rgba(pictures):
    """uint8 [1, H, W, 4] of uint8 [1, H, W, 3]: nothing shines through."""
    alpha = tf.fill((*pictures.shape[:-1], 1), tf.constant(255, tf.uint8))
    return tf.concat([pictures, alpha], axis=-1)
