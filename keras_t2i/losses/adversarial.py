"""Adversarial losses, from logits.

`BCE(logits, y)` below is the binary cross entropy of sigmoid(logits), which
in logits reads softplus(-logits) for y = 1 and softplus(logits) for y = 0.
"""

from keras import ops


def binary_cross_entropy(logits, target):
    """Binary cross entropy of sigmoid(logits), element by element.

    Args:
        logits: tensor of any shape.
        target: 0.0 or 1.0, or a tensor of such that broadcasts to `logits`.

    Returns:
        Tensor of the shape and dtype of `logits`, >= 0.
    """
    # log(1 + exp(x)) without overflow, then  softplus(x) - y * x.
    return ops.softplus(logits) - target * logits


def gan_discriminator_loss(real, fake):
    """BCE(real, 1) + BCE(fake, 0) (Goodfellow et al. 2014, algorithm 1).

    Args:
        real: logits [B] of real pictures.
        fake: logits [N] of generated pictures.

    Returns:
        Scalar.
    """
    return ops.mean(binary_cross_entropy(real, 1.0)) + ops.mean(
        binary_cross_entropy(fake, 0.0)
    )


def hinge_discriminator_loss(real, fake):
    """E max(0, 1 - real) + E max(0, 1 + fake).

    (Lim and Ye 2017, "Geometric GAN".)

    Args:
        real: logits [B] of real pictures.
        fake: logits [N] of generated pictures.

    Returns:
        Scalar >= 0.
    """
    return ops.mean(ops.relu(1.0 - real)) + ops.mean(ops.relu(1.0 + fake))


def hinge_generator_loss(fake):
    """-E fake, which goes with `hinge_discriminator_loss`.

    Args:
        fake: logits [N] of generated pictures.

    Returns:
        Scalar.
    """
    return -ops.mean(fake)


def gan_cls_discriminator_loss(real, wrong, fake, cls_weight=0.5):
    """Matching-aware discriminator loss (Reed et al. 2016, algorithm 1).

    BCE(real, 1) + w * BCE(wrong, 0) + (1 - w) * BCE(fake, 0), with w = 0.5 in
    the paper and w = 0 for a plain GAN.

    Args:
        real: logits [B] of real pictures with their own captions.
        wrong: pair of (logits, weights), both [B]: real pictures with captions
            of other pictures. Weight 0 marks a row for which the batch holds
            no wrong partner; the mean is over the others.
        fake: logits [B] of generated pictures with the captions they show.
        cls_weight: w, from 0 to 1; a Python number or a scalar tensor.

    Returns:
        Scalar.
    """
    wrong_logits, wrong_weights = wrong
    return (
        ops.mean(binary_cross_entropy(real, 1.0))
        + cls_weight * _mean_where(
            binary_cross_entropy(wrong_logits, 0.0), wrong_weights
        )
        + (1.0 - cls_weight) * ops.mean(binary_cross_entropy(fake, 0.0))
    )


def gan_cls_matrix_discriminator_loss(scores, is_wrong, fake, cls_weight=0.5):
    """The same loss over all wrong pairs of a batch at once.

    Args:
        scores: logits [B, B]; entry (i, j) judges real picture i with caption
            j, so the diagonal holds the matching pairs.
        is_wrong: [B, B], 1 where picture i and caption j do not match. Pairs
            of one class are neither right nor wrong and carry 0.
        fake: logits [B] of generated pictures with the captions they show.
        cls_weight: weight of the wrong pairs, from 0 to 1.

    Returns:
        Scalar.
    """
    return gan_cls_discriminator_loss(
        ops.diagonal(scores), (scores, is_wrong), fake, cls_weight
    )


def hinge_cls_matrix_discriminator_loss(scores, is_wrong, fake, cls_weight=0.5):
    """The hinge loss with wrong pairs, all of a batch at once.

    E max(0, 1 - real) + w * E max(0, 1 + wrong) + (1 - w) * E max(0, 1 + fake)

    Args:
        scores, is_wrong, fake, cls_weight: see
            `gan_cls_matrix_discriminator_loss`.

    Returns:
        Scalar >= 0.
    """
    return (
        ops.mean(ops.relu(1.0 - ops.diagonal(scores)))
        + cls_weight * _mean_where(ops.relu(1.0 + scores), is_wrong)
        + (1.0 - cls_weight) * ops.mean(ops.relu(1.0 + fake))
    )


def gan_cls_generator_loss(fake):
    """Non-saturating generator loss BCE(fake, 1) (Reed et al. 2016, line 13).

    Args:
        fake: logits [N] of generated pictures with the captions they show.
            With manifold interpolation (GAN-INT) N counts the interpolated
            captions too.

    Returns:
        Scalar.
    """
    return ops.mean(binary_cross_entropy(fake, 1.0))


def mode_seeking_loss(images, latents):
    """1 / (distance of two pictures / distance of their latents).

    Both pictures show one caption. A generator that draws it the same way
    whatever the latents has a distance near 0 and pays most (Mao et al. 2019,
    "Mode Seeking Generative Adversarial Networks", equation 4 and code).

    Args:
        images: pair of [N, H, W, C] in [-1, 1].
        latents: pair of [N, Z], row by row those of the pictures.

    Returns:
        Scalar > 0. Distances are means of absolute differences, over all
        pictures together.
    """
    apart = ops.mean(ops.abs(images[0] - images[1]))
    asked = ops.mean(ops.abs(latents[0] - latents[1]))
    return asked / (apart + 1e-5)


def _mean_where(values, weights):
    """Mean of the values of weight 1; 0 if there is none."""
    weights = ops.cast(weights, values.dtype)
    return ops.sum(values * weights) / ops.maximum(ops.sum(weights), 1.0)
