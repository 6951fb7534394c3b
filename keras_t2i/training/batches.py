"""From captioned pictures to what the compiled step takes, without TensorFlow.

The counterpart of `keras_t2i.training.pipeline` on JAX: the same functions,
over `keras_t2i.data.Batches` in place of `tf.data.Dataset`. From the same
pictures and seed they give the same batches.
"""

import types

import keras
import numpy as np

from keras_t2i import pictures
from keras_t2i.data import Batches
from keras_t2i.data.pipeline import digest
from keras_t2i.text.features import feature_lookup


def as_dataset(x, y=None, batch_size=None, start_step=0):
    """Wraps lists and arrays; checks what they hold.

    Args:
        x: `Batches`, or N captions (list, NumPy strings, or dict of `text`
            and `class_id`).
        y: uint8 [N, H, W, 3] where `x` holds captions.
        batch_size: where `x` holds captions; default 64, at most N.
        start_step: training steps made so far, where `x` holds captions.

    Returns:
        `Batches` of ({"text", "class_id"}, uint8 [B, H, W, 3]).

    Raises:
        ValueError: if they have another form.
    """
    if isinstance(x, Batches):
        check_no_arrays(y, batch_size)
        return x
    if hasattr(x, "element_spec"):
        raise ValueError(
            "On JAX `fit` takes what `keras_t2i.data.load` gives there, or "
            "captions and pictures as arrays. Received: "
            f"{type(x).__name__}. For a tf.data.Dataset set "
            "KERAS_BACKEND=tensorflow."
        )
    x, y, size = checked_arrays(x, y, batch_size)
    count = len(y)
    steps = count // size
    text = x["text"]
    if text.dtype.kind not in "OSU":
        raise ValueError(f"Captions must be strings. Received: {text.dtype}")
    if y.dtype != np.uint8 or y.ndim != 4 or y.shape[-1] != 3:
        raise ValueError(
            "Pictures must be uint8 [N, H, W, 3]. Received: "
            f"{y.dtype} {list(y.shape)}"
        )

    def read(step):
        epoch, step = divmod(step, steps)
        order = np.random.default_rng(epoch).permutation(count)
        rows = order[step * size : (step + 1) * size]
        # Without classes every picture of the batch is a class of its own.
        class_id = x["class_id"][rows] if "class_id" in x else np.arange(size)
        return {"text": text[rows], "class_id": class_id}, y[rows]

    captions = list(dict.fromkeys(text.ravel().tolist()))
    source = types.SimpleNamespace(captions=captions, folder=None)
    start_step -= start_step % steps
    return Batches(
        read,
        steps,
        y.shape[1:],
        start_step=start_step,
        source=source,
        facts=lambda: array_facts(x, y, size),
    )


def with_empty_captions(pictures):
    """`Batches` have captions already; others are refused by `as_dataset`."""
    return pictures


def array_facts(x, y, batch_size):
    """What batches of arrays depend on, as JSON values."""
    return {
        "pictures": digest(y.tobytes()),
        "batch_size": batch_size,
        **{name: digest(value.tolist()) for name, value in x.items()},
    }


def check_no_arrays(y, batch_size):
    """Raises ValueError for arguments that a dataset brings itself."""
    if y is not None or batch_size is not None:
        raise ValueError(
            "A dataset is batched already and holds its pictures: leave out "
            "`y` and `batch_size`."
        )


def checked_arrays(x, y, batch_size):
    """Captions (dict of arrays), pictures, and the batch size to take.

    Raises:
        ValueError: if one is missing, or they are not equally many.
    """
    if x is None or y is None:
        raise ValueError(
            "`fit` takes a dataset of (captions, pictures) as "
            "`keras_t2i.data.load` gives, or captions `x` with pictures `y`. "
            f"Received: x={type(x).__name__}, y={type(y).__name__}"
        )
    x = dict(x) if isinstance(x, dict) else {"text": x}
    if "text" not in x:
        raise ValueError(
            "Captions in a dict are its `text`. Received the keys "
            f"{sorted(x)}"
        )
    x = {key: np.asarray(value) for key, value in x.items()}
    y = np.asarray(y)
    count = len(y)
    if any(len(value) != count for value in x.values()) or not count:
        raise ValueError(
            "Captions and pictures must be equally many, and at least one. "
            f"Received: {len(x['text'])} captions, {count} pictures"
        )
    return x, y, min(batch_size or 64, count)


def picture_size(batches):
    """Height of the square pictures of `Batches`.

    Raises:
        ValueError: if pictures are not square.
    """
    height, width, _ = batches.picture_shape
    if height != width:
        raise ValueError(
            f"Pictures must be square. Received: {height} x {width}. "
            "`keras_t2i.data.load(..., image_size=64)` crops them."
        )
    return height


def resized(batches, size):
    """Pictures brought to another size, the rest as it is."""
    if batches.picture_shape[:2] == (size, size):
        return batches
    found = batches.map(lambda x, y: (x, pictures.resized(y, size)))
    found.picture_shape = (size, size, 3)
    return found


def endless(batches, step):
    """The batches over and over, from a global step on."""
    return batches.from_step(step, True)


def captions_of(batches):
    """The captions of `Batches`, to count words in: list of str or bytes."""
    return batches.source.captions


def with_features(batches, encoder, words=False, progress=True, weigh=None):
    """Replaces captions by their features, or by tokens for training.

    Features of a frozen encoder are computed once, all of them beforehand:
    while `fit` runs on JAX no layer has its weights. Where a picture comes
    with K captions, text [B, K], their sentences are averaged.

    Args:
        batches: from `as_dataset`.
        encoder: `keras_t2i.text.TextEncoder`, or None to drop the captions.
        words: True gives word features too, of one caption a picture.
        progress: whether a bar shows how far the captions are.
        weigh: callable from B captions to float32 [B, T], how much each of
            their words counts.

    Returns:
        `Batches` of (x, pictures), where x holds "class_id" and "tokens", or
        "sentence" [B, S] and, if asked for, "words" [B, T, W] and "mask"
        [B, T]; with `weigh` also "weights" [B, T].
    """
    if encoder is None:
        return batches.map(lambda x, y: (without_text(x), y))
    if weigh is not None:
        batches = batches.map(
            lambda x, y: ({**x, "weights": weigh(x["text"])}, y)
        )
    if not encoder.frozen:

        def tokens(x, y):
            check_one_caption(x["text"].shape)
            found = encoder.tokenize(x["text"])
            return {"tokens": found, **without_text(x)}, y

        return batches.map(tokens)

    lookup = feature_lookup(batches.source, encoder, words, progress)

    def features(x, y):
        text = x["text"]
        if words:
            check_one_caption(text.shape)
            found = lookup(text)._asdict()
        else:
            sentence = lookup(text.ravel())
            if text.ndim == 2:
                sentence = sentence.reshape(*text.shape, -1).mean(axis=1)
            found = {"sentence": sentence}
        return {**found, **without_text(x)}, y

    return batches.map(features)


def without_text(x):
    """The rest of a batch's x."""
    return {name: value for name, value in x.items() if name != "text"}


def check_one_caption(shape):
    """Raises ValueError for several captions a picture."""
    if len(shape) != 1:
        raise ValueError(
            "Words, and an encoder that trains, take one caption a picture, "
            f"text [B]. Received: text of shape {tuple(shape)}"
        )


def for_fit(batches):
    """`Batches` as Keras takes them."""
    return _Sequence(batches)


class _Sequence(keras.utils.PyDataset):
    # Keras asks from 0 upwards, again from 0 for another pass.

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    @property
    def num_batches(self):
        return None if self.batches.repeat else len(self.batches)

    def __getitem__(self, index):
        if index == 0:
            self.iterator = iter(self.batches)
        return next(self.iterator)
