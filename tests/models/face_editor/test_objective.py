import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_t2i import text
from keras_t2i.models.face_editor import networks
from keras_t2i.models.face_editor import objective
from keras_t2i.text import face_words
from tests.models.face_editor import parts


@pytest.fixture(scope="module")
def lexicon():
    return text.Lexicon(face_words.WORDS, face_words.ATTRIBUTES)


def row(lexicon, *names):
    """[1, A] that chooses attributes."""
    return np.array([[float(n in names) for n in lexicon.names]], "float32")


def test_caption_is_learned_from_start_to_end():
    before, after = objective.before_and_after([[7, 9, 0], [5, 6, 8]])
    np.testing.assert_array_equal(before, [[1, 7, 9, 0], [1, 5, 6, 8]])
    np.testing.assert_array_equal(after, [[7, 9, 2, 0], [5, 6, 8, 2]])


def test_rate_is_a_tenth_after_each_interval_and_ends_above_zero():
    rate = objective.Decay(1e-3, 50)
    found = [float(rate(step)) for step in (0, 49, 50, 149, 5000)]
    np.testing.assert_allclose(found, [1e-3, 1e-3, 1e-4, 1e-5, 1e-6], rtol=1e-5)


def test_drawn_texts_name_what_they_say(lexicon):
    edits = objective.Edits(lexicon, parts.ATTRIBUTES)
    known = np.array([n != "Chubby" for n in lexicon.names], "float32")
    words, chosen = edits.drawn(200, known, 3, keras.random.SeedGenerator(0))
    counts = np.sum(chosen, axis=1)
    assert set(counts) == {1.0, 2.0, 3.0}
    groups = [a["group"] for a in lexicon.attributes.values()]
    for rows, choice in zip(np.asarray(words), np.asarray(chosen)):
        names = [n for n, c in zip(lexicon.names, choice) if c]
        reading = lexicon.read(lexicon.spelled(rows))
        read = {lexicon.names[n - 1] for n in reading.names if n}
        assert read == set(names) and "Chubby" not in names
        used = [g for g, c in zip(groups, choice) if c and g]
        assert len(used) == len(set(used))
        # No holes: an LSTM on a GPU wants words at the front.
        assert np.all(np.diff((rows == 0).astype(int)) >= 0)


def test_a_classifier_shall_see_what_is_named_and_nothing_else(lexicon):
    names = "Smiling Black_Hair Gray_Hair No_Beard Mustache Male".split()
    edits = objective.Edits(lexicon, names)
    cases = [
        # chosen, said; columns that shall be 1, shall be 0, stay.
        (["Black_Hair"], 1, ["Black_Hair"], ["Gray_Hair"], 4),
        (["Black_Hair"], 0, [], ["Black_Hair"], 4),
        (["Beard"], 1, [], ["No_Beard"], 4),
        (["Beard"], 0, ["No_Beard"], [], 4),
        (["Beard", "Mustache"], 1, ["Mustache"], ["No_Beard"], 4),
        (["Smiling", "Woman"], 1, ["Smiling"], ["Male"], 2),
        (["Eyeglasses"], 1, [], [], 6),
    ]
    for chosen, said, ones, zeros, stay in cases:
        target, named, kept = edits.wanted(
            row(lexicon, *chosen), np.array([said], "float32")
        )
        found = {
            value: [
                n
                for n, t, is_named in zip(names, target[0], named[0])
                if is_named and t == value
            ]
            for value in (0.0, 1.0)
        }
        assert found == {1.0: ones, 0.0: zeros}, chosen
        assert float(np.sum(kept)) == stay, chosen
        assert not np.any(np.asarray(kept) * np.asarray(named))


def test_words_of_what_changes_along_are_not_kept(lexicon):
    edits = objective.Edits(lexicon, ())
    kept = np.asarray(edits.kept(row(lexicon, "Bald")))[0]
    lost = {n for n, k in zip(lexicon.names, kept) if not k}
    assert {"Bald", "Black_Hair", "Wavy_Hair", "Bangs"} <= lost
    assert not {"Smiling", "Beard", "Woman"} & lost


def test_words_that_name_what_was_chosen_are_marked():
    names = [[0, 2, 2, 3], [1, 0, 0, 2]]
    chosen = np.array([[0, 1, 0], [0, 1, 1]], "float32")
    np.testing.assert_array_equal(
        objective.words_about(names, chosen), [[0, 1, 1, 0], [0, 0, 0, 1]]
    )


def test_examples_are_captions_that_name_little_else(lexicon):
    phrasing = objective.Phrasing(len(lexicon.names), 10)
    captions = [
        *["a man wearing eyeglasses"] * 3,
        "a man with glasses",
        "a woman with glasses",
        "an older man wearing glasses and a hat",
        "he has no beard",
    ]
    phrasing.collect(captions, lexicon)
    number = lexicon.names.index("Eyeglasses")
    examples = [lexicon.spelled(r) for r in np.asarray(phrasing.words[number])]
    first, second = examples[:2]
    assert first == "a man wearing eyeglasses"
    assert second == "a woman with eyeglasses"
    share = np.asarray(phrasing.share)
    assert share[number] == pytest.approx(6 / 7)
    # It is denied, so nobody has shown what it looks like.
    assert share[lexicon.names.index("Beard")] == 0.0
    words, names = phrasing.examples(
        row(lexicon, "Eyeglasses"), keras.random.SeedGenerator(1)
    )
    assert lexicon.spelled(np.asarray(words)[0]) in examples
    assert number + 1 in np.asarray(names)[0]


def test_unit_range_spans_zero_to_one():
    x = np.random.default_rng(0).normal(3.0, 9.0, (2, 4, 4, 3))
    found = np.asarray(networks.UnitRange()(x))
    np.testing.assert_allclose(found.min(axis=(1, 2)), 0.0, atol=1e-5)
    np.testing.assert_allclose(found.max(axis=(1, 2)), 1.0, atol=1e-5)


def fusion(kind, space, shape, bias):
    layer = networks.LatentFusion(kind, space)
    layer.build((None, *shape), (None, 3))
    layer.bias.assign(bias)
    return layer


def test_fusion_in_z_is_tanh_of_both_and_a_bias():
    random = np.random.default_rng(2)
    z, f = random.normal(size=(2, 5, 3)).astype("float32")
    b = random.normal(size=3).astype("float32")
    for kind, argument in (("add", z + f + b), ("affine", z * f + b)):
        found = fusion(kind, "z", (3,), b)(z, f)
        np.testing.assert_allclose(found, np.tanh(argument), atol=1e-6)


def test_fusion_in_w_moves_nothing_for_a_code_of_nothing():
    random = np.random.default_rng(3)
    w = random.normal(size=(5, 2, 4)).astype("float32")
    layer = fusion("add", "w", (2, 4), random.normal(size=4))
    mixed = random.normal(size=(64, 4)) @ random.normal(size=(4, 4))
    layer.measure(tf.constant(mixed, tf.float32))
    nothing = np.zeros((5, 3), "float32")
    np.testing.assert_array_equal(layer(w, nothing), w)
    code = random.normal(size=(5, 3)).astype("float32")
    way = np.asarray(layer(w, code)) - w
    axes, deviation = np.asarray(layer.axes), np.asarray(layer.deviation)
    u = (w - np.asarray(layer.mean)) @ axes / deviation
    np.testing.assert_allclose(layer.place(w), u, atol=1e-5)
    u = u + np.asarray(layer.bias)
    moved = np.einsum("bf,flz->blz", code, np.asarray(layer.projection))
    expected = 2.0 * deviation * (np.tanh(u + moved) - np.tanh(u)) @ axes.T
    np.testing.assert_allclose(way, expected, atol=1e-5)
    assert np.max(np.abs(way)) > 1e-3
