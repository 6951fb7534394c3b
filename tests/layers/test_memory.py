import numpy as np
import pytest

from keras_t2i.layers import DynamicMemory
from keras_t2i.layers import WordAttention

LAYERS = {
    "memory": lambda: DynamicMemory(6, dtype="float64"),
    "attention": lambda: WordAttention(dtype="float64"),
}


def example(words=5, seed=0):
    """A map, words and a mask: texts of one, three and five words."""
    random = np.random.default_rng(seed)
    mask = np.arange(words)[None] < np.array([1, 3, 5])[:, None]
    return (
        random.normal(size=(3, 2, 4, 4)),
        random.normal(size=(3, words, 7)),
        mask.astype("float64"),
    )


@pytest.fixture(scope="module", params=LAYERS)
def layer(request):
    layer = LAYERS[request.param]()
    layer(example())
    random = np.random.default_rng(1)
    for weight in layer.weights:
        weight.assign(random.normal(size=weight.shape))
    return layer


def values(results):
    return [np.array(result) for result in results]


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def relu(x):
    return np.maximum(x, 0.0)


def test_memory_equals_a_loop_over_samples_positions_and_words():
    layer = DynamicMemory(6, dtype="float64")
    x, words, mask = example()
    found, attention = values(layer([x, words, mask]))

    def dense(part):
        kernel, *bias = [np.array(w) for w in part.weights]
        return lambda v: v @ kernel + (bias[0] if bias else 0.0)

    a, b = dense(layer.gate_of_word), dense(layer.gate_of_map)
    write_word, write_map = dense(layer.write_word), dense(layer.write_map)
    key, value, response = map(dense, (layer.key, layer.value, layer.response))
    for n in range(3):
        mean = x[n].mean(axis=(0, 1))
        slots = []
        for word in words[n][mask[n] > 0]:
            gate = sigmoid(a(word) + b(mean))
            slots.append(
                gate * relu(write_word(word)) + (1 - gate) * relu(write_map(mean))
            )
        keys = np.array([relu(key(slot)) for slot in slots])
        read_values = np.array([relu(value(slot)) for slot in slots])
        for i in range(2):
            for j in range(4):
                weights = softmax(keys @ x[n, i, j])
                read = weights @ read_values
                r = sigmoid(response(np.concatenate([x[n, i, j], read])))
                expected = (1 - r) * x[n, i, j] + r * read
                np.testing.assert_allclose(found[n, i, j], expected, atol=1e-6)
                np.testing.assert_allclose(
                    attention[n, i, j, : len(slots)], weights, atol=1e-6
                )


def test_attention_is_a_distribution_over_real_words(layer):
    x, words, mask = example()
    _, attention = values(layer([x, words, mask]))
    np.testing.assert_allclose(attention.sum(axis=-1), 1.0, rtol=1e-12)
    hidden = np.broadcast_to(mask[:, None, None] == 0, attention.shape)
    assert np.all(attention[hidden] == 0.0)


def test_padding_and_batch_mates_do_not_matter(layer):
    x, words, mask = example()
    whole = values(layer([x, words, mask]))
    longer = np.concatenate([words, np.full((3, 4, 7), 9.0)], axis=1)
    longer[:, :5][mask == 0] = -50.0
    padded = values(layer([x, longer, np.pad(mask, ((0, 0), (0, 4)))]))
    np.testing.assert_allclose(padded[0], whole[0], rtol=1e-12)
    np.testing.assert_allclose(padded[1][..., :5], whole[1], rtol=1e-12)
    for n in range(3):
        rows = slice(n, n + 1)
        alone = values(layer([x[rows], words[rows], mask[rows]]))
        np.testing.assert_allclose(alone[0], whole[0][rows], rtol=1e-12)


def test_one_copy_of_a_sentence_equals_several(layer):
    x, words, _ = example()
    one = values(layer([x, words[:, :1], np.ones((3, 1))]))[0]
    copies = np.repeat(words[:, :1], 6, axis=1)
    six = values(layer([x, copies, np.ones((3, 6))]))[0]
    np.testing.assert_allclose(six, one, rtol=1e-10)


def test_a_single_slot_has_no_key_and_reads_the_same():
    x, words, mask = example()
    several, single = (DynamicMemory(6, dtype="float64") for _ in range(2))
    several([x, words, mask])
    single([x, words[:, :1], mask[:, :1]])
    assert single.key is None
    for name in ("gate_of_word", "gate_of_map", "write_word", "write_map"):
        pairs = zip(getattr(single, name).weights, getattr(several, name).weights)
        for ours, theirs in pairs:
            ours.assign(theirs)
    single.value.set_weights(several.value.get_weights())
    single.response.set_weights(several.response.get_weights())
    np.testing.assert_allclose(
        values(single([x, words[:, :1], mask[:, :1]]))[0],
        values(several([x, words[:, :1], mask[:, :1]]))[0],
        rtol=1e-12,
    )


def test_a_text_without_words_adds_nothing(layer):
    x, words, mask = example()
    mask[1] = 0.0
    result = values(layer([x, words, mask]))[0]
    assert np.all(np.isfinite(result))
    nothing = x[1] if isinstance(layer, DynamicMemory) else 0.0 * x[1]
    np.testing.assert_array_equal(result[1], nothing)


def test_half_precision_keeps_its_softmax_in_float32():
    layer = DynamicMemory(6, dtype="mixed_bfloat16")
    inputs = [each.astype("float32") for each in example()]
    result, attention = layer(inputs)
    assert "bfloat16" in str(result.dtype)
    assert "float32" in str(attention.dtype)
    assert all("float32" in str(w.dtype) for w in layer.weights)
