"""The text encoder of the face editor: FOFE, then an LSTM in both directions.

Patent application on text-driven face change (document 003), steps S221 and
S222.
"""

import keras
from keras import layers
from keras import ops

from keras_t2i.layers import FOFE
from keras_t2i.text.bilstm import both_ways
from keras_t2i.text.bilstm import read
from keras_t2i.text.reader import CaptionReader


@keras.saving.register_keras_serializable("keras_t2i")
class FOFETextEncoder(CaptionReader):
    """Words of a vocabulary -> FOFE -> LSTM in both directions -> sentence.

    `words` are the states of both directions at each word, `sentence` their
    last states.

    Args:
        width: width of words and sentence, half of it for each direction.
        embedding_width: width of the embedding that FOFE runs over.
        alpha: how much of the words before FOFE keeps.
        max_length, lexicon: as in `CaptionReader`.
        frozen: whether the weights stay as they are.

    Raises:
        ValueError: for an odd `width`, or an `alpha` outside of (0, 1).

    Example:

    ```python
    encoder = FOFETextEncoder(width=128)
    encoder.encode(["smiling, black hair", "微笑，黑头发"]).sentence  # twice the same
    ```
    """

    def __init__(
        self,
        width=512,
        embedding_width=64,
        alpha=0.5,
        max_length=24,
        lexicon=None,
        frozen=False,
        **kwargs,
    ):
        super().__init__(max_length, lexicon, frozen, **kwargs)
        self.width = width
        self.embedding_width = embedding_width
        self.alpha = alpha
        self.embedding = layers.Embedding(
            self.lexicon.num_rows, embedding_width
        )
        self.fofe = FOFE(alpha)
        self.recurrent = both_ways(width)
        self.embedding.build()
        self.recurrent.build((None, max_length, embedding_width))
        self.built = True

    @property
    def sentence_width(self):
        return self.width

    @property
    def word_width(self):
        return self.width

    def call(self, tokens, training=False):
        is_word = ops.not_equal(tokens["words"], 0)  # [B, T]
        x = self.fofe(self.embedding(tokens["words"]), is_word)
        return read(self.recurrent, x, is_word, training)

    def get_config(self):
        return {
            **super().get_config(),
            "width": self.width,
            "embedding_width": self.embedding_width,
            "alpha": self.alpha,
        }
