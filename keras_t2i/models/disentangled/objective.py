"""Whose picture is the negative of whose text, and how far twins differ."""

import keras
from keras import ops

from keras_t2i.losses import mode_seeking_loss

# Share of the variance of a given style that is noise.
_BLUR = 0.2

NEGATIVES = ("previous", "next", "random")


def of_other_texts(content, negatives, seed):
    """For every row of a batch the content of another row's picture.

    The whole batch is turned, so that no row is without a negative (the code
    turns by one and drops the first row).

    Args:
        content: [B, C].
        negatives: "previous" as in the code; "next" or "random" as in the
            patent, paragraph 56. Random turns by a random number of rows.
        seed: `keras.random.SeedGenerator`.

    Returns:
        [B, C]; with B = 1 the row itself.
    """
    if negatives == "previous":
        return ops.roll(content, 1, axis=0)
    if negatives == "next":
        return ops.roll(content, -1, axis=0)
    count = ops.shape(content)[0]
    share = keras.random.uniform((), seed=seed)
    others = ops.cast(count - 1, "float32")
    turn = 1 + ops.cast(ops.floor(share * others), "int32")
    return ops.take(content, (ops.arange(count) + turn) % count, axis=0)


def content_seeking_loss(content_map, latents):
    """`mode_seeking_loss` where D_c looks, not where the pixels are.

    What a caption leaves out, say a position, changes few pixels or many.
    D_c, which must tell captions apart, sees all of it about as large (Yang
    et al. 2019, "Diversity-sensitive conditional generative adversarial
    networks", section 4, proposes features of a discriminator).

    Args:
        content_map: [2 N, h, w, K], of pictures drawn twice for N captions;
            rows i and i + N share their caption.
        latents: [2 N, Z] that they were drawn from.

    Returns:
        Float32 scalar > 0. The size of the maps as a whole changes nothing.
    """
    content_map = ops.cast(content_map, "float32")
    content_map = content_map / (ops.mean(ops.abs(content_map)) + 1e-5)
    return mode_seeking_loss(ops.split(content_map, 2), ops.split(latents, 2))


def as_noise(style, noise):
    """Styles of real pictures, to be drawn from like noise.

    Each becomes a row of mean 0 and variance 1, of which Pearson's correlation
    sees no less, with a fifth of the variance given to noise. What is to be
    read through noise must be far apart: so the styles of pictures spread over
    all of the space that noise is drawn from later, and are no far corner
    of it.

    Args:
        style: h_s [N, Z].
        noise: normal [N, Z].

    Returns:
        [N, Z].
    """
    style = style - ops.mean(style, axis=1, keepdims=True)
    style *= ops.rsqrt(ops.mean(style**2, axis=1, keepdims=True) + 1e-6)
    return (1.0 - _BLUR) ** 0.5 * style + _BLUR**0.5 * noise


def reconstruction_loss(images, drawn):
    """How far pictures drawn in the style of real ones are from these.

    With the style loss, which finds the noise in drawn pictures, it closes the
    circle (Zhu et al. 2017, "Toward multimodal image-to-image translation",
    section 3.3): what a caption leaves out must be in the style.

    Args:
        images: [N, h, h, 3] in [-1, 1].
        drawn: as many, for their captions and in their styles.

    Returns:
        Scalar, mean absolute difference at no more than 16 x 16 pixels: place,
        colors and light, but no texture, which no short code can hold.
    """
    while images.shape[1] > 16:
        images, drawn = halved(images), halved(drawn)
    return ops.mean(ops.abs(images - drawn))


def content_difference(of_images, of_drawn):
    """How far drawn pictures are from real ones where D_c looks.

    What pixels hardly tell, the shape of a small thing, is plain to a network
    that compares pictures with captions (Larsen et al. 2016, "Autoencoding
    beyond pixels using a learned similarity metric", equation 9).

    Args:
        of_images, of_drawn: content maps [N, h, w, K].

    Returns:
        Float32 scalar, mean absolute difference over the mean size of the
        first.
    """
    of_images = ops.cast(of_images, "float32")
    of_drawn = ops.cast(of_drawn, "float32")
    size = ops.mean(ops.abs(of_images)) + 1e-5
    return ops.mean(ops.abs(of_images - of_drawn)) / size


def halved(images):
    """Pictures [B, 2h, 2h, 3] -> [B, h, h, 3], every four pixels their mean."""
    return ops.average_pool(images, 2, 2)
