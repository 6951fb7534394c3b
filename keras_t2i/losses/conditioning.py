"""The loss of conditioning augmentation."""

from keras import ops


def conditioning_kl_loss(mean, log_variance):
    """Divergence of N(mean, exp(log_variance)) from the standard normal.

        -1/2 mean(1 + log_variance - mean^2 - exp(log_variance))

    over batch and dimensions (Zhang et al. 2017, "StackGAN", section 3.2; the
    mean instead of the sum as in the code of AttnGAN).

    Args:
        mean: [B, C].
        log_variance: [B, C].

    Returns:
        Scalar >= 0, 0 for the standard normal itself.
    """
    return -0.5 * ops.mean(
        1.0 + log_variance - ops.square(mean) - ops.exp(log_variance)
    )
