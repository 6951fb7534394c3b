import numpy as np
import tensorflow as tf

from keras_t2i.text.farmhash import hash_bucket


def test_buckets_are_those_of_tensorflow_at_every_length():
    random = np.random.default_rng(0)
    # Up to 16, 32, 64 bytes and beyond are four different ways.
    lengths = [*range(200), 256, 257, 1000, 5000]
    texts = [random.bytes(length) for length in lengths]
    for buckets in (16384, (1 << 62) - 57):
        expected = tf.strings.to_hash_bucket_fast(texts, buckets).numpy()
        found = [hash_bucket(text, buckets) for text in texts]
        np.testing.assert_array_equal(found, expected)
