"""From captioned pictures to what the compiled step takes.

Strings never enter the step: here captions become cached features of a frozen
encoder, or the tokens of one that is trained.
"""

import functools

import numpy as np
import tensorflow as tf

from keras_t2i import pictures
from keras_t2i.data import pipeline as data_pipeline
from keras_t2i.text.features import feature_lookup
from keras_t2i.training.batches import array_facts
from keras_t2i.training.batches import check_no_arrays
from keras_t2i.training.batches import check_one_caption
from keras_t2i.training.batches import checked_arrays
from keras_t2i.training.batches import without_text


def as_dataset(x, y=None, batch_size=None, start_step=0):
    """Wraps lists and arrays; checks what a dataset yields.

    Args:
        x: `tf.data.Dataset` of (captions, pictures), or N captions (list,
            NumPy strings, or dict of `text` and `class_id`).
        y: uint8 [N, H, W, 3] where `x` holds captions.
        batch_size: where `x` holds captions; default 64, at most N.
        start_step: training steps made so far, where `x` holds captions: their
            order is a function of the epoch, so training in parts sees what
            training at once would.

    Returns:
        `tf.data.Dataset` of ({"text", "class_id"}, uint8 [B, H, W, 3]). Its
        attributes `source`, `facts` and `from_step` are those of
        `keras_t2i.data` datasets; arrays have the last two, and what another
        dataset lacks is None.

    Raises:
        ValueError: if elements have another form.
    """
    if isinstance(x, tf.data.Dataset):
        check_no_arrays(y, batch_size)
        dataset = x
    else:
        dataset = _from_arrays(x, y, batch_size, start_step)
    return _normalized(dataset)


def with_empty_captions(pictures):
    """A dataset of pictures alone as one of (captions, pictures).

    Args:
        pictures: `tf.data.Dataset` of uint8 [B, H, W, 3], or with captions,
            which stay.
    """
    if isinstance(pictures.element_spec, tuple):
        return pictures
    return pictures.map(lambda y: (tf.fill(tf.shape(y)[:1], ""), y))


def _normalized(given):
    _check_elements(given.element_spec)

    def normalize(x, y):
        x = x if isinstance(x, dict) else {"text": x}
        # Without classes every picture of the batch is a class of its own.
        own = tf.range(tf.shape(y, tf.int64)[0])
        return {**x, "class_id": x.get("class_id", own)}, y

    dataset = given.map(normalize, tf.data.AUTOTUNE)
    dataset.source = getattr(given, "source", None)
    dataset.facts = getattr(given, "facts", None)
    from_step = getattr(given, "from_step", None)
    dataset.from_step = from_step and (
        lambda step, endless: _normalized(from_step(step, endless))
    )
    return dataset


def captions_by_picture(dataset):
    """The captions of a dataset from `as_dataset`, to count words in.

    Returns:
        list of the captions, str or bytes, of each picture. Of a dataset
        without a `source`, which may have no end, every caption of the first
        1000 batches, each as if it were of a picture of its own.
    """
    if dataset.source is not None:
        return dataset.source.texts
    if dataset.from_step is not None:
        # To iterate over the dataset itself would use up its first epoch.
        dataset = dataset.from_step(0, False)
    texts = dataset.map(lambda x, y: x["text"]).take(1000)
    parts = [np.ravel(text) for text in texts.as_numpy_iterator()]
    return [[text] for text in dict.fromkeys(np.concatenate(parts).tolist())]


def _from_arrays(x, y, batch_size, start_step):
    x, y, size = checked_arrays(x, y, batch_size)
    count = len(y)
    steps = count // size
    columns = tf.nest.map_structure(tf.convert_to_tensor, (x, y))

    @functools.lru_cache(maxsize=2)
    def order(epoch):
        return np.random.default_rng(epoch).permutation(count)

    def rows_of(step):
        epoch, step = divmod(int(step), steps)
        return order(epoch)[step * size : (step + 1) * size]

    def batch(step):
        rows = tf.numpy_function(rows_of, [step], tf.int64, stateful=False)
        rows.set_shape([size])
        return tf.nest.map_structure(lambda c: tf.gather(c, rows), columns)

    def from_step(step, endless):
        numbers = data_pipeline.step_numbers(steps, endless, step)
        dataset = numbers.map(batch)
        dataset.from_step = from_step
        dataset.facts = lambda: array_facts(x, y, size)
        return dataset

    return from_step(start_step // steps * steps, endless=False)


def _check_elements(spec):
    expected = (
        "Expected elements (captions, pictures): captions a string tensor [B] "
        'or {"text": string [B], "class_id": int64 [B]}, pictures uint8 '
        "[B, H, W, 3]. `keras_t2i.data.load` gives these."
    )
    if not isinstance(spec, tuple) or len(spec) != 2:
        raise ValueError(f"{expected} Received: {spec}")
    text, pictures = spec
    if isinstance(text, dict):
        text = text.get("text")
    if getattr(text, "dtype", None) != tf.string or text.shape.rank == 0:
        raise ValueError(f"{expected} Received captions: {text}")
    if getattr(pictures, "dtype", None) != tf.uint8:
        raise ValueError(f"{expected} Received pictures: {pictures}")
    shape = pictures.shape
    if shape.rank != 4 or shape[-1] not in (3, None):
        raise ValueError(f"{expected} Received pictures of shape {shape}")


def picture_size(dataset):
    """Height of the square pictures of a dataset from `as_dataset`.

    Raises:
        ValueError: if pictures are not square, or there is none.
    """
    shape = dataset.element_spec[1].shape[1:3]
    if not shape.is_fully_defined():
        # The pipeline does not know its size; one element does.
        for _, pictures in dataset.take(1):
            shape = pictures.shape[1:3]
    if not shape.is_fully_defined():
        raise ValueError("The dataset is empty: it has no first batch.")
    height, width = shape
    if height != width:
        raise ValueError(
            f"Pictures must be square. Received: {height} x {width}. "
            "`keras_t2i.data.load(..., image_size=64)` crops them."
        )
    return height


def resized(dataset, size):
    """Pictures brought to another size, the rest as it is.

    Args:
        dataset: from `as_dataset`.
        size: height and width.
    """
    if dataset.element_spec[1].shape[1:3] == [size, size]:
        return dataset

    def resize(x, y):
        count = y.shape[0]
        y = tf.numpy_function(
            lambda y: pictures.resized(y, size), [y], tf.uint8, stateful=False
        )
        y.set_shape([count, size, size, 3])
        return x, y

    result = dataset.map(resize, tf.data.AUTOTUNE)
    result.source, result.facts = dataset.source, dataset.facts
    return result


def endless(dataset, step):
    """The dataset over and over, from a global step on.

    Args:
        dataset: from `as_dataset`.
        step: number of its first batch.
    """
    if dataset.from_step is not None:
        return dataset.from_step(step, True)
    result = dataset.repeat().skip(step)
    result.source, result.facts = dataset.source, dataset.facts
    return result


def with_features(
    dataset, encoder, words=False, progress=True, weigh=None
):
    """Replaces captions by their features, or by tokens for training.

    Features of a frozen encoder are computed once: all captions of a dataset
    from `data.load` beforehand, others when they first come. Where a picture
    comes with K captions, text [B, K], their sentences are averaged.

    Args:
        dataset: from `as_dataset`.
        encoder: `keras_t2i.text.TextEncoder`, or None to drop the captions.
        words: True gives word features too, of one caption a picture.
        progress: whether a bar shows how far the captions are.
        weigh: callable from B captions to float32 [B, T], how much each of
            their words counts.

    Returns:
        `tf.data.Dataset` of (x, pictures), where x holds "class_id" and
        "tokens", or "sentence" [B, S] and, if asked for, "words" [B, T, W]
        and "mask" [B, T]; with `weigh` also "weights" [B, T].

    Raises:
        ValueError: for several captions a picture where one is needed.
    """
    if encoder is None:
        return dataset.map(lambda x, y: (without_text(x), y))
    text = dataset.element_spec[0]["text"]
    if words or not encoder.frozen:
        check_one_caption(text.shape)
    if weigh is not None:

        def weights(x, y):
            found = tf.numpy_function(weigh, [x["text"]], tf.float32)
            found.set_shape([y.shape[0], encoder.max_length])
            return {**x, "weights": found}, y

        source = dataset.source
        dataset = dataset.map(weights, tf.data.AUTOTUNE)
        dataset.source = source
    if not encoder.frozen:

        def tokens(x, y):
            return {"tokens": encoder.tokenize(x.pop("text")), **x}, y

        return dataset.map(tokens, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)

    lookup = feature_lookup(dataset.source, encoder, words, progress)

    def features(x, y):
        text = x.pop("text")
        sentence = tf.numpy_function(
            lookup, [tf.reshape(text, [-1])], tf.float32
        )
        width = encoder.sentence_width
        if text.shape.rank == 2:
            sentence = tf.reshape(sentence, [-1, text.shape[1], width])
            sentence = tf.reduce_mean(sentence, axis=1)
        sentence.set_shape([y.shape[0], width])
        return {"sentence": sentence, **x}, y

    def word_features(x, y):
        sentence, words, mask = tf.numpy_function(
            lookup, [x.pop("text")], [tf.float32] * 3
        )
        count, length = y.shape[0], encoder.max_length
        sentence.set_shape([count, encoder.sentence_width])
        words.set_shape([count, length, encoder.word_width])
        mask.set_shape([count, length])
        found = {"sentence": sentence, "words": words, "mask": mask}
        return {**found, **x}, y

    dataset = dataset.map(
        word_features if words else features, tf.data.AUTOTUNE
    )
    return dataset.prefetch(tf.data.AUTOTUNE)


def for_fit(dataset):
    """The dataset as Keras takes it."""
    return dataset
