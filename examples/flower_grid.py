"""Captions of flowers, and the pictures of them by seeds, for the sheets."""

from keras_t2i import pictures

# Written for these scripts: no data set holds them.
CAPTIONS = [
    "a purple flower with yellow stamen",
    "a bright red flower with a dark center",
    "this yellow flower has many thin petals",
    "a white flower with round petals and a yellow center",
    "a pink flower with pointed petals",
    "the flower has orange petals with dark spots",
    "a small blue flower with five petals",
    "white petals with purple stripes in the middle",
]


def grid(model, captions=CAPTIONS, num_images=8, seed=0):
    """A row a caption, a column a seed."""
    images = model.generate(captions, seed=seed, num_images=num_images)
    return pictures.grid(
        images, columns=num_images, captions=captions, scale=2
    )
