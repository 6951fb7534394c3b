"""GAN-INT: captions between two captions."""

from keras import ops


def interpolated_sentences(sentence, beta=0.5):
    """GAN-INT: beta * first half + (1 - beta) * second half of the batch.

    Args:
        sentence: [B, S].
        beta: from 0 to 1; 0.5 works well (Reed et al. 2016, section 4.3).

    Returns:
        [B // 2, S].
    """
    half = ops.shape(sentence)[0] // 2
    return beta * sentence[:half] + (1.0 - beta) * sentence[half : 2 * half]


def twice(sentence):
    """The first half of the batch, and again: two pictures a caption.

    Args:
        sentence: [B, S].

    Returns:
        [2 * H, S] with H = ceil(B / 2); rows i and i + H are equal.
    """
    half = sentence[: (ops.shape(sentence)[0] + 1) // 2]
    return ops.concatenate([half, half])
