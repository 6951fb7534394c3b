"""Text features inside packed shards. Reading needs no TensorFlow."""

import numpy as np

from keras_t2i.data.layouts.shards import read_at
from keras_t2i.text.encoder import TextFeatures


class PackedFeatures:
    """Features of all captions of packed shards, read where they lie.

    Args:
        encoder: what `describe` gave when they were packed.

    Attributes:
        name: what messages call the encoder.
        words: whether there are word features.
    """

    def __init__(self, encoder):
        self.name = encoder["name"]
        self.words = encoder["words"]
        self._fingerprint = encoder["fingerprint"]
        self._sentence_width = encoder["sentence"]
        self._word_width = encoder["word"]
        self._max_length = encoder["max_length"]
        self._places = {}

    def __len__(self):
        return len(self._places)

    def add(self, caption, shard, start, length, crc):
        """Says where the features of a caption lie, as `encoded` made them."""
        self._places[caption] = shard, start, length, crc

    def serves(self, encoder, words):
        """Whether these are the features that an encoder would compute.

        Args:
            encoder: a `TextEncoder`.
            words: whether word features are needed, too.
        """
        return (
            encoder.frozen
            and (self.words or not words)
            and self._fingerprint == encoder.fingerprint
        )

    def lookup(self, strings, words=False):
        """Features of a batch of captions, in their order.

        Args:
            strings: list or array of B captions, str or UTF-8 bytes.
            words: whether word features are given, too.

        Returns:
            float32 `[B, S]`; with `words` a `TextFeatures` of float32
            `[B, S]`, `[B, T, W]` and `[B, T]`.

        Raises:
            KeyError: a caption is none of the packed ones.
            ValueError: a shard is damaged.
        """
        count, width = len(strings), self._sentence_width
        shape = count, self._max_length
        sentence = np.zeros((count, width), "float32")
        of_words = np.zeros((*shape, self._word_width), "float32")
        mask = np.zeros(shape, "float32")
        for i, text in enumerate(strings):
            text = text.decode() if isinstance(text, bytes) else text
            content = read_at(*self._places[text])
            sentence[i] = np.frombuffer(content, "<f4", width)
            if words:
                some = np.frombuffer(content, "<f2", offset=4 * width)
                some = some.reshape(-1, self._word_width)
                of_words[i, : len(some)] = some
                mask[i, : len(some)] = 1
        return TextFeatures(sentence, of_words, mask) if words else sentence


def describe(encoder, name, words):
    """What `pack.json` says of the encoder of packed features.

    Args:
        encoder: a frozen `TextEncoder`.
        name: what messages call it.
        words: whether word features are packed, too.

    Returns:
        dict of JSON values.
    """
    return {
        "name": name,
        "fingerprint": encoder.fingerprint,
        "words": words,
        "sentence": encoder.sentence_width,
        "word": encoder.word_width,
        "max_length": encoder.max_length,
    }


def encoded(encoder, captions, words):
    """Features of captions as they are packed.

    Args:
        encoder: a frozen `TextEncoder`.
        captions: iterable of strings.
        words: whether word features are kept, too.

    Returns:
        dict of caption -> bytes: the sentence vector, float32 `[S]`, and
        with `words` those of its N words, float16 `[N, W]`.
    """
    # Of one length side by side: less padding, and the same in every order.
    captions = sorted(set(captions), key=lambda text: (len(text), text))
    contents = {}
    for start in range(0, len(captions), 1024):
        some = captions[start : start + 1024]
        features = encoder.encode(some)
        for i, text in enumerate(some):
            content = features.sentence[i].astype("<f4").tobytes()
            if words:
                real = features.words[i][features.mask[i] > 0]
                content += real.astype("<f2").tobytes()
            contents[text] = content
    return contents
