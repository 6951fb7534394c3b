"""Words in, pictures out, as functions that a SavedModel keeps.

Tokenizing, the text encoder, the noise and the PNG encoder are all inside.
What a row holds never depends on the other rows, a mistake in one of them
included: a server puts the rows of many users into one batch, so a wrong row
gets an `error` of its own instead of failing them all.
"""

import tensorflow as tf

from keras_t2i.export.latents import first_row_latents

# As many pictures as `generate` draws at once. More at a time would take
# memory and save nothing.
MAX_ROWS = 64

_EMPTY = "Every caption must be text of at least one word."
_TRUNCATION = "`truncation` must lie in (0, 1]."
# What Python takes for white space.
_SPACE = r"[\s\v\x1c-\x1f\x85\pZ]*"
_INPUTS = [
    tf.TensorSpec([None], tf.string, name="text"),
    tf.TensorSpec([None], tf.int64, name="seed"),
    tf.TensorSpec([None], tf.float32, name="truncation"),
]


def signatures(model):
    """The signatures of a text-to-image model, see `to_serving`.

    Args:
        model: a built `TextToImageModel`.

    Returns:
        dict of name -> concrete function, and the `tf.Module` that holds what
        they read, to be saved with them.

    Raises:
        ValueError: if its text encoder cannot work inside a graph.
    """
    draw = _drawing(model).get_concrete_function()

    @tf.function(input_signature=_INPUTS)
    def default(text, seed, truncation):
        images, error = draw(text, seed, truncation)
        return {"image_bytes": _as_png(images, error), "error": error}

    @tf.function(input_signature=_INPUTS[:1])
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
        images, error = draw(text, seed, tf.ones_like(seed, tf.float32))
        png = _as_png(images, error)
        return {"image_bytes": png, "seed": seed, "error": error}

    @tf.function(input_signature=_INPUTS)
    def generate(text, seed, truncation):
        images, error = draw(text, seed, truncation)
        return {"images": images, "error": error}

    functions = {
        "serving_default": default,
        "text": of_text,
        "generate": generate,
    }
    module = tf.Module()
    # A SavedModel keeps what its module names: all that was read, and no more.
    # The Keras layers themselves would bring every variable twice.
    module.weights = list(draw.graph.variables)
    module.text_encoder = model.text_encoder.resources
    return {
        name: function.get_concrete_function()
        for name, function in functions.items()
    }, module


def _drawing(model):
    """`tf.function`: rows to uint8 pictures [B, H, W, 3] and errors [B]."""

    # Without AutoGraph, which would garble the message of an error.
    @tf.function(input_signature=_INPUTS, autograph=False)
    def draw(text, seed, truncation):
        text, seed, truncation = _checked(text, seed, truncation)
        text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8")
        error = _errors(text, truncation)
        latents = first_row_latents(seed, model.latent_width)
        images = model.to_uint8(
            model.synthesize(
                latents * truncation[:, None],
                _features(model.text_encoder, text),
            )
        )
        images = tf.ensure_shape(
            images, [None, model.image_size, model.image_size, 3]
        )
        wrong = tf.strings.length(error) > 0
        nothing = tf.zeros_like(images)
        return tf.where(wrong[:, None, None, None], nothing, images), error

    return draw


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


def _checked(text, seed, truncation):
    """The same rows, unless there are too many or parts of a row missing.

    A server checks the latter before it joins requests, and its batches are
    not larger, so this fails nobody else's rows.
    """
    rows = tf.shape(text)[0]
    checks = [
        tf.debugging.Assert(
            (rows >= 1) & (rows <= MAX_ROWS),
            [f"Give 1 to {MAX_ROWS} captions at a time. Received:", rows],
        )
    ]
    for name, values in (("seed", seed), ("truncation", truncation)):
        count = tf.shape(values)[0]
        message = f"`text` and `{name}` must be of one length. Received:"
        check = tf.debugging.Assert(count == rows, [message, rows, count])
        checks.append(check)
    with tf.control_dependencies(checks):
        return [tf.identity(x) for x in (text, seed, truncation)]


def _errors(text, truncation):
    """What is wrong with each row, "" if nothing is: string [B]."""
    fits = (truncation > 0.0) & (truncation <= 1.0)  # NaN does not.
    error = tf.where(fits, "", _TRUNCATION)
    return tf.where(tf.strings.regex_full_match(text, _SPACE), _EMPTY, error)


def _as_png(images, error):
    """String [B]; "" where there is no picture."""
    files = tf.io.encode_png(images)
    return tf.where(tf.strings.length(error) > 0, "", files)
