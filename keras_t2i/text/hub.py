"""Text encoders that are TF Hub modules or SavedModels."""

import hashlib
import os

import keras
import numpy as np
from keras.src.saving import serialization_lib

from keras_t2i import files
from keras_t2i.text import saved_model
from keras_t2i.text import spelling
from keras_t2i.text.encoder import TextEncoder
from keras_t2i.text.encoder import TextFeatures
from keras_t2i.text.encoder import as_strings
from keras_t2i.text.encoder import as_texts
from keras_t2i.text.resolve import resolve

MULTILINGUAL = (
    "https://tfhub.dev/google/universal-sentence-encoder-multilingual/3"
)
# A letter that hardly any vocabulary has tells the number of "[UNK]".
_UNKNOWN_LETTER = "\ua66e"
# Unreadable: that share of a text's word pieces is unknown.
_UNREADABLE_SHARE = 0.3


@keras.saving.register_keras_serializable("keras_t2i")
class HubTextEncoder(TextEncoder):
    """A text encoder that is a TF Hub module or a SavedModel on disk.

    Two families of modules are understood:

    - with a preprocessor: `preprocessor(strings)` gives a dict of tokens, and
      `module(tokens)` a dict with `pooled_output` `[B, S]` (or `default`) and
      `sequence_output` `[B, T, W]`, as BERT modules do;
    - without: `module(strings)` gives `[B, S]`, as universal sentence
      encoders do. `words` is then the sentence as one word (T=1).

    Modules that cannot be called are used through their `serving_default`
    (or `default`) signature. `TFHUB_CACHE_DIR` is honored.

    The layer is serialized by handle. Weights are saved only if it is
    trainable.

    Where TensorFlow or TensorFlow Text is not installed, "minilm" has no
    module: it reads no text, but models that stand on it train from features
    in packed shards or in the cache.

    Args:
        handle: URL of a TF Hub module, path of a SavedModel, or `"minilm"`:
            the encoder that comes with keras_t2i (MiniLM-L6, sentence and
            word features of width 384, English), which needs no network.
        preprocessor: handle of the preprocessor, for the first family.
        trainable: whether the module is fine-tuned. A module of the second
            family takes strings, so it then prevents XLA compilation.
        max_length: T, the number of word pieces, start and end marks included.
            Of longer texts only the beginning is used; `encode` warns about
            them. A preprocessor without `bert_pack_inputs` has a length of
            its own, which replaces this one.

    Raises:
        FileNotFoundError: if the handle cannot be found, within 10 seconds.
        ImportError: if TensorFlow is not installed.
        ValueError: if the SavedModel is damaged or of neither family, or is
            named by a file that Keras loads in safe mode.

    Example:

    ```python
    encoder = HubTextEncoder()
    encoder.encode("a purple flower").sentence.shape  # (1, 384)
    ```
    """

    def __init__(
        self,
        handle="minilm",
        preprocessor=None,
        trainable=False,
        max_length=32,
        **kwargs,
    ):
        super().__init__(frozen=not trainable, **kwargs)
        self.handle = os.fspath(handle)
        self.preprocessor = preprocessor and os.fspath(preprocessor)
        _check_trust(self.handle, self.preprocessor)
        if self.handle == "minilm":
            folder = files.shipped("text/minilm_l6_v2")
            self._folders = [folder / "encoder", folder / "preprocessor"]
        else:
            saved_model.check_installed()
            handles = [self.handle, self.preprocessor]
            self._folders = [resolve(h) for h in handles if h]
        self._token_length = max_length
        self._trained = []
        self._preprocess = None
        try:
            self._module = saved_model.load(
                self._folders[0], self.handle, trainable
            )
        except ImportError:
            if self.handle != "minilm" or trainable:
                raise
            self._module = None
            self._sentence_width = self._word_width = 384
            self._has_words = True
            self.built = True
            return
        if len(self._folders) > 1:
            self._preprocess = saved_model.load(
                self._folders[1], self.preprocessor or self.handle
            )
        self._packs = hasattr(self._preprocess, "bert_pack_inputs")
        self._probe()
        if trainable:
            self._trained = saved_model.variables(self._module, self.handle)
        self.built = True

    @property
    def sentence_width(self):
        return self._sentence_width

    @property
    def word_width(self):
        return self._word_width

    @property
    def max_length(self):
        return self._token_length if self._has_words else 1

    @property
    def resources(self):
        modules = (self._module, self._preprocess)
        return [module for module in modules if module is not None]

    @property
    def fingerprint(self):
        digest = hashlib.sha256(b"%d" % self._token_length)
        for folder in self._folders:
            for name, path in saved_model.content(folder):
                digest.update(name.encode())
                with open(path, "rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
        for variable in self._trained:
            digest.update(np.asarray(variable).tobytes())
        return digest.hexdigest()[:24]

    def tokenize(self, strings):
        """See `TextEncoder.tokenize`; the second family gives `{"text"}`."""
        saved_model.check_installed()
        import tensorflow as tf

        if not tf.is_tensor(strings):
            strings = tf.constant(as_strings(strings), tf.string)
        if self._preprocess is None:
            return {"text": strings}
        tokens = self._compiled_tokens(strings)
        if tf.executing_eagerly():
            return tokens
        shape = [strings.shape[0], self._token_length]
        return {name: tf.ensure_shape(x, shape) for name, x in tokens.items()}

    def call(self, tokens, training=False):
        import tensorflow as tf

        inputs = tokens if self._preprocess is not None else tokens["text"]
        outputs = saved_model.call(
            self._module, inputs, bool(training) and not self.frozen
        )
        sentence = tf.cast(saved_model.sentence(outputs), "float32")
        if not self._has_words:
            return TextFeatures(
                sentence, sentence[:, None, :], tf.ones_like(sentence[:, :1])
            )
        words = tf.cast(outputs["sequence_output"], "float32")
        return TextFeatures(sentence, words, tf.cast(_mask(tokens), "float32"))

    def encode(self, strings, batch_size=64):
        saved_model.check_installed()
        strings = as_strings(strings)
        result = self._no_features(len(strings))
        for start in range(0, len(strings), 64 * batch_size):
            some = strings[start : start + 64 * batch_size]
            # NumPy picks rows in a tenth of the time that an op takes.
            chunk = {k: x.numpy() for k, x in self.tokenize(some).items()}
            lengths = self._lengths(chunk)
            if self._packs and self._may_be_unreadable(chunk, lengths):
                self.warn_unreadable(some)
            # Texts of equal lengths side by side need little padding.
            order = np.argsort(lengths, kind="stable")
            for i in range(0, len(order), batch_size):
                rows = order[i : i + batch_size]
                tokens = {name: x[rows] for name, x in chunk.items()}
                if self._trims:
                    longest = max(lengths[rows].max(), 1)
                    tokens = {k: x[:, :longest] for k, x in tokens.items()}
                # Not through __call__, which needs TensorFlow as the backend.
                features = self._compiled_call(tokens)
                rows += start
                result.sentence[rows] = features.sentence
                result.words[rows, : features.words.shape[1]] = features.words
                result.mask[rows, : features.mask.shape[1]] = features.mask
        return result

    def features_in_graph(self, strings):
        tokens = self.tokenize(strings)
        if self._trims:
            import tensorflow as tf

            # As in `encode`: a short text takes a third of the time.
            lengths = tf.reduce_sum(tf.cast(_mask(tokens), tf.int32), axis=1)
            longest = tf.maximum(tf.reduce_max(lengths), 1)
            tokens = {name: x[:, :longest] for name, x in tokens.items()}
        return self.call(tokens)

    def warn_unreadable(self, strings):
        """Warns, once, of text beyond the vocabulary or beyond `max_length`.

        Args:
            strings: list of str or bytes.
        """
        import tensorflow as tf

        if not self._packs or not len(strings):
            return
        strings = as_strings(strings)
        lengths, unknown = (
            x.numpy() for x in self._compiled_counts(tf.constant(strings))
        )
        self._warn(
            strings,
            lengths > self._token_length - 2,
            f"have more than max_length={self._token_length} word pieces, and"
            " what follows is not read. Raise max_length.",
        )
        self._warn(
            strings,
            unknown > _UNREADABLE_SHARE * lengths,
            f"are largely unknown to the vocabulary of {self.handle!r}, so"
            " different texts look alike to it. Use a multilingual encoder,"
            f" such as HubTextEncoder({MULTILINGUAL!r}), or one that reads any"
            " writing: 'bag_of_ngrams', 'char_cnn_rnn'.",
        )

    def spelled(self, strings):
        """See `TextEncoder.spelled`.

        A word that the vocabulary has in pieces stands at the first of them.
        Of a module without word pieces every position stands for all words.
        """
        import tensorflow as tf

        texts = as_texts(strings)
        if not self._packs:
            whole = [tuple(w for _, w in spelling.words(t)) for t in texts]
            return [[words] * self.max_length for words in whole]
        split = [spelling.bert_words(text) for text in texts]
        new = sorted(set().union(*split) - set(self._piece_counts))
        if new:
            counts = self._pieces(tf.constant(new)).row_lengths().numpy()
            self._piece_counts.update(dict(zip(new, counts.tolist())))
        return [self._filled(self._positions(words)) for words in split]

    def _positions(self, words):
        """Tuples of words: the mark of start, then every piece."""
        yield ()
        for word in words:
            count = self._piece_counts[word]
            if count:
                yield (word.lower(),) if any(map(str.isalnum, word)) else ()
            yield from [()] * (count - 1)

    def get_config(self):
        return {
            **super().get_config(),
            "handle": self.handle,
            "preprocessor": self.preprocessor,
            "trainable": not self.frozen,
            "max_length": self._token_length,
        }

    @classmethod
    def from_config(cls, config):
        # Keras's own hides the message below a TypeError.
        return cls(**config)

    def _probe(self):
        """Learns the module's widths, and checks that it is a text encoder."""
        import tensorflow as tf

        # A restored function is traced again for every new shape, which takes
        # longer than its work; these are traced once.
        strings = [tf.TensorSpec([None], tf.string)]
        self._compiled_tokens = tf.function(self._tokens, strings)
        self._compiled_counts = tf.function(self._counts, strings)
        tokens = {"text": tf.constant(["a"])}
        self._has_words = False
        try:
            if self._preprocess is not None:
                tokens = dict(self._compiled_tokens(tokens["text"]))
                self._token_length = int(_mask(tokens).shape[1])
                outputs = saved_model.call(self._module, tokens)
                self._has_words = "sequence_output" in outputs
            features = self.call(tokens)
        except Exception as error:
            raise ValueError(
                f"{self.handle!r} is not a text encoder of a known family:"
                " with a preprocessor it must take the preprocessor's tokens"
                " and give 'pooled_output' or 'default', without one it must"
                " take strings and give one vector each. Received:"
                f" preprocessor={self.preprocessor!r};"
                f" {type(error).__name__}: {error}"
            ) from error
        self._sentence_width = int(features.sentence.shape[-1])
        self._word_width = int(features.words.shape[-1])
        self._trims = self._has_words and self._takes_other_lengths(tokens)
        spec = {
            name: tf.TensorSpec(
                [None, None] if self._trims else [None, *x.shape[1:]], x.dtype
            )
            for name, x in tokens.items()
        }
        self._compiled_call = tf.function(self.call, [spec])
        self._piece_counts = {}
        # No word piece is -1.
        self._unknown = -1
        if self._packs:
            pieces = self._pieces(tf.constant(["a", _UNKNOWN_LETTER]))
            known, unknown = pieces.to_list()
            if len(unknown) == 1 and unknown != known:
                self._unknown = unknown[0]

    def _takes_other_lengths(self, tokens):
        """Whether the module can be given fewer positions than T."""
        try:
            self.call({name: x[:, :3] for name, x in tokens.items()})
        except Exception:
            # Made for one length only.
            return False
        return True

    def _tokens(self, strings):
        import tensorflow as tf

        if not self._packs:
            return saved_model.call(self._preprocess, strings)
        return self._preprocess.bert_pack_inputs(
            [self._preprocess.tokenize(strings)],
            seq_length=tf.constant(self._token_length),
        )

    def _pieces(self, strings):
        """Ragged word pieces [B, (pieces)] of strings."""
        pieces = self._preprocess.tokenize(strings)
        while pieces.shape.rank > 2:
            pieces = pieces.merge_dims(1, 2)
        return pieces

    def _counts(self, strings):
        """Numbers of word pieces, and of unknown ones, each [B]."""
        import tensorflow as tf

        pieces = self._pieces(strings)
        unknown = tf.cast(pieces.values == self._unknown, tf.int64)
        unknown = tf.math.segment_sum(unknown, pieces.value_rowids())
        # Texts without pieces at the end have no segment.
        missing = tf.shape(strings)[0] - tf.shape(unknown)[0]
        return pieces.row_lengths(), tf.pad(unknown, [[0, missing]])

    def _may_be_unreadable(self, tokens, lengths):
        """Whether a text fills all positions or has an unknown word piece."""
        return lengths.max() == self._token_length or any(
            np.any(x == self._unknown) for x in tokens.values()
        )

    def _lengths(self, tokens):
        """How many positions each row of NumPy tokens needs."""
        if self._preprocess is None:
            return np.ones(len(tokens["text"]), int)
        return _mask(tokens).sum(axis=1).astype(int)


def _check_trust(*handles):
    """Refuses modules that a file names, where Keras loads it in safe mode."""
    strange = [handle for handle in handles if handle not in (None, "minilm")]
    if strange and serialization_lib.in_safe_mode():
        raise ValueError(
            "The file names a text encoder that does not come with "
            f"keras_t2i: {strange}. TensorFlow would run it like a program. "
            "If you trust the file and the encoder, load it with "
            "safe_mode=False (--trust-preset)."
        )


def _mask(tokens):
    """The mask among a preprocessor's tokens, whatever it is called."""
    names = [name for name in tokens if name.endswith("mask")]
    if not names:
        raise ValueError(f"the tokens {sorted(tokens)} hold no mask")
    return tokens[names[0]]
