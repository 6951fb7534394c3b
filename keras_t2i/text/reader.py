"""Reading captions by a vocabulary, without any weights."""

import keras
import numpy as np

from keras_t2i.text import face_words
from keras_t2i.text.encoder import TextEncoder
from keras_t2i.text.encoder import as_texts
from keras_t2i.text.lexicon import Lexicon


@keras.saving.register_keras_serializable("keras_t2i")
class CaptionReader(TextEncoder):
    """Captions as rows of a vocabulary, for models that embed them.

    The vocabulary holds every word in all the spellings and languages that
    its `Lexicon` knows, and is saved with the reader; other words are left
    out.

    Args:
        max_length: how many words are read.
        lexicon: dict of `words` and `attributes` as `Lexicon` takes them;
            None for faces in English and Chinese.
        frozen: only False: captions come as `tokenize` gives them.

    Raises:
        ValueError: for a `frozen` reader.
    """

    def __init__(self, max_length=24, lexicon=None, frozen=False, **kwargs):
        super().__init__(frozen=frozen, **kwargs)
        if frozen and type(self) is CaptionReader:
            raise ValueError("A reader has no features that could be frozen.")
        if lexicon is None:
            lexicon = {
                "words": face_words.WORDS,
                "attributes": face_words.ATTRIBUTES,
            }
        self.lexicon = Lexicon(**lexicon)
        self._max_length = max_length

    @property
    def max_length(self):
        return self._max_length

    def tokenize(self, strings):
        """See `TextEncoder.tokenize`.

        Returns:
            dict of int32 `[B, max_length]`: `words`, rows of the vocabulary
            (0 where there is none), and `names`, the number from 1 on of the
            attribute that a word helps to name (0 for none).
        """
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            if not tf.executing_eagerly():
                found = tf.numpy_function(
                    self._numbers, [strings], [tf.int32] * 2, stateful=False
                )
                for each in found:
                    each.set_shape([strings.shape[0], self.max_length])
                return dict(zip(("words", "names"), found))
        return dict(zip(("words", "names"), self._numbers(strings)))

    def _numbers(self, strings):
        texts = as_texts(strings)
        words, names = np.zeros((2, len(texts), self.max_length), "int32")
        for row, text in enumerate(texts):
            found = self.lexicon.read(text)
            count = min(len(found.words), self.max_length)
            words[row, :count] = found.words[:count]
            names[row, :count] = found.names[:count]
        return words, names

    def spelled(self, strings):
        """See `TextEncoder.spelled`: words as the vocabulary has them."""
        return [
            self._filled(
                (self.lexicon.spelled([number]),)
                for number in self.lexicon.read(text).words
            )
            for text in as_texts(strings)
        ]

    def warn_unreadable(self, strings):
        """Warns, once, of texts without any word of the vocabulary."""
        found = [self.lexicon.read(text).words for text in as_texts(strings)]
        self._warn(
            [s.encode() for s in as_texts(strings)],
            [not words for words in found],
            "have no word of the vocabulary.",
        )

    def get_config(self):
        return {
            **super().get_config(),
            "max_length": self.max_length,
            "lexicon": self.lexicon.get_config(),
            "frozen": self.frozen,
        }
