"""The sizes of pictures that networks of doublings can draw."""

import math
import numbers


def up_samplings(image_size):
    """Number of doublings from 4 x 4 to `image_size`.

    Raises:
        ValueError: if the size is not 4 times a power of two, from 16 up.
    """
    whole = isinstance(image_size, numbers.Integral)
    if not whole or image_size < 16 or image_size & (image_size - 1):
        raise ValueError(
            "`image_size` must be 16, 32, 64, 128 or a further power of two. "
            f"Received: {image_size!r}"
        )
    return int(math.log2(image_size / 4))
