import numpy as np
import pytest
import tensorflow as tf

from keras_t2i.layers import FOFE


def recursion(vectors, mask, alpha):
    z, found = np.zeros(vectors.shape[-1]), []
    for vector, is_word in zip(vectors, mask):
        if is_word:
            z = alpha * z + vector
        found.append(z)
    return np.array(found)


@pytest.mark.parametrize("alpha", [0.5, 0.25, 0.7])
def test_product_equals_the_recursion(alpha):
    random = np.random.default_rng(0)
    one_hot = np.eye(9)[random.integers(0, 9, (3, 12))]
    mask = np.array([[1] * 12, [1] * 5 + [0] * 7, [0, 1] * 6], "float64")
    found = FOFE(alpha, dtype="float64")(tf.constant(one_hot), tf.constant(mask))
    expected = [recursion(v, m, alpha) for v, m in zip(one_hot, mask)]
    # Powers of 1/2 are exact, and so is every sum of them here.
    tolerance = 0.0 if alpha in (0.5, 0.25) else 1e-15
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=tolerance)


def test_embedding_of_the_code_is_the_code_of_the_embedding():
    random = np.random.default_rng(1)
    one_hot = np.eye(6)[random.integers(0, 6, (2, 8))]
    table = random.normal(size=(6, 4))
    mask, layer = tf.ones((2, 8)), FOFE(dtype="float64")
    code = np.asarray(layer(tf.constant(one_hot), mask)) @ table
    np.testing.assert_allclose(
        layer(tf.constant(one_hot @ table), mask), code, rtol=1e-12
    )


def test_alpha_up_to_a_half_tells_every_order_apart():
    words = np.array(np.meshgrid(*[range(3)] * 5)).reshape(5, -1).T
    codes = FOFE(0.5, dtype="float64")(
        tf.constant(np.eye(3)[words]), tf.ones(words.shape)
    )
    last = {np.asarray(code).tobytes() for code in codes[:, -1]}
    assert len(last) == len(words)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.5])
def test_alpha_out_of_range_is_refused(alpha):
    with pytest.raises(ValueError, match=r"\(0, 1\)"):
        FOFE(alpha)
