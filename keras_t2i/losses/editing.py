"""Losses that anchor an edit: what is named changes, all else stays.

They go beyond document 003, whose only loss is the likelihood of the caption.
B = batch, T = word positions, A = attributes.
"""

from keras import ops

# Added to probabilities, of which a logarithm is taken.
_LITTLE = 1e-4


def named_words_loss(log_likelihoods, named, present):
    """How badly a captioner finds in a picture what a text names.

        mean over named words of  -log p        where they shall be true
                                  -log(1 - p)   where they shall not

    Args:
        log_likelihoods: [B, T], log p of the words of a caption.
        named: [B, T], 1 for words that name what was edited, else 0.
        present: [B], 1 if the text says that it is so, 0 if that it is not.

    Returns:
        Scalar >= 0; 0 where nothing is named.
    """
    # Not clipped: an unlikely word must still be told in which direction to go.
    unlikely = ops.log(1.0 + _LITTLE - ops.exp(log_likelihoods))
    present = present[:, None]
    loss = -present * log_likelihoods - (1.0 - present) * unlikely
    return _mean(loss, named)


def kept_words_loss(before, after, kept):
    """mean over kept words of  (log p(y | I') - log p(y | I))^2.

    Args:
        before, after: [B, T], log p of the words of some caption, for the
            picture before and after the edit.
        kept: [B, T], 1 for words that the edit is not about, else 0.

    Returns:
        Scalar >= 0.
    """
    return _mean(ops.square(after - before), kept)


def attribute_change_loss(before, after, target, named, kept):
    """Cross entropy of attributes: named ones as named, kept ones as before.

        mean_named CE(target, q),    mean_kept KL(p | q)

    with the probabilities p before and q after the edit.

    Args:
        before, after: logits [B, A] of a classifier.
        target: [B, A], 1 or 0 where `named`.
        named, kept: [B, A], 1 or 0.

    Returns:
        Two scalars >= 0, of the named and of the kept ones.
    """

    def cross_entropy(p, logits):
        return ops.softplus(logits) - p * logits

    p = ops.sigmoid(before)
    divergence = cross_entropy(p, after) - cross_entropy(p, before)
    return (
        _mean(cross_entropy(target, after), named),
        _mean(divergence, kept),
    )


def identity_loss(before, after):
    """mean of 1 - cos: how far a person became another one.

    As in Patashnik et al. 2021, "StyleCLIP", equation 2.

    Args:
        before, after: [B, E], rows of length 1.

    Returns:
        Scalar in [0, 2].
    """
    return ops.mean(1.0 - ops.sum(before * after, axis=-1))


def latent_distance(before, after):
    """mean of (w' - w)^2  (StyleCLIP, equation 1, normalized).

    Args:
        before, after: [B, ...], latents in standard deviations.

    Returns:
        Scalar >= 0.
    """
    return ops.mean(ops.square(after - before))


def _mean(values, weights):
    return ops.sum(values * weights) / ops.maximum(ops.sum(weights), 1.0)
