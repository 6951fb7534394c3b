"""Losses that part the content of a picture from its style.

Patent CN112990302B and the code of its authors, DM-GAN-MDD (Feng, Niu, Li,
Wang: "Modality Disentangled Discriminator for Text-to-Image Synthesis", 2021).
"""

import collections

from keras import ops

from keras_t2i.losses.adversarial import binary_cross_entropy
from keras_t2i.losses.scores import cosine

Judgement = collections.namedtuple("Judgement", "overall content style")
Judgement.__doc__ = """Logits [B] of the three discriminators for pictures.

Attributes:
    overall: of D_i, how real a picture looks as a whole.
    content: of D_c, how well its content fits a text.
    style: of D_s, how real its style looks.
"""


def pearson_correlation(first, second):
    """Pearson's correlation of two vectors over their last axis.

        rho(a, b) = cos(a - mean(a), b - mean(b))

    Scale and shift of either vector change nothing.

    Args:
        first, second: tensors [..., D] that broadcast.

    Returns:
        Tensor [...] in [-1, 1]; 0 where a vector is constant.
    """
    first = first - ops.mean(first, axis=-1, keepdims=True)
    second = second - ops.mean(second, axis=-1, keepdims=True)
    squares = ops.sum(ops.square(first), -1) * ops.sum(ops.square(second), -1)
    return cosine(ops.sum(first * second, axis=-1), squares)


def content_triplet_loss(text, matching, other, margin=0.5):
    """The text as anchor between its own picture and another one.

        mean(max(0, margin - rho(text, matching) + rho(text, other)))

    (patent, paragraphs 61 to 66; margin 0.5 in the code).

    Args:
        text: content h_tc of B texts, [B, C].
        matching: content of the pictures drawn for them, [B, C].
        other: content of pictures drawn for other texts, [B, C].
        margin: how much more the own picture shall correlate.

    Returns:
        Scalar >= 0.
    """
    right = pearson_correlation(text, matching)
    wrong = pearson_correlation(text, other)
    return ops.mean(ops.relu(margin - right + wrong))


def style_loss(latents, style):
    """-mean rho(z, h_s): the style of a drawn picture is its noise.

    Args:
        latents: z, [B, Z].
        style: style h_s of the pictures drawn from them, [B, Z].

    Returns:
        Scalar in [-1, 1] (patent, paragraphs 67 to 69).
    """
    return -ops.mean(pearson_correlation(latents, style))


def disentangled_discriminator_loss(real, fake, wrong=None, style_weight=0.1):
    """Adversarial loss of D_i, D_c and D_s.

    Without wrong pairs, as in the patent (paragraph 71),

        BCE(D_i(x), 1) + BCE(D_c(x, t), 1) + w BCE(D_s(x), 1)
      + BCE(D_i(x^), 0) + BCE(D_c(x^, t), 0) + w BCE(D_s(x^), 0)

    and with them, as in the code,

        1/2 [BCE(D_i(x), 1) + BCE(D_c(x, t), 1)]
      + 1/3 [BCE(D_i(x^), 0) + BCE(D_c(x^, t), 0) + BCE(D_c(x, t-), 0)]
      + w [BCE(D_s(x), 1) + BCE(D_s(x^), 0)]

    with x real, x^ generated, t- a text of another picture.

    Args:
        real: `Judgement` of real pictures, D_c with their own texts.
        fake: `Judgement` of generated pictures, D_c with the texts they show.
        wrong: pair of (logits, weights) of D_c for real pictures with other
            texts, both of any one shape; the mean is over weight 1. None for
            no wrong pairs.
        style_weight: w.

    Returns:
        Scalar.
    """
    right = _mean_bce(real.overall, 1.0) + _mean_bce(real.content, 1.0)
    drawn = _mean_bce(fake.overall, 0.0) + _mean_bce(fake.content, 0.0)
    style = _mean_bce(real.style, 1.0) + _mean_bce(fake.style, 0.0)
    if wrong is None:
        return right + drawn + style_weight * style
    logits, weights = wrong
    weights = ops.cast(weights, logits.dtype)
    total = ops.sum(weights * binary_cross_entropy(logits, 0.0))
    mismatched = total / ops.maximum(ops.sum(weights), 1.0)
    return right / 2.0 + (drawn + mismatched) / 3.0 + style_weight * style


def disentangled_generator_loss(fake, style_weight=0.1):
    """BCE(D_i(x^), 1) + BCE(D_c(x^, t), 1) + w BCE(D_s(x^), 1).

    Args:
        fake: `Judgement` of generated pictures x^ with the texts they show.
        style_weight: w, 0.1 in the code (patent, paragraph 70).

    Returns:
        Scalar.
    """
    return (
        _mean_bce(fake.overall, 1.0)
        + _mean_bce(fake.content, 1.0)
        + style_weight * _mean_bce(fake.style, 1.0)
    )


def _mean_bce(logits, target):
    return ops.mean(binary_cross_entropy(logits, target))
