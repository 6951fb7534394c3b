"""What every text-to-image method offers to its users."""

import keras
import numpy as np
from keras import ops

from keras_t2i.data import Batches
from keras_t2i.models.drawing import batches_of
from keras_t2i.models.drawing import latents_and_truncation
from keras_t2i.models.preset_model import PresetModel
from keras_t2i.models.settings import check_whole_numbers
from keras_t2i.training import backend


class TextToImageModel(PresetModel):
    """Adds `generate` to a model with presets.

    A method has a setting `latent_width`, and provides `synthesize(latents,
    features, training=False)`, which draws float pictures in [-1, 1] with the
    averaged weights; `training=True` refreshes their statistics. With a setting
    `text_noise` its losses can use `noisy`.
    """

    @property
    def latent_width(self):
        """Z, the width of the latents."""
        return self.settings["latent_width"]

    @property
    def drawn_words(self):
        """T, how many words of a text `synthesize` reads; 0 for none."""
        return self.text_encoder.max_length if self.uses_words else 0

    def synthesize(self, latents, features, training=False):
        raise NotImplementedError

    def call(self, inputs, training=False):
        """Float pictures [B, H, W, 3] in [-1, 1] from (latents, features)."""
        latents, features = inputs
        return self.synthesize(latents, features)

    def noisy(self, sentence):
        """Sentences with `text_noise`, whose length does not depend on S."""
        noise = self.settings["text_noise"]
        if not noise:
            return sentence
        shape = ops.shape(sentence)
        return sentence + noise / float(shape[1]) ** 0.5 * self.draw_noise(shape)

    def refresh_averages(self, batch):
        features = batch["features"]
        shape = (ops.shape(features.sentence)[0], self.latent_width)
        self.synthesize(self.draw_noise(shape), features, training=True)

    def generate(
        self, text, seed=None, truncation=None, num_images=1, batch_size=None
    ):
        """Draws pictures for captions.

        Args:
            text: one caption, a list of N captions, or a `tf.data.Dataset` of
                captions (or of (captions, pictures)).
            seed: integer. The same seed gives the same bytes; row i depends on
                (seed, i) and not on the batch size. None draws a new one.
            truncation: in (0, 1]; scales the latents. Smaller is more typical
                and less varied. None means 1.
            num_images: pictures a caption.
            batch_size: pictures drawn at once; default 64.

        Returns:
            uint8 NumPy array [N * num_images, H, W, 3], in the order of the
            captions.

        Raises:
            ValueError: for an empty caption or list, a number out of its
                range, or a model that was neither trained nor loaded.
        """
        asked = self.asked(text, seed, truncation, num_images)
        return self.draw(*asked, batch_size)

    def asked(self, text, seed, truncation, num_images):
        """What `draw` takes for the arguments of `generate`."""
        captions = as_captions(text)
        check_whole_numbers({"num_images": num_images}, {"num_images": 1})
        features = self.text_encoder.encode(captions)
        rows = np.repeat(np.arange(len(captions)), num_images)
        return self.latents_for(len(rows), seed, truncation), features, rows

    def latents_for(self, count, seed=None, truncation=None):
        """Latents of `generate`: float32 [count, latent_width]."""
        latents, scale = latents_and_truncation(
            count, self.latent_width, seed, truncation
        )
        return latents * scale

    def draw(self, latents, features, rows=None, batch_size=None):
        """Draws one picture for each row of `latents`.

        Args:
            latents: [N, latent_width].
            features: `TextFeatures` of M captions.
            rows: int [N], the caption of each picture; None means M = N.
            batch_size: pictures drawn at once; default 64.

        Returns:
            uint8 NumPy array [N, H, W, 3].
        """
        parts = self.in_batches(
            self._draw_batch, latents, features, rows, batch_size
        )
        return np.concatenate(list(parts))

    def in_batches(self, function, latents, features, rows, batch_size):
        """Yields what a compiled function gives for batch after batch."""
        self.check_built()
        rows = np.arange(len(latents)) if rows is None else rows
        for some in batches_of(len(rows), batch_size):
            part = type(features)(
                *(None if f is None else f[rows[some]] for f in features)
            )
            result = function(latents[some], part)
            yield keras.tree.map_structure(np.asarray, result)

    @property
    def _draw_batch(self):
        # One compiled function for the life of the model: `predict` builds a
        # data pipeline at every call, which costs more than the picture.
        if self._compiled_draw is None:

            def draw(latents, features):
                return self.to_uint8(self.synthesize(latents, features))

            self._compiled_draw = backend.compiled(draw, self)
        return self._compiled_draw

    _compiled_draw = None


def as_captions(text):
    """A list of captions from a string, a list, an array or a dataset.

    Raises:
        ValueError: if there is none, one is empty or no string, or a dataset
            has no end.
    """
    if isinstance(text, (str, bytes)):
        text = [text]
    elif isinstance(text, Batches) or hasattr(text, "element_spec"):
        if _never_ends(text):
            raise ValueError(
                "The dataset of captions never ends. Give one pass over them: "
                "load it without `repeat=True`, or use `dataset.take(n)`."
            )
        batches = []
        for element in text:
            x = element[0] if isinstance(element, tuple) else element
            x = x["text"] if isinstance(x, dict) else x
            batches.append(np.atleast_1d(np.asarray(x)))
        text = np.concatenate(batches) if batches else []
    captions = [
        t.decode("utf-8", "replace") if isinstance(t, bytes) else t
        for t in np.asarray(text, dtype=object).ravel()
    ]
    if not captions:
        raise ValueError("Give at least one caption. Received an empty list.")
    for number, caption in enumerate(captions):
        if not isinstance(caption, str) or not caption.strip():
            raise ValueError(
                "Every caption must be text of at least one word. "
                f"Received: {caption!r} at position {number}"
            )
    return captions


def _never_ends(dataset):
    if isinstance(dataset, Batches):
        return dataset.repeat
    return int(dataset.cardinality()) == -1  # tf.data's sign for endless.
