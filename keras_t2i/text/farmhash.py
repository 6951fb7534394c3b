"""The hash of `tf.strings.to_hash_bucket_fast`, where TensorFlow is missing.

It is FarmHash's `Fingerprint64`, which by its authors' word never changes
(Geoff Pike, "FarmHash", 2014). All sums and products are of 64 bits.
"""

_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
_MASK = (1 << 64) - 1


def hash_bucket(text, num_buckets):
    """The bucket, 0 to `num_buckets` - 1, of a string of bytes."""
    return fingerprint64(text) % num_buckets


def fingerprint64(text):
    """The fingerprint of a string of bytes, below 2^64."""
    length = len(text)
    if length > 64:
        return _long(text)
    multiplier = _K2 + 2 * length
    if length > 32:
        return _upto_64(text, multiplier)
    if length > 16:
        return _mix(*_halves(text, multiplier, _K1), multiplier)
    if length >= 8:
        a, b = _word(text, 0) + _K2, _word(text, length - 8)
        c = _rotate(b, 37) * multiplier + a
        d = (_rotate(a, 25) + b) * multiplier
        return _mix(c, d, multiplier)
    if length >= 4:
        first, last = _word(text, 0, 4), _word(text, length - 4, 4)
        return _mix(length + (first << 3), last, multiplier)
    if length > 0:
        y = text[0] + (text[length >> 1] << 8)
        z = length + (text[-1] << 2)
        return _shift((y * _K2 ^ z * _K0) & _MASK) * _K2 & _MASK
    return _K2


def _word(text, start, size=8):
    return int.from_bytes(text[start : start + size], "little")


def _rotate(value, bits):
    value &= _MASK
    return (value >> bits | value << (64 - bits)) & _MASK


def _shift(value):
    value &= _MASK
    return value ^ value >> 47


def _mix(u, v, multiplier):
    a = _shift(((u ^ v) & _MASK) * multiplier)
    b = _shift(((v & _MASK) ^ a) * multiplier)
    return b * multiplier & _MASK


def _halves(text, multiplier, first):
    """What 17 bytes or more make of their first and last 16."""
    a, b = _word(text, 0) * first, _word(text, 8)
    c = _word(text, len(text) - 8) * multiplier
    d = _word(text, len(text) - 16) * _K2
    return (
        _rotate(a + b, 43) + _rotate(c, 30) + d,
        a + _rotate(b + _K2, 18) + c,
    )


def _upto_64(text, multiplier):
    y, z = _halves(text, multiplier, _K2)
    z = _mix(y, z, multiplier)
    e, f = _word(text, 16) * multiplier, _word(text, 24)
    g = (y + _word(text, len(text) - 32)) * multiplier
    h = (z + _word(text, len(text) - 24)) * multiplier
    a = _word(text, 0) * _K2
    return _mix(
        _rotate(e + f, 43) + _rotate(g, 30) + h,
        e + _rotate(f + a, 18) + g,
        multiplier,
    )


def _long(text):
    x, y = 81, 81 * _K1 + 113
    z = _shift(y * _K2 + 113) * _K2
    x = x * _K2 + _word(text, 0)
    v = w = (0, 0)
    rest = (len(text) - 1) % 64
    end = len(text) - 1 - rest
    for start in range(0, end, 64):
        x, y, z, v, w = _round(text, start, x, y, z, v, w, _K1, 1)
    # The last 64 bytes, whether or not they were among those.
    multiplier = _K1 + ((z & 0xFF) << 1)
    w = (w[0] + rest, w[1])
    v = (v[0] + w[0], v[1])
    w = (w[0] + v[0], w[1])
    x, y, z, v, w = _round(
        text, len(text) - 64, x, y, z, v, w, multiplier, 9
    )
    return _mix(
        _mix(v[0], w[0], multiplier) + _shift(y) * _K0 + z,
        _mix(v[1], w[1], multiplier) + x,
        multiplier,
    )


def _round(text, start, x, y, z, v, w, multiplier, times):
    x = _rotate(x + y + v[0] + _word(text, start + 8), 37) * multiplier
    y = _rotate(y + v[1] + _word(text, start + 48), 42) * multiplier
    x = (x ^ w[1] * times) & _MASK
    y = y + v[0] * times + _word(text, start + 40)
    z = _rotate(z + w[0], 33) * multiplier
    v = _weak(text, start, v[1] * multiplier, x + w[0])
    w = _weak(text, start + 32, z + w[1], y + _word(text, start + 16))
    return z & _MASK, y & _MASK, x, v, w


def _weak(text, start, a, b):
    first, *middle, last = (_word(text, start + at) for at in (0, 8, 16, 24))
    a += first
    b = _rotate(b + a + last, 21)
    c = a
    a += sum(middle)
    b += _rotate(a, 44)
    return (a + last) & _MASK, (b + c) & _MASK
