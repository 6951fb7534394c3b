"""The text encoder of DAMSM: a bidirectional LSTM over words, trained here."""

import keras
from keras import layers
from keras import ops

from keras_t2i.text.encoder import TextEncoder
from keras_t2i.text.encoder import TextFeatures
from keras_t2i.text.encoder import as_strings
from keras_t2i.text.words import word_numbers
from keras_t2i.text.words import words


@keras.saving.register_keras_serializable("keras_t2i")
class BiLSTMTextEncoder(TextEncoder):
    """Words -> embedding -> LSTM in both directions -> words and sentence.

    `words` are the states of both directions at each word, `sentence` their
    last states. Words are lower-cased runs of letters and digits, single
    characters in Chinese and other unspaced writings, and each is hashed to a
    row of the embedding: there is no vocabulary to collect, and any writing
    can be read. What a text says does not depend on how far it is padded.

    Train it inside a model, such as `ImageTextMatcher`. After that
    `encoder.frozen = True` makes it a cached encoder.

    Args:
        width: width of words and sentence, half of it for each direction.
        embedding_width: width of the embedding.
        max_length: how many words are read; `encode` warns about longer
            texts.
        num_buckets: rows of the embedding.
        dropout: share of the embedding that training drops.
        frozen: whether the weights stay as they are.

    Raises:
        ValueError: for an odd `width`.

    Example:

    ```python
    encoder = BiLSTMTextEncoder()
    encoder.encode(["a red flower", "一朵红花"]).words.shape  # (2, 24, 256)
    ```

    Reference: Xu et al. 2018, "AttnGAN", section 3.2 and its code.
    """

    def __init__(
        self,
        width=256,
        embedding_width=300,
        max_length=24,
        num_buckets=8192,
        dropout=0.5,
        frozen=False,
        **kwargs,
    ):
        super().__init__(frozen=frozen, **kwargs)
        self.width = width
        self.embedding_width = embedding_width
        self._max_length = max_length
        self.num_buckets = num_buckets
        self.dropout = dropout
        self.embedding = layers.Embedding(
            1 + num_buckets,
            embedding_width,
            embeddings_initializer=keras.initializers.RandomUniform(-0.1, 0.1),
        )
        self.drop = layers.Dropout(dropout)
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

    @property
    def max_length(self):
        return self._max_length

    def tokenize(self, strings):
        """See `TextEncoder.tokenize`.

        Returns:
            dict of int32 `words` `[B, max_length]`, rows of the embedding from
            1 on, 0 where there is no word.
        """
        numbers = word_numbers(strings, self.max_length, self.num_buckets)
        return {"words": numbers}

    def call(self, tokens, training=False):
        is_word = ops.not_equal(tokens["words"], 0)  # [B, T]
        x = self.drop(self.embedding(tokens["words"]), training=training)
        return read(self.recurrent, x, is_word, training)

    def warn_unreadable(self, strings):
        """Warns, once, of texts of more than `max_length` words.

        Args:
            strings: list of str or bytes.
        """
        strings = as_strings(strings)
        self._warn(
            strings,
            [len(words(s)) > self.max_length for s in strings],
            f"have more than max_length={self.max_length} words, and what"
            " follows is not read. Raise max_length.",
        )

    def get_config(self):
        return {
            **super().get_config(),
            "width": self.width,
            "embedding_width": self.embedding_width,
            "max_length": self.max_length,
            "num_buckets": self.num_buckets,
            "dropout": self.dropout,
            "frozen": self.frozen,
        }


def both_ways(width):
    """LSTMs that read forwards and backwards, `width / 2` units each.

    Raises:
        ValueError: for an odd width.
    """
    if width < 2 or width % 2:
        raise ValueError(
            "`width` must be even: half of it is for each direction. "
            f"Received: {width}"
        )
    return layers.Bidirectional(
        layers.LSTM(width // 2, return_sequences=True, return_state=True)
    )


def read(recurrent, x, is_word, training):
    """`TextFeatures` of words [B, T, E]: the states, and the last of each way.

    Args:
        recurrent: layer of `both_ways`.
        x: [B, T, E].
        is_word: bool [B, T].
        training: whether the layer trains.
    """
    states, forward, _, backward, _ = recurrent(
        x, mask=is_word, training=training
    )
    mask = ops.cast(is_word, "float32")
    return TextFeatures(
        ops.cast(ops.concatenate([forward, backward], axis=-1), "float32"),
        ops.cast(states, "float32") * mask[..., None],
        mask,
    )
