"""The two towers of the image-text matcher.

Shapes are channels-last; B = batch, S = sentence width, T = word positions,
W = word width, N = regions, D = width of the common space.
"""

import math

import keras
from keras import layers

from keras_t2i import applications
from keras_t2i.layers import standardize

# Regions a side, at least; fewer than twice as many.
_REGIONS = 8


def text_tower(sentence_width, word_width, embedding_width):
    """Heads over the features of a text encoder.

    Args:
        sentence_width: S.
        word_width: W; None leaves the words out.
        embedding_width: D.

    Returns:
        `keras.Model` from (sentence [B, S], words [B, T, W]) to float32
        sentence codes [B, D] and word codes [B, T, D]; without words, from the
        one to the other.
    """
    sentence = keras.Input((sentence_width,), name="sentence")
    x = layers.Dense(2 * embedding_width)(standardize(sentence))
    x = layers.LeakyReLU(0.2)(x)
    code = layers.Dense(embedding_width, dtype="float32")(x)
    if word_width is None:
        return keras.Model(sentence, code, name="text_tower")
    words = keras.Input((None, word_width), name="words")
    w = layers.LayerNormalization(dtype="float32")(words)
    w = layers.Dense(embedding_width)(w)
    w = layers.LayerNormalization(dtype="float32")(w)
    return keras.Model(
        [sentence, words], [code, _tempered(w)], name="text_tower"
    )


def strided_tower(
    image_size, width, embedding_width, dropout=0.0, has_regions=True
):
    """A compact convolutional network with a global code and regions.

    Strided convolutions lead to 8 x 8 regions (up to 15 x 15 for sizes that
    are no power of two), and one more to the global code.

    Args:
        image_size: height and width of the pictures.
        width: channels of the first convolution.
        embedding_width: D.
        dropout: share of the vector before the code that training drops.
        has_regions: whether there are codes of regions too.

    Returns:
        `keras.Model` from pictures [B, H, W, 3] in [-1, 1] to float32 image
        codes [B, D] and regions [B, N, D], row by row; or to the former alone.

    Raises:
        ValueError: for pictures smaller than 16 x 16.
    """
    images = keras.Input((image_size, image_size, 3), name="images")
    x = images
    for index in range(_halvings(image_size)):
        x = _normalized_conv(x, width * min(2**index, 8), 4, 2)
    channels = x.shape[-1]
    h = _normalized_conv(x, channels, 3)
    x = layers.Add()([x, _normalized_conv(h, channels, 3)])  # [B, 8, 8, C]
    last = _normalized_conv(x, 2 * channels, 4, 2)  # [B, 4, 4, 2C]
    code = layers.GlobalAveragePooling2D(dtype="float32")(last)
    regions = x if has_regions else None
    return _with_heads(images, regions, code, embedding_width, dropout)


def pooled_tower(
    image_size, width, embedding_width, dropout=0.0, has_regions=True
):
    """Convolutions that keep the size, each followed by average pooling.

    The code comes from the means and from the maxima of the last map. Made
    otherwise than `strided_tower`, so that a judge does not share the blind
    spots of the matcher that it checks. Arguments, results and errors are the
    same.
    """
    images = keras.Input((image_size, image_size, 3), name="images")
    x = _normalized_conv(images, width, 3)
    for index in range(_halvings(image_size)):
        x = layers.AveragePooling2D(2)(x)
        x = _normalized_conv(x, width * min(2 ** (index + 1), 8), 3)
    last = layers.AveragePooling2D(2)(x)
    last = _normalized_conv(last, 2 * x.shape[-1], 3)
    code = layers.Concatenate(dtype="float32")(
        [layers.GlobalAveragePooling2D()(last), layers.GlobalMaxPooling2D()(last)]
    )
    regions = x if has_regions else None
    return _with_heads(images, regions, code, embedding_width, dropout)


TOWERS = {"strided": strided_tower, "pooled": pooled_tower}


def backbone_tower(
    image_size, name, weights, embedding_width, has_regions=True
):
    """Heads over a network of `keras.applications`, which stays as it is.

    Regions come from its last wide map of stride 16 (17 x 17 of InceptionV3,
    as in DAMSM), the code from the mean of its last map. Pictures are brought to
    the size that the network was trained at.

    Args:
        image_size: height and width of the pictures.
        name: of the network, such as "InceptionV3".
        weights: "imagenet", the path of a file, or None for random ones.
        embedding_width: D.

    Returns:
        As `strided_tower`.

    Raises:
        ValueError: for an unknown name, or weights that cannot be had.
    """
    network, size, preprocess = applications.load(name, weights)
    network.trainable = False
    images = keras.Input((image_size, image_size, 3), name="images")
    x = layers.Resizing(size, size, dtype="float32")(images)
    x = layers.Rescaling(127.5, 127.5, dtype="float32")(x)
    maps = [
        layer.output
        for layer in network.layers
        if isinstance(layer.output, keras.KerasTensor)
        and not isinstance(layer, layers.ZeroPadding2D)
        and len(layer.output.shape) == 4
        and layer.output.shape[1] >= size // 18
    ]
    smallest = min(x.shape[1] for x in maps)
    # The last of the widest: not a branch of a block.
    regions = max(
        enumerate(x for x in maps if x.shape[1] == smallest),
        key=lambda item: (item[1].shape[-1], item[0]),
    )[1]
    features = keras.Model(network.input, [regions, network.output])
    x, last = features(preprocess(x), training=False)
    code = layers.GlobalAveragePooling2D(dtype="float32")(last)
    regions = x if has_regions else None
    return _with_heads(images, regions, code, embedding_width)


def _halvings(image_size):
    """How many of them lead from the picture to the regions.

    Raises:
        ValueError: for pictures smaller than 16 x 16.
    """
    if image_size < 2 * _REGIONS:
        raise ValueError(
            f"`image_size` must be at least {2 * _REGIONS}. "
            f"Received: {image_size}"
        )
    return int(math.log2(image_size / _REGIONS))


def _with_heads(images, regions, code, embedding_width, dropout=0.0):
    """The heads of a tower, over a map of regions (or None) and a vector."""
    if regions is not None:
        regions = layers.Dense(embedding_width, dtype="float32")(regions)
        regions = layers.Reshape((-1, embedding_width))(regions)
        regions = _tempered(regions)
    if dropout:
        code = layers.Dropout(dropout)(code)
    code = layers.Dense(embedding_width, dtype="float32")(code)
    outputs = code if regions is None else [code, regions]
    return keras.Model(images, outputs, name="image_tower")


def _normalized_conv(x, filters, size, strides=1):
    x = layers.Conv2D(filters, size, strides, "same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    return layers.LeakyReLU(0.2)(x)


def _tempered(x):
    # Products of two such vectors have a variance near 1 before training, so
    # that the softmax over words starts soft, whatever the width.
    return layers.Rescaling(x.shape[-1] ** -0.25, dtype="float32")(x)
