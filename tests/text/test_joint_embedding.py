import keras
import numpy as np
import pytest

from keras_t2i import text

COLORS = {"red": [255, 0, 0], "green": [0, 255, 0], "blue": [0, 0, 255]}


def picture_encoder(width):
    return keras.Sequential(
        [
            keras.Input([4, 4, 3]),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(width),
        ]
    )


def test_training_lowers_the_loss_and_retrieves():
    keras.utils.set_random_seed(0)
    class_ids = np.arange(60) % 3
    random = np.random.default_rng(0)
    colors = np.array(list(COLORS.values()))[class_ids][:, None, None]
    pictures = colors * 0.8 + random.uniform(0, 50, [60, 4, 4, 3])
    captions = {
        "text": [f"a {list(COLORS)[i]} flower" for i in class_ids],
        "class_id": class_ids,
    }
    encoder = text.CharCNNRNNTextEncoder(16, 8, 60)
    joint = text.JointEmbedding(encoder, picture_encoder(8))
    joint.compile(keras.optimizers.Adam(3e-3))
    history = joint.fit(
        captions, pictures.astype("uint8"), batch_size=12, epochs=15, verbose=0
    ).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    # Chance is 1/3.
    assert history["retrieval"][-1] > 0.9
    encoder.frozen = True
    assert encoder.encode(["a red flower"]).sentence.shape == (1, 8)


def test_saved_and_loaded(tmp_path):
    joint = text.JointEmbedding(
        text.CharCNNRNNTextEncoder(8, 4, 60), picture_encoder(4), margin=0.5
    )
    inputs = {
        "tokens": joint.encoder.tokenize(["red", "blue"]),
        "images": np.zeros([2, 4, 4, 3], "uint8"),
    }
    joint.fit(["red", "blue"], inputs["images"], verbose=0)
    expected = joint(inputs)
    joint.save(tmp_path / "joint.keras")
    again = keras.saving.load_model(tmp_path / "joint.keras")
    assert again.margin == 0.5
    np.testing.assert_array_equal(again(inputs)[1], expected[1])


def test_frozen_encoder_is_refused():
    with pytest.raises(ValueError, match="frozen=True"):
        text.JointEmbedding(text.BagOfNGramsEncoder(), picture_encoder(384))
