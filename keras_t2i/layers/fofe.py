"""Fixed-size ordinally-forgetting encoding of sequences."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_t2i")
class FOFE(keras.layers.Layer):
    """Encodes every prefix of a sequence of words in one vector.

        z_t = alpha z_(t-1) + e_t,   z_0 = 0

    (Zhang et al. 2015, "The Fixed-Size Ordinally-Forgetting Encoding Method
    for Neural Network Language Models", equation 1). Over one-hot vectors e it
    tells any two sequences apart for alpha up to 0.5. The sum is linear: over
    rows of an embedding it is the embedding of that encoding, so no vector as
    wide as the vocabulary is needed.

    Here it is one product with the matrix of alpha^(number of words between).
    Positions without a word add nothing and let nothing fade.

    Args:
        alpha: how much of the words before is kept, in (0, 1).

    Inputs: vectors [B, T, E] and a mask [B, T], 1 where there is a word.
    Output: [B, T, E].

    Raises:
        ValueError: if `alpha` lies outside of (0, 1).
    """

    def __init__(self, alpha=0.5, **kwargs):
        super().__init__(**kwargs)
        if not 0.0 < alpha < 1.0:
            raise ValueError(f"`alpha` must lie in (0, 1). Received: {alpha}")
        self.alpha = alpha

    def call(self, vectors, mask):
        mask = ops.cast(mask, vectors.dtype)
        count = ops.cumsum(mask, axis=1)
        between = count[:, :, None] - count[:, None, :]  # [B, T, T]
        length = vectors.shape[1]
        past = ops.tril(ops.ones((length, length), vectors.dtype))
        # Powers of what lies ahead would be large before they are dropped.
        powers = past * self.alpha ** ops.maximum(between, 0.0)
        return ops.matmul(powers * mask[:, None, :], vectors)

    def compute_output_shape(self, vectors_shape, mask_shape=None):
        return vectors_shape

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha}
