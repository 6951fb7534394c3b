"""A head that judges every picture of a batch with every sentence."""

import math

import keras
from keras import layers
from keras import ops

from keras_t2i.layers.standardize import standardize


@keras.saving.register_keras_serializable("keras_t2i")
class ProjectionHead(keras.layers.Layer):
    """Judges picture i with sentence j as  realism_i + <picture_i, sentence_j>.

    The projection discriminator (Miyato and Koyama 2018) in which a batch of
    B pictures and B captions gives B^2 judgements for one matrix product.

    Args:
        embedding_width: width of the common space.
    """

    def __init__(self, embedding_width=256, **kwargs):
        super().__init__(**kwargs)
        self.embedding_width = embedding_width
        self.flatten = layers.Flatten()
        self.realism = layers.Dense(1, dtype="float32")
        self.embed_image = layers.Dense(embedding_width, dtype="float32")
        self.embed_text = None

    def build(self, input_shape):
        features_shape, sentence_shape = input_shape
        flat = (None, math.prod(features_shape[1:]))
        self.realism.build(flat)
        self.embed_image.build(flat)
        sentence = keras.Input(sentence_shape[1:])
        text = layers.Dense(self.embedding_width, dtype="float32")(
            standardize(sentence)
        )
        self.embed_text = keras.Model(sentence, text)
        self.built = True

    def call(self, inputs, all_pairs=False, training=False):
        """Judges pairs.

        Args:
            inputs: features [B, h, w, C] of the trunk, and sentence [B, S];
                None for the sentence judges realism alone.
            all_pairs: True judges every picture with every sentence.

        Returns:
            float32 logits: [B], or [B pictures, B sentences].
        """
        features, sentence = inputs
        flat = self.flatten(features)
        realism = self.realism(flat)  # [B, 1]
        if sentence is None:
            return realism[:, 0]
        image = self.embed_image(flat) / math.sqrt(self.embedding_width)
        text = self.embed_text(sentence, training=training)
        if all_pairs:
            return realism + ops.matmul(image, ops.transpose(text))
        return realism[:, 0] + ops.sum(image * text, axis=-1)

    def get_config(self):
        return {**super().get_config(), "embedding_width": self.embedding_width}
