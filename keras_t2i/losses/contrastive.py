"""Contrastive losses of pictures and captions, whole and in parts.

Zhang, Koh, Baldridge, Lee, Yang: "Cross-Modal Contrastive Learning for
Text-to-Image Generation" (XMC-GAN), CVPR 2021, section 4, of which they are
the word and the sentence loss; here every word has a weight.

J = images, I = captions, N = regions of an image, T = words, D = width of the
common space.
"""

from keras import ops

from keras_t2i.losses.matching import pair_matching_loss
from keras_t2i.losses.matching import sentence_matching_loss
from keras_t2i.losses.scores import cosine
from keras_t2i.losses.scores import log_sum_exp
from keras_t2i.losses.scores import unit

# Weights of a smaller sum are no weights.
_SMALLEST = 1e-8


def global_contrastive_loss(images, sentences, class_ids, temperature=0.1):
    """InfoNCE of whole pictures and sentences, in both directions.

    Args:
        images: [B, D].
        sentences: [B, D], of the captions of the same rows.
        class_ids: integers [B], see `pair_matching_loss`.
        temperature: what the cosines are divided by.

    Returns:
        Scalar, the sum of both directions; each is log B where all pairs have
        the same cosine.
    """
    # The sentence loss of DAMSM, with 1 / temperature for its gamma3.
    return sentence_matching_loss(
        images, sentences, class_ids, 1.0 / temperature
    )


def region_contrastive_loss(
    regions, words, weights, class_ids, gamma1=5.0, gamma2=5.0, gamma3=50.0
):
    """InfoNCE of `weighted_region_scores`, in both directions.

    Args:
        regions: [B, N, D].
        words: [B, T, D], of the captions of the same rows.
        weights: [B, T], at least 0, of the words.
        class_ids: integers [B], see `pair_matching_loss`.
        gamma1, gamma2: see `weighted_region_scores`.
        gamma3: factor of the scores in the cross entropy.

    Returns:
        Scalar, the sum of both directions; each is log B where all pairs
        score the same.
    """
    scores = weighted_region_scores(regions, words, weights, gamma1, gamma2)
    return pair_matching_loss(gamma3 * scores, class_ids)


def weighted_region_scores(regions, words, weights, gamma1=5.0, gamma2=5.0):
    """How well every caption's words are found in every image.

        a_nt = softmax_n(gamma1 * cos(r_n, w_t)),   c_t = sum_n a_nt r_n / |r_n|
        S(j, i) = 1 / gamma2 * log sum_t u_t exp(gamma2 * cos(c_t, w_t))

    where u are the weights of caption i, divided by their sum: a long caption
    scores no better for its length.

    Args:
        regions: [J, N, D].
        words: [I, T, D].
        weights: [I, T], at least 0. What stands in `words` at weight 0 does
            not matter.
        gamma1: how sharply a word picks its regions.
        gamma2: how much the best words count more than the others.

    Returns:
        [J, I], from -1 to 1. A caption without any weight scores 0 with every
        image.
    """
    regions, words = unit(regions), unit(words)
    # All are [J, N, I, T], as one matrix product gives them: nothing of that
    # size is transposed. A cosine does not need attention that sums to 1.
    similarity = ops.tensordot(regions, words, axes=[[2], [2]])
    largest = ops.stop_gradient(ops.max(similarity, axis=1, keepdims=True))
    attention = ops.exp(gamma1 * (similarity - largest))
    # c_t itself, [J, I, T, D], is never made: with c = R' a its product with
    # w is a . s, and its squared length is a' (R R') a.
    dot = ops.sum(attention * similarity, axis=1)  # [J, I, T]
    gram = ops.matmul(regions, ops.transpose(regions, (0, 2, 1)))
    weighted = ops.einsum("jnm,jmit->jnit", gram, attention)
    square = ops.sum(attention * weighted, axis=1)
    cosines = cosine(dot, square)
    weights = ops.cast(weights, cosines.dtype)
    total = ops.sum(weights, axis=-1, keepdims=True)
    share = weights / ops.maximum(total, _SMALLEST)
    counts = share > 0
    exponents = gamma2 * cosines + ops.log(ops.where(counts, share, 1.0))
    return log_sum_exp(exponents, counts) / gamma2
