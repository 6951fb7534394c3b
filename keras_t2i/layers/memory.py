"""Layers by which every position of a picture listens to words.

B = batch, H, W = height and width, C = channels, T = word positions, D = width
of a word.
"""

import keras
from keras import layers
from keras import ops

# Stands for minus infinity in a softmax; a row of nothing else stays finite.
_NEVER = -1e9


@keras.saving.register_keras_serializable("keras_t2i")
class DynamicMemory(layers.Layer):
    """Refines a feature map by what is written about it (DM-GAN).

    A gate decides, word by word, how much of a memory slot comes from the
    word and how much from the picture so far; every position reads the slots
    by attention; a second gate decides how much it takes of what it has read:

        g_t = sigmoid(A w_t + B h~),    h~ the mean of h, without gradient
        m_t = g_t ReLU(W w_t) + (1 - g_t) ReLU(R h~)
        a_pt = softmax_t(h_p . ReLU(K m_t)),   o_p = sum_t a_pt ReLU(V m_t)
        h'_p = (1 - r_p) h_p + r_p o_p,    r_p = sigmoid(conv1x1([h_p; o_p]))

    A single slot (T = 1, a sentence) is read by every position alike, so it
    has no key.

    Args:
        slot_width: width of a memory slot.

    Call with a list of the map [B, H, W, C], words [B, T, D], and a mask
    [B, T], nonzero where there is a word. Returns the new map [B, H, W, C] and
    float32 attention [B, H, W, T], which sums to 1 over the words; where a
    text has none, the map stays as it is.

    Reference: Zhu, Pan, Chen, Yang: "DM-GAN: Dynamic Memory Generative
    Adversarial Networks for Text-to-Image Synthesis", CVPR 2019, section 3.1.
    """

    def __init__(self, slot_width=128, **kwargs):
        super().__init__(**kwargs)
        self.slot_width = slot_width

    def build(self, input_shape):
        map_shape, words_shape, _ = input_shape
        channels, width = map_shape[-1], words_shape[-1]

        def dense(units, inputs, **options):
            layer = layers.Dense(units, dtype=self.dtype_policy, **options)
            layer.build((None, inputs))
            return layer

        self.gate_of_word = dense(1, width, use_bias=False)
        self.gate_of_map = dense(1, channels, use_bias=False)
        self.write_word = dense(self.slot_width, width, activation="relu")
        self.write_map = dense(self.slot_width, channels, activation="relu")
        self.value = dense(channels, self.slot_width, activation="relu")
        self.key = None
        if words_shape[1] != 1:
            self.key = dense(channels, self.slot_width, activation="relu")
        self.response = dense(1, 2 * channels, activation="sigmoid")

    def call(self, inputs):
        x, words, mask = inputs
        mean = ops.stop_gradient(ops.mean(x, axis=(1, 2)))[:, None]  # [B, 1, C]
        gate = ops.sigmoid(self.gate_of_word(words) + self.gate_of_map(mean))
        of_map = self.write_map(mean)
        # As written above; phones multiply no [B, T, 1] by [B, 1, slot].
        slots = of_map + gate * (self.write_word(words) - of_map)
        values = self.value(slots)  # [B, T, C]
        keys = values if self.key is None else self.key(slots)
        attention = word_attention(x, keys, mask)
        read = ops.einsum(
            "bhwt,btc->bhwc", ops.cast(attention, values.dtype), values
        )
        response = self.response(ops.concatenate([x, read], axis=-1))
        response = response * _any_word(mask, response.dtype)
        return (1.0 - response) * x + response * read, attention

    def get_config(self):
        return {**super().get_config(), "slot_width": self.slot_width}


@keras.saving.register_keras_serializable("keras_t2i")
class WordAttention(layers.Layer):
    """Gives every position of a map its mixture of words (AttnGAN).

        e'_t = U w_t,   a_pt = softmax_t(h_p . e'_t),   c_p = sum_t a_pt e'_t

    Call with a list of the map [B, H, W, C], words [B, T, D], and a mask
    [B, T]. Returns the mixtures c [B, H, W, C] and float32 attention
    [B, H, W, T]. Where a text has no word, c is 0.

    Reference: Xu et al.: "AttnGAN: Fine-Grained Text to Image Generation with
    Attentional Generative Adversarial Networks", CVPR 2018, equation 2.
    """

    def build(self, input_shape):
        map_shape, words_shape, _ = input_shape
        self.project = layers.Dense(
            map_shape[-1], use_bias=False, dtype=self.dtype_policy
        )
        self.project.build((None, words_shape[-1]))

    def call(self, inputs):
        x, words, mask = inputs
        words = self.project(words)  # [B, T, C]
        attention = word_attention(x, words, mask)
        mixture = ops.einsum(
            "bhwt,btc->bhwc", ops.cast(attention, words.dtype), words
        )
        return mixture * _any_word(mask, mixture.dtype), attention


def word_attention(x, keys, mask):
    """softmax over words of the products of positions and keys.

    Args:
        x: [B, H, W, C].
        keys: [B, T, C].
        mask: [B, T], nonzero where there is a word. Every sample has its own:
            batch mates and padding change nothing.

    Returns:
        [B, H, W, T] in float32, or float64 where `x` has it.
    """
    logits = ops.einsum("bhwc,btc->bhwt", x, keys)
    if keras.backend.standardize_dtype(logits.dtype) != "float64":
        logits = ops.cast(logits, "float32")
    is_word = ops.expand_dims(ops.not_equal(mask, 0), (1, 2))
    logits = ops.where(is_word, logits, _NEVER)
    largest = ops.stop_gradient(ops.max(logits, axis=-1, keepdims=True))
    exponentials = ops.exp(logits - largest)
    return exponentials / ops.sum(exponentials, axis=-1, keepdims=True)


def _any_word(mask, dtype):
    """[B, 1, 1, 1]: 1 where a text has a word at all, else 0."""
    count = ops.sum(ops.cast(ops.not_equal(mask, 0), dtype), axis=1)
    return ops.reshape(ops.minimum(count, 1.0), (-1, 1, 1, 1))
