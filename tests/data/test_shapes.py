import itertools

import numpy as np
import pytest

from keras_t2i import data
from keras_t2i.data import drawing, wording


def arrays(batches):
    parts = [(x["text"].numpy(), x["class_id"].numpy(), y) for x, y in batches]
    return [np.concatenate(part) for part in zip(*parts)]


def test_training_batches():
    train = data.shapes(num_images=100, batch_size=16)
    text, class_id, images = arrays(train)
    assert int(train.cardinality()) == 6
    assert images.shape == (96, 32, 32, 3) and images.dtype == np.uint8
    assert class_id.dtype == np.int64
    assert train.element_spec[1].shape == (16, 32, 32, 3)
    assert len(train.source) == 100
    assert {t.decode() for t in text} <= set(train.source.captions)
    # No two pictures alike, not even of one combination.
    two = arrays(data.shapes(num_images=2000, training=False, batch_size=999))
    same = two[2][two[1] == two[1][0]]
    assert len(same) > 1
    assert len(np.unique(same.reshape(len(same), -1), axis=0)) == len(same)


def test_same_seed_same_bytes_and_steps():
    def batches(seed=1, **arguments):
        return data.shapes(
            num_images=40, batch_size=8, seed=seed, repeat=True, **arguments
        )

    first, second = arrays(batches().take(9)), arrays(batches().take(9))
    late = arrays(batches(start_step=4).take(5))
    for a, b, c in zip(first, second, late):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a[32:], c)
    other = arrays(batches(seed=2).take(9))
    assert not np.array_equal(first[2], other[2])


def test_every_pair_of_values_is_in_train_but_not_every_combination():
    train = drawing.combinations("train")
    held = drawing.combinations("validation")
    assert len(train) + len(held) == 1080 and len(held) == 108
    assert not set(train) & set(held)
    seen = [drawing.COMBINATIONS[c] for c in train]
    values = list(drawing.ATTRIBUTES.values())
    for i, j in itertools.combinations(range(5), 2):
        pairs = {(combination[i], combination[j]) for combination in seen}
        assert len(pairs) == len(values[i]) * len(values[j])
    source = data.shapes("validation").source
    assert set(source.class_ids) == set(held)
    assert len(source) == 1080


@pytest.mark.parametrize("language", wording.LANGUAGES)
def test_captions_name_what_is_drawn(language):
    source = data.shapes(num_images=972, language=language).source
    named = []
    for class_id, texts in zip(source.class_ids, source.texts):
        truth = dict(zip(drawing.ATTRIBUTES, drawing.COMBINATIONS[class_id]))
        for text in texts:
            attributes = wording.named_attributes(text)
            assert attributes.items() <= truth.items(), text
            named.append(len(attributes))
        assert wording.named_attributes(texts[0]) == truth
    assert set(named) == {1, 2, 3, 4, 5}
    chinese = sum(any(c > "\u4e00" for c in t) for t in source.captions)
    share = chinese / len(source.captions)
    assert {"english": share == 0, "chinese": share == 1}.get(
        language, 0.4 < share < 0.6
    )


def test_words_of_users_are_understood():
    assert wording.named_attributes(
        "Two huge RED Circles, upper left, grey background"
    ) == {
        "size": "large",
        "color": "red",
        "shape": "circle",
        "position": "top left",
        "background": "gray",
    }
    assert wording.named_attributes("白背景，中等大小的蓝圆") == {
        "background": "white",
        "size": "medium",
        "color": "blue",
        "shape": "circle",
    }
    assert wording.named_attributes("a bored credit, red or blue") == {}


def test_captions_for_evaluation():
    captions = data.shapes_captions(200)
    assert len(captions) == 200 and captions == data.shapes_captions(200)
    held = set(drawing.combinations("validation"))
    numbers = [
        drawing.COMBINATIONS.index(
            tuple(wording.named_attributes(c)[a] for a in drawing.ATTRIBUTES)
        )
        for c in captions
    ]
    assert set(numbers) == held
    assert data.shapes_captions(9, seed=1) != captions[:9]
    chinese = data.shapes_captions(9, "train", language="chinese")
    assert all(len(wording.named_attributes(c)) == 5 for c in chinese)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"split": "test"}, "split='test'"),
        ({"image_size": 15}, "image_size=15"),
        ({"num_images": 0}, "num_images=0"),
        ({"language": "french"}, "'french'"),
        ({"num_images": 10}, "batch_size=64 is larger"),
    ],
)
def test_arguments_that_make_no_sense(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.shapes(**arguments)
