"""What a served face editor answers: a picture and a text in, PNG out."""

import tensorflow as tf

from keras_t2i import pictures
from keras_t2i.export.reading import Reader
from keras_t2i.export.rows import Served
from keras_t2i.export.rows import as_png
from keras_t2i.export.rows import blanked
from keras_t2i.export.rows import checked
from keras_t2i.export.rows import holding
from keras_t2i.export.rows import traced

_INPUTS = [
    tf.TensorSpec([None], tf.string, name="image_bytes"),
    tf.TensorSpec([None], tf.string, name="text"),
    tf.TensorSpec([None], tf.float32, name="strength"),
]
_NO_PICTURE = (
    "`image_bytes` must be a whole PNG or JPEG file of at most "
    f"{pictures.MAX_PIXELS} pixels."
)
_STRENGTH = "`strength` must be a number."
_PNG = b"\x89PNG\r\n\x1a\n"
_SEED = 7


def of_face_editor(model):
    """`Served` of a `TextFaceEditor`, see `to_serving`."""
    if model.joint or model.encoder is None:
        raise ValueError(
            "Only an editor that was anchored in captions of real faces and "
            "has an `encoder` of photographs can be exported for serving "
            "(captioner_steps and encoder_steps above 0). "
            f"Received: {model.name}"
        )
    reader = Reader(model)

    def editing(image_bytes, text, strength):
        rows = zip(_INPUTS, (image_bytes, text, strength))
        files, text, strength = checked({s.name: x for s, x in rows})
        photos, is_picture = _decoded(files, model.image_size)
        text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8")
        asked = reader(text)
        error = asked.error
        for fits, message in (
            (tf.math.is_finite(strength), _STRENGTH),
            (is_picture, _NO_PICTURE),
        ):
            error = tf.where(fits, error, message)
        start = model.encoder_network(_scaled(photos), training=False)
        end = _moved(model, start, asked, strength)
        before = blanked(model.to_uint8(model.picture(start)), error)
        images = blanked(model.to_uint8(model.picture(end)), error)
        outputs = {
            "images": images,
            "before": before,
            "rest": asked.rest,
            "error": error,
        }
        if model.features is not None:
            first, second = (
                model.features.identity_network(_scaled(x), training=False)
                for x in (before, images)
            )
            cosine = tf.reduce_sum(first * second, axis=-1)
            outputs["similarity"] = tf.where(error == "", cosine, 0.0)
        return outputs

    function, halves = traced(model, editing, _INPUTS)

    @tf.function(input_signature=_INPUTS)
    def as_files(*rows):
        outputs = function(*rows)
        error = outputs["error"]
        outputs["image_bytes"] = as_png(outputs.pop("images"), error)
        outputs["before_bytes"] = as_png(outputs.pop("before"), error)
        return outputs

    @tf.function(input_signature=_INPUTS)
    def as_numbers(*rows):
        return function(*rows)

    edit = as_files.get_concrete_function()
    photo = model.draw(model.latents_for(1, seed=_SEED))[0]
    text = model.phrases[0]
    latents = model.encoder.encode(photo[None])
    return Served(
        {
            "serving_default": edit,
            "edit": edit,
            "generate": as_numbers.get_concrete_function(),
        },
        holding(function, [*halves, *reader.resources]),
        {
            "image_bytes": tf.io.encode_png(photo).numpy(),
            "text": text,
            "strength": 1.0,
        },
        model.edit_latents(latents, text).image,
    )


def _scaled(images):
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def _moved(model, latents, asked, strength):
    """Latents after all steps that the texts ask for, see `Asked`."""
    count = asked.signs.shape[1]
    words = tf.reshape(asked.words, [-1, asked.words.shape[2]])
    codes = model.text_encoder({"words": words}).sentence
    codes = tf.reshape(codes, [-1, count, codes.shape[-1]])
    for step in range(count):
        sign = asked.signs[:, step]
        further = model.moved(latents, codes[:, step], strength * sign)
        none = tf.reshape(sign == 0.0, [-1] + [1] * (len(latents.shape) - 1))
        latents = tf.where(none, latents, further)
    return latents


def _decoded(files, size):
    """Pictures uint8 [B, size, size, 3] of PNG and JPEG files, and if they are.

    No op of TensorFlow decodes without failing the whole batch. A dataset can
    leave out what fails; then the row of zeros behind it is taken.
    """
    nothing = (tf.zeros([size, size, 3], tf.uint8), tf.constant(False))

    def decoded(content):
        one = tf.data.Dataset.from_tensors(content)
        one = one.map(lambda content: (_square(content, size), True))
        one = one.ignore_errors()
        return one.concatenate(tf.data.Dataset.from_tensors(nothing)).take(1)

    rows = tf.data.Dataset.from_tensor_slices(files).flat_map(decoded)
    count = tf.size(files, tf.int64)
    images, found = rows.batch(count).get_single_element()
    images = tf.ensure_shape(images, [None, size, size, 3])
    return images, tf.ensure_shape(found, [None])


def _square(content, size):
    """The middle of a picture file, uint8 [size, size, 3]."""
    is_png = tf.strings.substr(content, 0, 8) == _PNG
    shape = tf.cond(
        is_png,
        lambda: _png_shape(content),
        lambda: tf.io.extract_jpeg_shape(content)[:2],
    )
    height, width = tf.unstack(tf.cast(shape, tf.int64))
    # Before it takes the memory.
    fits = tf.debugging.Assert(
        height * width <= pictures.MAX_PIXELS, [_NO_PICTURE]
    )
    with tf.control_dependencies([fits]):
        image = tf.cond(
            is_png,
            lambda: _on_white(tf.io.decode_png(content, channels=4)),
            lambda: tf.cast(tf.io.decode_jpeg(content, channels=3), "float32"),
        )
    side = tf.minimum(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    image = image[top : top + side, left : left + side]
    image = tf.image.resize(image, [size, size], antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(image), 0.0, 255.0), tf.uint8)


def _png_shape(content):
    """int32 [2]: height and width, as the header has them."""
    header = tf.strings.substr(content, 16, 8)
    width, height = tf.unstack(
        tf.io.decode_raw(header, tf.int32, little_endian=False)[:2], 2
    )
    return tf.stack([height, width])


def _on_white(rgba):
    rgba = tf.cast(rgba, tf.float32)
    alpha = rgba[..., 3:] / 255.0
    return rgba[..., :3] * alpha + 255.0 * (1.0 - alpha)
