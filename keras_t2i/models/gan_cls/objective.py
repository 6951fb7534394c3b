"""GAN-INT: captions between two captions."""

from keras import ops


def interpolated_sentences(sentence, beta=0.5):
    """GAN-INT: beta * first half + (1 - beta) * second half of the batch.

    The halves of an odd batch share its middle sentence, so that one sentence
    alone gives one.

    Args:
        sentence: [B, S].
        beta: from 0 to 1; 0.5 works well (Reed et al. 2016, section 4.3).

    Returns:
        [ceil(B / 2), S].
    """
    count = ops.shape(sentence)[0]
    half = (count + 1) // 2
    return beta * sentence[:half] + (1.0 - beta) * sentence[count - half :]
