"""Differentiable augmentation for small sets (Zhao et al. 2020, DiffAugment)."""

from keras import ops
from keras import random

POLICIES = ("color", "translation", "cutout")


def diff_augment(images, policies, seed):
    """Augments real and generated pictures alike, with gradients.

    Args:
        images: float [B, H, W, C] in [-1, 1].
        policies: some of "color" (brightness, saturation, contrast),
            "translation" (up to 1/8 of the size, filled with zeros) and
            "cutout" (a square of half the size set to zero).
        seed: `keras.random.SeedGenerator`.

    Returns:
        Tensor of the shape of `images`; every row has its own draw.
    """
    for policy in policies:
        images = _AUGMENTATIONS[policy](images, seed)
    return images


def check_policies(policies):
    """Returns `policies` as a tuple; ValueError names what is unknown."""
    policies = (policies,) if isinstance(policies, str) else policies
    policies = tuple(policies or ())
    unknown = [p for p in policies if p not in POLICIES]
    if unknown:
        raise ValueError(
            f"`augment` takes some of {POLICIES}. Received: {unknown}"
        )
    return policies


def _color(images, seed):
    def draw(low, high):
        shape = (ops.shape(images)[0], 1, 1, 1)
        return random.uniform(shape, low, high, seed=seed)

    images = images + draw(-0.5, 0.5)
    gray = ops.mean(images, axis=-1, keepdims=True)
    images = gray + (images - gray) * draw(0.0, 2.0)
    mean = ops.mean(images, axis=(1, 2, 3), keepdims=True)
    return mean + (images - mean) * draw(0.5, 1.5)


def _translation(images, seed):
    batch, height, width = ops.shape(images)[:3]
    # Shifting by a one-hot matrix on each axis keeps second derivatives,
    # which a gather would lose on some backends.
    images = ops.einsum(
        "bsh,bhwc->bswc", _shift_matrix(batch, height, images.dtype, seed), images
    )
    return ops.einsum(
        "bsw,bhwc->bhsc", _shift_matrix(batch, width, images.dtype, seed), images
    )


def _shift_matrix(batch, size, dtype, seed):
    limit = max(1, size // 8)
    shift = random.randint((batch, 1, 1), -limit, limit + 1, seed=seed)
    target = ops.arange(size)[None, :, None]
    source = ops.arange(size)[None, None, :]
    return ops.cast(ops.equal(target, source + shift), dtype)


def _cutout(images, seed):
    batch, height, width = ops.shape(images)[:3]
    rows = _outside_cut(batch, height, seed)[:, :, None]
    columns = _outside_cut(batch, width, seed)[:, None, :]
    keep = ops.logical_or(rows, columns)[..., None]
    return images * ops.cast(keep, images.dtype)


def _outside_cut(batch, size, seed):
    center = random.randint((batch, 1), 0, size + 1, seed=seed)
    distance = ops.arange(size)[None, :] - center
    # From half the cut before the center to just below half after it.
    return ops.logical_or(distance < -(size // 4), distance >= size // 4)


_AUGMENTATIONS = {
    "color": _color,
    "translation": _translation,
    "cutout": _cutout,
}
