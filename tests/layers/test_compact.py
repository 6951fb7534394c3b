import keras
import numpy as np
import pytest

from keras_t2i.layers import ProjectionHead
from keras_t2i.layers import compact_trunk


def test_projection_judges_all_pairs_as_it_judges_each():
    random = np.random.default_rng(0)
    features = random.normal(size=(3, 2, 2, 4)).astype("float32")
    sentence = random.normal(size=(3, 8)).astype("float32")
    head = ProjectionHead(embedding_width=6)
    matrix = np.array(head([features, sentence], all_pairs=True))
    assert matrix.shape == (3, 3)
    for i in range(3):
        for j in range(3):
            pair = head([features[i : i + 1], sentence[j : j + 1]])
            np.testing.assert_allclose(matrix[i, j], pair[0], rtol=1e-4)
    restored = ProjectionHead.from_config(head.get_config())
    assert restored.embedding_width == 6


def test_compact_discriminator_judges_a_picture_without_its_batch_statistics():
    """No batch normalisation: real and drawn pictures do not mix."""
    trunk = compact_trunk(16, 4)
    assert not any(
        isinstance(layer, keras.layers.BatchNormalization)
        for layer in trunk.layers
    )


@pytest.mark.parametrize("size, last", [(8, 4), (16, 4), (24, 6), (64, 4)])
def test_compact_discriminator_ends_at_few_positions(size, last):
    assert compact_trunk(size, 2).output_shape == (None, last, last, 8)
