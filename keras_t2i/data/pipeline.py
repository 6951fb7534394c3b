"""From captioned pictures to batches whose order is a pure function."""

import functools
import hashlib
import itertools
import json
import re
import warnings

import keras
import numpy as np

from keras_t2i.data.batches import Batches

# Decoded pictures stay in memory if all of them take less than this.
KEEP_BYTES = 1_000_000_000
# A mirrored picture would contradict a caption that names a side.
_SIDE = re.compile(r"\b(left|right)\b|[左右]", re.IGNORECASE)


class CaptionedPictures:
    """The pictures of one split with their captions.

    Args:
        texts: list with the captions (a list of strings) of each picture.
        class_ids: whole number of the class of each picture.
        names: what to call each picture in a message.
        read: function of a picture's index that returns uint8 `[h, w, 3]`
            and raises `ValueError` or `OSError` where that fails.
        folder: where the pictures come from, or None.
        keep: whether pictures stay in memory once they are read.
        size: function of a picture's index that returns the bytes of its
            file, or None where there are no files.
        features: `PackedFeatures` of the captions, or None.
        attribute_names: A names, or None.
        attributes: float32 [N, A], or None.
    """

    def __init__(
        self,
        texts,
        class_ids,
        names,
        read,
        folder=None,
        keep=True,
        size=None,
        features=None,
        attribute_names=None,
        attributes=None,
    ):
        self.texts = texts
        self.features = features
        self.attribute_names = attribute_names
        self.attributes = attributes
        self.class_ids = np.asarray(class_ids, "int64")
        self.folder = folder
        self.failed = {}
        self._names = names
        self._read = read
        self._size = size
        self._kept = {} if keep else None

    def __len__(self):
        return len(self.texts)

    @property
    def captions(self):
        """All different captions, in order of first appearance."""
        return list(dict.fromkeys(itertools.chain.from_iterable(self.texts)))

    def facts(self):
        """What tells these pictures from others without reading them.

        Returns:
            dict of the number of pictures and digests of captions, classes,
            names and file sizes; JSON values.
        """
        sizes = None
        if self._size is not None:
            sizes = [self._size(i) for i in range(len(self))]
        found = {
            "pictures": len(self),
            "captions": digest(self.texts),
            "classes": digest(self.class_ids.tolist()),
            "file names": digest(self._names),
            "file sizes": digest(sizes),
        }
        if self.attributes is not None:
            table = [self.attribute_names, self.attributes.tolist()]
            found["attributes"] = digest(table)
        return found

    def picture(self, index):
        """A picture, or its next neighbor that can be read.

        Args:
            index: number of the picture.

        Returns:
            The index of the picture returned, and it as uint8 `[h, w, 3]`.

        Raises:
            ValueError: no picture at all can be read.
        """
        for number in itertools.chain(range(index, len(self)), range(index)):
            if self._kept is not None and number in self._kept:
                return number, self._kept[number]
            if number in self.failed:
                continue
            try:
                picture = self._read(number)
            except (ValueError, OSError) as error:
                self._note_failure(number, error)
                continue
            if self._kept is not None:
                self._kept[number] = picture
            return number, picture
        raise ValueError(
            f"None of the {len(self)} pictures can be read. Folder: "
            f"{self.folder}"
        )

    def _note_failure(self, number, error):
        if number in self.failed:  # Another thread was first.
            return
        self.failed[number] = str(error)
        warnings.warn(
            f"{self._names[number]} is damaged and another picture takes its "
            f"place ({len(self.failed)} so far of {len(self)}): {error}",
            stacklevel=2,
        )


def dataset(
    source,
    image_size,
    batch_size,
    seed,
    training,
    repeat,
    start_step,
    mirror,
    captions_per_picture=1,
):
    """Batches of `source`.

    The batch of global step `s` is a pure function of `(seed, s)`: no
    iterator holds hidden state, so a run can go on from any step.

    Args:
        source: `CaptionedPictures`.
        image_size: height and width of the crops.
        batch_size: pictures in a batch.
        seed: whole number >= 0.
        training: shuffle, crop at random, draw one of the captions and drop
            the last partial batch; else everything in order, crops from the
            center and first captions.
        repeat: endless, from `start_step` on; else one epoch, another one
            each time that the dataset is iterated over.
        start_step: global step of the first batch, with `repeat`.
        mirror: mirror half of the training pictures, except where the
            caption names a side.
        captions_per_picture: K captions a picture, drawn with replacement
            (without `training` the first K, over again if there are fewer).

    Returns:
        `tf.data.Dataset` of `({"text": string [B], "class_id": int64 [B]},
        uint8 [B, image_size, image_size, 3])`; `text` is [B, K] for K > 1.
        Of a source with attributes there is also "attributes", float32 [B, A].
        On JAX, which is used where there may be no TensorFlow, `Batches` of
        NumPy arrays.
        Its attributes: `source`; `facts`, a function without arguments that
        returns what its batches depend on as JSON values; and `from_step`, a
        function of `(step, endless)` that returns the same batches from a
        global step on.
    """
    _check(
        source,
        batch_size,
        seed,
        training,
        repeat,
        start_step,
        captions_per_picture,
    )
    count = len(source)
    steps = count // batch_size if training else -(-count // batch_size)
    # What is known of each picture, beside its captions.
    tables = {"class_id": source.class_ids}
    if source.attributes is not None:
        tables["attributes"] = source.attributes

    @functools.lru_cache(maxsize=2)
    def order(epoch):
        return np.random.default_rng((seed, epoch)).permutation(count)

    def batch(step):
        epoch, step = divmod(int(step), steps)
        rows = np.arange(step * batch_size, min(count, (step + 1) * batch_size))
        draws = np.full((len(rows), 3 + captions_per_picture), 0.5)
        if training:
            rows = order(epoch)[rows]
            rng = np.random.default_rng((seed, epoch, step))
            draws = rng.random(draws.shape)
        texts, rows, images = zip(
            *(example(row, draw) for row, draw in zip(rows, draws))
        )
        rows = list(rows)
        texts = [[text.encode() for text in some] for some in texts]
        if captions_per_picture == 1:
            texts = [text for (text,) in texts]
        labels = [table[rows] for table in tables.values()]
        return np.array(texts, object), *labels, np.stack(images)

    def example(row, draw):
        row, picture = source.picture(row)
        y, x, side, *which = draw
        texts = source.texts[row]
        if training:
            chosen = [texts[int(w * len(texts))] for w in which]
        else:
            chosen = [texts[i % len(texts)] for i in range(len(which))]
        crop = crop_square(picture, image_size, y, x)
        names_a_side = any(_SIDE.search(text) for text in chosen)
        if training and mirror and side < 0.5 and not names_a_side:
            crop = crop[:, ::-1]
        return chosen, row, crop

    def facts():
        return {
            **source.facts(),
            "image_size": int(image_size),
            "batch_size": int(batch_size),
            "seed": int(seed),
            "training": training,
            "mirror": mirror,
            "captions_per_picture": int(captions_per_picture),
        }

    if keras.backend.backend() != "tensorflow":

        def arrays(step):
            text, *labels, images = batch(step)
            return {"text": text, **dict(zip(tables, labels))}, images

        shape = (image_size, image_size, 3)
        return Batches(
            arrays, steps, shape, repeat, start_step, source, facts
        )

    import tensorflow as tf

    def tensors(step):
        dtypes = [table.dtype for table in tables.values()]
        text, *labels, images = tf.numpy_function(
            batch, [step], [tf.string, *dtypes, tf.uint8], stateful=False
        )
        size = batch_size if training else None
        text.set_shape(
            [size] if captions_per_picture == 1 else [size, captions_per_picture]
        )
        for label, table in zip(labels, tables.values()):
            label.set_shape([size, *table.shape[1:]])
        images.set_shape([size, image_size, image_size, 3])
        return {"text": text, **dict(zip(tables, labels))}, images

    def from_step(step, endless):
        batches = step_numbers(steps, endless, step)
        batches = batches.map(
            tensors, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        ).prefetch(tf.data.AUTOTUNE)
        options = tf.data.Options()
        # There are no files that tf.data could deal out to several workers.
        options.experimental_distribute.auto_shard_policy = (
            tf.data.experimental.AutoShardPolicy.DATA
        )
        batches = batches.with_options(options)
        batches.source = source
        batches.from_step = from_step
        batches.facts = facts
        return batches

    return from_step(start_step, repeat)


def crop_square(picture, size, y=0.5, x=0.5):
    """A square of a picture `[h, w, 3]`; `y` and `x` in 0..1 say where."""
    top = int(y * (picture.shape[0] - size + 1))
    left = int(x * (picture.shape[1] - size + 1))
    return picture[top : top + size, left : left + size]


def digest(value):
    """Twelve characters that stand for a JSON value, or for bytes."""
    if not isinstance(value, bytes):
        value = json.dumps(value, default=repr).encode()
    return hashlib.sha256(value).hexdigest()[:12]


def step_numbers(steps, endless, start_step=0):
    """Numbers of the global steps from one on.

    Args:
        steps: steps in an epoch.
        endless: True counts on; False gives `steps` numbers, and those of
            the next epoch each time that the dataset is iterated over.
        start_step: the first number. Inside an epoch, the first iteration
            goes past its end and the second one starts there.

    Returns:
        `tf.data.Dataset` of int64 scalars.
    """
    import tensorflow as tf

    if endless:
        return tf.data.Dataset.counter(start_step)
    next_epoch_at = (start_step // steps + 1) * steps
    starts = itertools.chain(
        [start_step], itertools.count(next_epoch_at, steps)
    )

    def next_epoch(_):
        start = tf.numpy_function(lambda: np.int64(next(starts)), [], tf.int64)
        start.set_shape([])
        return tf.data.Dataset.range(start, start + steps)

    numbers = tf.data.Dataset.range(1).flat_map(next_epoch)
    return numbers.apply(tf.data.experimental.assert_cardinality(steps))


def _check(
    source,
    batch_size,
    seed,
    training,
    repeat,
    start_step,
    captions_per_picture,
):
    for name, value, least in (
        ("batch_size", batch_size, 1),
        ("seed", seed, 0),
        ("start_step", start_step, 0),
        ("captions_per_picture", captions_per_picture, 1),
    ):
        if not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(
                f"{name} must be a whole number >= {least}. Received: "
                f"{name}={value!r}"
            )
    if start_step and not repeat:
        raise ValueError(
            "start_step counts the steps of an endless dataset: give "
            f"repeat=True too. Received: start_step={start_step}"
        )
    if training and batch_size > len(source):
        raise ValueError(
            f"batch_size={batch_size} is larger than the training set of "
            f"{len(source)} pictures, which would give no batch at all. "
            "Choose a smaller batch_size."
        )
