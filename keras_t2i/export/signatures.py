"""What a served model answers, as functions that a SavedModel keeps.

Tokenizing, the text encoder, the noise and the PNG encoder are all inside.
What a row holds never depends on the other rows, a mistake in one of them
included: a server puts the rows of many users into one batch, so a wrong row
gets an `error` of its own instead of failing them all.

A kind of model joins by one function in `_KINDS`.
"""

import tensorflow as tf

from keras_t2i.export.latents import first_row_latents
from keras_t2i.export.rows import Served
from keras_t2i.export.rows import as_png
from keras_t2i.export.rows import blanked
from keras_t2i.export.rows import checked
from keras_t2i.export.rows import holding
from keras_t2i.export.rows import traced
from keras_t2i.export.signatures_editor import of_face_editor
from keras_t2i.models.face_editor.model import TextFaceEditor
from keras_t2i.models.stylegan2.model import StyleGAN2
from keras_t2i.models.text_to_image import TextToImageModel

# Checked after every export, and sent to the server's warm-up.
_CAPTION = "a red flower"
_SEED = 7

_EMPTY = "Every caption must be text of at least one word."
_TRUNCATION = "`truncation` must lie in (0, 1]."
# What Python takes for white space.
_SPACE = r"[\s\v\x1c-\x1f\x85\pZ]*"
_TEXT = tf.TensorSpec([None], tf.string, name="text")
_NOISE = [
    tf.TensorSpec([None], tf.int64, name="seed"),
    tf.TensorSpec([None], tf.float32, name="truncation"),
]


def signatures(model):
    """What is served of a model, see `to_serving`.

    Args:
        model: a model.

    Returns:
        `Served`.

    Raises:
        ValueError: for a model of another kind or without networks, or a text
            encoder that cannot work inside a graph.
    """
    for kind, serve in _KINDS.items():
        if isinstance(model, kind):
            model.check_built()
            return serve(model)
    raise ValueError(
        "Only a text-to-image model, a StyleGAN2 or a TextFaceEditor can be "
        f"exported for serving. Received: {type(model).__name__}"
    )


def _of_text_to_image(model):
    encoder = model.text_encoder

    def draw(text, seed, truncation):
        text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8")
        latents = first_row_latents(seed, model.latent_width)
        latents *= truncation[:, None]
        images = model.synthesize(latents, _features(encoder, text))
        blank = tf.strings.regex_full_match(text, _SPACE)
        return images, tf.where(blank, _EMPTY, "")

    inputs = [_TEXT, *_NOISE]
    drawing, halves = _drawing(model, draw, inputs)

    @tf.function(input_signature=[_TEXT])
    def of_text(text):
        # Seeds 0 and 0 mean other numbers each time, whatever
        # `tf.random.set_seed` the exporting program called.
        seed = tf.raw_ops.RandomUniformInt(
            shape=tf.shape(text),
            minval=tf.constant(0, tf.int64),
            maxval=tf.constant(2**31, tf.int64),
            seed=0,
            seed2=0,
        )
        images, error = drawing(text, seed, tf.ones_like(seed, tf.float32))
        png = as_png(images, error)
        return {"image_bytes": png, "seed": seed, "error": error}

    return Served(
        {**_pictures(drawing, inputs), "text": of_text.get_concrete_function()},
        holding(drawing, [*halves, *encoder.resources]),
        {"text": _CAPTION, "seed": _SEED, "truncation": 1.0},
        model.generate(_CAPTION, seed=_SEED),
    )


def _of_stylegan2(model):
    def draw(seed, truncation):
        z = first_row_latents(seed, model.settings["latent_width"])
        w = model.styles(z, truncation[:, None])
        return model.synthesize(w), tf.fill(tf.shape(seed), "")

    drawing, halves = _drawing(model, draw, _NOISE)

    @tf.function(input_signature=_NOISE[:1])
    def of_seed(seed):
        images, error = drawing(seed, tf.ones_like(seed, tf.float32))
        return {"image_bytes": as_png(images, error), "error": error}

    return Served(
        {**_pictures(drawing, _NOISE), "seed": of_seed.get_concrete_function()},
        holding(drawing, halves),
        {"seed": _SEED, "truncation": 1.0},
        model.generate(seed=_SEED),
    )


_KINDS = {
    TextToImageModel: _of_text_to_image,
    StyleGAN2: _of_stylegan2,
    TextFaceEditor: of_face_editor,
}


def _drawing(model, draw, inputs):
    """From rows to uint8 pictures [B, H, W, 3] and errors [B].

    Args:
        model: the model.
        draw: function of rows, to float pictures in [-1, 1] and errors.
        inputs: specifications of its arguments, `_NOISE` at the end.

    Returns:
        Concrete function, and a list of variables that live as long as they
        are held.
    """
    def drawing(*rows):
        rows = checked({s.name: x for s, x in zip(inputs, rows)})
        truncation = rows[-1]
        images, error = draw(*rows)
        fits = (truncation > 0.0) & (truncation <= 1.0)  # NaN does not.
        error = tf.where(fits | (error != ""), error, _TRUNCATION)
        images = tf.ensure_shape(
            model.to_uint8(images),
            [None, model.image_size, model.image_size, 3],
        )
        return blanked(images, error), error

    return traced(model, drawing, inputs)


def _pictures(drawing, inputs):
    """The signatures that give pictures as files and as numbers."""

    @tf.function(input_signature=inputs)
    def as_files(*rows):
        images, error = drawing(*rows)
        return {"image_bytes": as_png(images, error), "error": error}

    @tf.function(input_signature=inputs)
    def as_numbers(*rows):
        images, error = drawing(*rows)
        return {"images": images, "error": error}

    return {
        "serving_default": as_files.get_concrete_function(),
        "generate": as_numbers.get_concrete_function(),
    }


def _features(encoder, text):
    try:
        return encoder.features_in_graph(text)
    # Whatever a tokenizer of Python stumbles over.
    except Exception as error:
        raise ValueError(
            f"The text encoder {type(encoder).__name__} cannot be exported: "
            "inside a graph its `tokenize` must take a string tensor, and "
            "work with TensorFlow alone. "
            f"{type(error).__name__}: {error}"
        ) from error
