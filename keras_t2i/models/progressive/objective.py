"""What the three stages are shown and compared with."""

import keras
from keras import ops


def resized(images, size):
    """Pictures of another size, with gradients.

    Args:
        images: float [B, H, H, 3].
        size: height and width wanted; smaller ones are averages.

    Returns:
        Tensor [B, size, size, 3].
    """
    given = images.shape[1]
    if given == size:
        return images
    if given % size == 0:
        factor = given // size
        return ops.average_pool(images, factor, factor)
    return ops.image.resize(images, (size, size), antialias=given > size)


def mean_word(words, mask):
    """Mean of the real words of each text (the document, claim 7).

    Args:
        words: [B, T, D].
        mask: [B, T], 1 where there is a word.

    Returns:
        [B, D]; zero for a text without a word.
    """
    mask = ops.cast(mask, words.dtype)[..., None]
    return ops.sum(words * mask, axis=1) / ops.maximum(ops.sum(mask, axis=1), 1.0)


def with_noise(vectors, length, seed):
    """Vectors with Gaussian noise of `length` times their own length.

    Args:
        vectors: [..., D]. A zero vector stays zero.
        length: expected length of the noise beside a vector of length 1.
        seed: `keras.random.SeedGenerator`.

    Returns:
        Tensor of the shape of `vectors`.
    """
    own = ops.sqrt(ops.mean(ops.square(vectors), axis=-1, keepdims=True))
    noise = keras.random.normal(ops.shape(vectors), seed=seed)
    return vectors + length * own * noise
