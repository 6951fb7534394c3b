"""What a model does on a phone: functions of tensors with known shapes.

B is 1 everywhere. A model joins by one function that lists its endpoints.
"""

import collections

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_t2i.models.face_editor.alignment import PLACES
from keras_t2i.models.face_editor.model import TextFaceEditor
from keras_t2i.models.stylegan2.model import StyleGAN2
from keras_t2i.models.text_to_image import TextToImageModel
from keras_t2i.text import FOFETextEncoder
from keras_t2i.text import TextFeatures
from keras_t2i.text import lexicon
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
        "Only a text-to-image model, a StyleGAN2 or a TextFaceEditor can be "
        "exported to LiteRT. "
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
        w = model.styles(inputs["latents"], inputs["truncation"])
        return model.synthesize(w)

    return _drawing(model, draw, inputs, arrays), {}


# How an app reads a text, by the vocabulary beside it.
_READING = (
    "Write the text in lower case, with ' for a curly apostrophe.",
    "From left to right find phrases of `attributes`, the longest first; "
    "between the words of a phrase stand spaces or hyphens.",
    "Where a phrase begins or ends with one of a-z or 0-9, no other one of "
    "them may touch it there.",
    "What matches the regular expression `denial` right before a phrase "
    "denies it.",
    "A phrase names its attribute. Those that are not in `known`, and words "
    "between phrases that are not in `around`, are not understood: say so.",
    "Two attributes of one `group` that are not denied exclude each other, "
    "and a text that names nothing known asks for nothing: say so.",
    "Take every attribute once, in the order of the text: first those that "
    "are asked for, then those denied; both in groups of `most_names`.",
    "The words of a group are those of the first phrase of each of its "
    "attributes.",
    "A word's number is `first_row` plus its place in `words`, counted from "
    "0; zeros fill up to `max_length`.",
    "Run `edit` once a group, on the latents that the last one gave, with a "
    "strength below 0 for a group that is denied.",
)


def _of_face_editor(model):
    if model.joint:
        raise ValueError(
            "Only an editor that was anchored in captions of real faces can "
            "be exported to LiteRT: one that learned whole captions, "
            f"captioner_steps=0, reads them otherwise. Received: {model.name}"
        )
    size, reader = model.image_size, _unrolled(model.text_encoder)
    start = model.latents_for(4, seed=0)
    shape = (1, *start.shape[1:])
    latents = Input(shape, "float32", "latents of a face")
    words = np.zeros((4, 1, reader.max_length), "int32")
    for row, name in zip(words, model.known_attributes * 4):
        phrase = model.lexicon.attributes[name]["phrases"][0].split()
        row[0, : len(phrase)] = [model.lexicon.rows[word] for word in phrase]

    def encode(inputs):
        pixels = ops.cast(inputs["rgba"][..., :3], "float32") / 127.5 - 1.0
        return {"latents": model.encoder_network(pixels, training=False)}

    def edit(inputs):
        code = reader({"words": inputs["words"]}).sentence
        moved = model.moved(inputs["latents"], code, inputs["strength"])
        return {"latents": moved}

    def synthesize(inputs):
        images = model.picture(inputs["latents"])
        rgba = as_rgba(model.to_uint8(images))
        return {"rgba": rgba, "images": images}

    found = {}
    if model.encoder is not None:
        pixels = np.concatenate(
            [model.draw(start), np.full((4, size, size, 1), 255, "uint8")], -1
        )
        found["encode"] = Endpoint(
            encode,
            {
                "rgba": Input(
                    (1, size, size, 4),
                    "uint8",
                    "photo of an upright face, eyes and mouth at `places`",
                )
            },
            {"latents": "latents of the face"},
            [{"rgba": pixels[row : row + 1]} for row in range(4)],
        )
    found["edit"] = Endpoint(
        edit,
        {
            "latents": latents,
            "words": Input((1, reader.max_length), "int32", "see `reading`"),
            "strength": Input(
                (1,), "float32", "1 as in training, 0 for no change"
            ),
        },
        {"latents": "latents of the edited face"},
        [
            {
                "latents": start[row : row + 1],
                "words": words[row],
                "strength": np.array([strength], "float32"),
            }
            for row, strength in enumerate((1.0, -1.0, 0.5, 0.0))
        ],
        # A sentence and a vector: a GPU would be slower.
        on_gpu=False,
    )
    found["synthesize"] = Endpoint(
        synthesize,
        {"latents": latents},
        {"rgba": _RGBA, "images": _IMAGES},
        [{"latents": start[row : row + 1]} for row in range(4)],
    )
    return found, {"places": PLACES.tolist(), **_vocabulary(model)}


def locate(locator, editor):
    """The endpoint of a `FaceLocator`, tried on what an editor draws."""
    size = locator.image_size
    drawn = editor.draw(editor.latents_for(4, seed=0))
    drawn = tf.image.resize(drawn, (size, size))
    pixels = np.full((4, size, size, 4), 255, "uint8")
    pixels[..., :3] = np.round(drawn)

    def function(inputs):
        pixels = ops.cast(inputs["rgba"][..., :3], "float32") / 127.5 - 1.0
        # GPUs of phones cut what has three or four dimensions.
        seen = ops.reshape(locator.found(pixels), (1, 1, 4))
        return {
            "score": ops.reshape(seen[..., :1], (1,)),
            "place": ops.reshape(seen[..., 1:], (1, 3)),
        }

    return Endpoint(
        function,
        {
            "rgba": Input(
                (1, size, size, 4), "uint8", "square frame of a camera"
            )
        },
        {
            "score": "above 0.5 there is a face",
            "place": "middle of its square from the left and from the top, "
            "and the side of that square, which `encode` takes, in parts of "
            "the frame",
        },
        [{"rgba": pixels[row : row + 1]} for row in range(4)],
    )


def _vocabulary(model):
    return {
        "reading": _READING,
        "words": model.lexicon.words,
        "first_row": model.lexicon.num_rows - len(model.lexicon.words),
        "attributes": {
            name: {key: each[key] for key in ("phrases", "group")}
            for name, each in model.lexicon.attributes.items()
        },
        "known": model.known_attributes,
        "denial": lexicon.DENIAL,
        "around": sorted(lexicon.AROUND),
        "most_names": model.settings["most_names"],
        "max_length": model.text_encoder.max_length,
    }


def _unrolled(encoder):
    """The same text encoder, whose recurrence is written out word by word."""
    twin = FOFETextEncoder.from_config(encoder.get_config())
    for layer in (twin.recurrent.forward_layer, twin.recurrent.backward_layer):
        layer.unroll = True
    for mine, other in zip(encoder.weights, twin.weights, strict=True):
        other.assign(mine)
    return twin


_KINDS = {
    TextToImageModel: _of_text_to_image,
    StyleGAN2: _of_stylegan2,
    TextFaceEditor: _of_face_editor,
}


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
