import keras
import numpy as np

from keras_t2i import losses


def test_hand_computed():
    # Scores: rows are pictures, columns texts.
    #   [[ 1.0,  0.5, -2.0 ],
    #    [ 0.2,  2.0,  1.5 ],
    #    [ 0.9, -1.0,  0.3 ]],   pictures 1 and 2 are of one class.
    images = np.eye(3)
    texts = np.array([[1.0, 0.5, -2.0], [0.2, 2.0, 1.5], [0.9, -1.0, 0.3]]).T
    loss = losses.structured_joint_embedding_loss(
        images, texts, np.array([4, 7, 7])
    )
    to_text = 0.5 + 0 + 0 + (1 + 0.9 - 0.3)  # (0,1) (0,2) (1,0) (2,0)
    to_picture = 0 + 0 + (1 + 0.2 - 1.0) + (1 + 0.9 - 1.0)
    assert keras.backend.standardize_dtype(loss.dtype) == "float64"
    np.testing.assert_allclose(loss, (to_text + to_picture) / 9, rtol=1e-12)


def test_loops_in_float64():
    random = np.random.default_rng(0)
    images, texts = random.normal(size=[2, 7, 5])
    class_ids = np.array([0, 1, 2, 1, 4, 0, 6])
    total = 0.0
    for i in range(7):
        for j in range(7):
            if class_ids[i] != class_ids[j]:
                right = images[i] @ texts[i]
                total += max(0, 0.3 + images[i] @ texts[j] - right)
                total += max(0, 0.3 + images[j] @ texts[i] - right)
    loss = losses.structured_joint_embedding_loss(
        images, texts, class_ids, margin=0.3
    )
    np.testing.assert_allclose(loss, total / 49, atol=1e-6)
