"""The latents of `generate`, computed inside a TensorFlow graph."""

import math

import numpy as np
import tensorflow as tf

# Constants of Philox4x64 (Salmon et al. 2011, table 2), for both lanes.
_MULTIPLIERS = np.array([0xD2E7470EE14C6C93, 0xCA5A826395121157], "uint64")
_KEY_STEPS = np.array([0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B], "uint64")
_ROUNDS = 10
_LOW = np.uint64(2**32 - 1)
_HALF = np.uint64(32)


def first_row_latents(seeds, width):
    """What `training.latents.row_latents(seed, [0], width)` gives, per seed.

    NumPy's normal numbers come from the polar method: a pair of uniform
    numbers is drawn until it lies in the unit disk. Here so many pairs are
    drawn at once that enough of them do, and the first ones are taken.

    Args:
        seeds: int64 tensor [B].
        width: Z.

    Returns:
        float32 tensor [B, Z], bit by bit that of NumPy wherever the logarithm
        of the two rounds alike.
    """
    pairs = -(-width // 2)
    # Too few inside is ten standard deviations away.
    count = math.ceil((pairs + 6 * math.sqrt(pairs) + 10) / (math.pi / 4))
    blocks = -(-count // 2)
    bits = _philox(seeds, blocks)  # [B, blocks, 4]
    bits = tf.bitwise.right_shift(bits, tf.constant(11, tf.uint64))
    uniform = tf.cast(bits, tf.float64) * 2.0**-53
    point = tf.reshape(2.0 * uniform - 1.0, [-1, 2 * blocks, 2])
    radius = tf.square(point[..., 0]) + tf.square(point[..., 1])
    inside = (radius < 1.0) & (radius != 0.0)
    # Points outside go behind all others, which keep their order.
    place = tf.range(2 * blocks) + tf.where(inside, 0, 2 * blocks)
    order = tf.sort(place, axis=1)[:, :pairs] % (2 * blocks)
    point = tf.gather(point, order, batch_dims=1)  # [B, pairs, 2]
    radius = tf.gather(radius, order, batch_dims=1)
    factor = tf.sqrt(-2.0 * tf.math.log(radius) / radius)
    # NumPy hands out the second coordinate first.
    normal = tf.reverse(point * factor[..., None], [-1])
    normal = tf.reshape(normal, [-1, 2 * pairs])[:, :width]
    return tf.cast(normal, tf.float32)


def _philox(seeds, blocks):
    """uint64 [B, blocks, 4]: Philox4x64-10 with key (seed, 0), counter 1, ...

    Its state (a, b, c, d) is kept as two lanes, (a, c) and (b, d).
    """
    key = tf.bitcast(seeds, tf.uint64)[:, None]  # [B, 1]
    key = tf.stack([key, tf.zeros_like(key)])  # [2, B, 1]
    steps = tf.constant(_KEY_STEPS[:, None, None])
    multipliers = _MULTIPLIERS[:, None, None]
    counter = tf.constant(np.arange(1, blocks + 1, dtype="uint64"))
    first = tf.zeros_like(key) + counter  # [2, B, blocks]
    first = first * tf.constant(np.array([1, 0], "uint64")[:, None, None])
    second = tf.zeros_like(first)
    xor = tf.bitwise.bitwise_xor
    for number in range(_ROUNDS):
        if number:
            key += steps
        high = _high_product(first, multipliers)
        low = first * tf.constant(multipliers)
        first = xor(xor(tf.reverse(high, [0]), second), key)
        second = tf.reverse(low, [0])
    return tf.stack([first[0], second[0], first[1], second[1]], axis=-1)


def _high_product(x, constant):
    """The upper 64 bits of 128 of a product, from four of 32-bit halves."""
    shift = tf.bitwise.right_shift
    low, half = tf.constant(_LOW), tf.constant(_HALF)
    x_low, x_high = tf.bitwise.bitwise_and(x, low), shift(x, half)
    c_low, c_high = tf.constant(constant & _LOW), tf.constant(constant >> _HALF)
    upper = x_high * c_low + shift(x_low * c_low, half)
    middle = x_low * c_high + tf.bitwise.bitwise_and(upper, low)
    return x_high * c_high + shift(upper, half) + shift(middle, half)
