"""Training a text encoder alone, against pictures."""

import keras
from keras import ops

from keras_t2i.losses.joint_embedding import structured_joint_embedding_loss


@keras.saving.register_keras_serializable("keras_t2i")
class JointEmbedding(keras.Model):
    """Trains a text encoder to score its pictures higher than others.

    `fit` takes what `data.load` gives and minimizes
    `losses.structured_joint_embedding_loss`. The log `retrieval` is the share
    of texts whose best-scoring picture of the batch is of their class.

    As published: RMSprop at 7e-4, multiplied by 0.98 every epoch, and batches
    of 40 pictures of different classes.

    Args:
        encoder: a `TextEncoder` that is not frozen.
        image_encoder: a Keras layer or model from float32 pictures
            [B, H, W, 3] in [-1, 1] to [B, encoder.sentence_width]. Published
            is a fixed network: set its `trainable` to False for that.
        margin: of the hinge.

    Raises:
        ValueError: if the encoder is frozen.

    Example:

    ```python
    encoder = CharCNNRNNTextEncoder()
    joint = JointEmbedding(encoder, image_encoder)
    joint.fit(keras_t2i.data.load("flowers/"), epochs=10)
    encoder.frozen = True
    model = keras_t2i.models.GANCLS(text_encoder=encoder)
    ```

    Reference: Reed et al. 2016, "Learning Deep Representations of
    Fine-grained Visual Descriptions", equations 1 to 5.
    """

    def __init__(self, encoder, image_encoder, margin=1.0, **kwargs):
        super().__init__(**kwargs)
        if encoder.frozen:
            raise ValueError(
                "JointEmbedding trains its text encoder. Received: a"
                f" {type(encoder).__name__} with frozen=True."
            )
        self.encoder = encoder
        self.image_encoder = image_encoder
        self.margin = margin
        self.retrieval = keras.metrics.Mean(name="retrieval")
        # Known to be built, its optimizer is saved and loaded as a whole.
        self.built = image_encoder.built
        self.compile(keras.optimizers.RMSprop(7e-4), jit_compile=False)

    def fit(self, x=None, y=None, batch_size=None, **kwargs):
        """`keras.Model.fit` on captioned pictures.

        Args:
            x: `tf.data.Dataset` as `data.load` gives it, or captions.
            y: uint8 [N, H, W, 3] where `x` holds captions.
            batch_size: where `x` holds captions.
            **kwargs: as for `keras.Model.fit`; `validation_data` is a dataset
                like `x`.
        """
        if kwargs.get("validation_data") is not None:
            kwargs["validation_data"] = self._prepare(kwargs["validation_data"])
        # The pipeline shuffles; Keras would warn that it cannot.
        kwargs.setdefault("shuffle", False)
        return super().fit(self._prepare(x, y, batch_size), **kwargs)

    def evaluate(self, x=None, y=None, batch_size=None, **kwargs):
        """`keras.Model.evaluate` on captioned pictures, see `fit`."""
        # `fit` comes here with validation data that it has prepared already:
        # its elements are dicts and not pairs.
        if not isinstance(getattr(x, "element_spec", None), dict):
            x = self._prepare(x, y, batch_size)
        return super().evaluate(x, **kwargs)

    def _prepare(self, x, y=None, batch_size=None):
        from keras_t2i.training import pipeline

        dataset = pipeline.as_dataset(x, y, batch_size)
        dataset = pipeline.with_features(dataset, self.encoder)
        return dataset.map(lambda x, images: {**x, "images": images})

    def call(self, inputs, training=False):
        """Returns the vectors ([B, S] of pictures, [B, S] of texts)."""
        images = ops.cast(inputs["images"], "float32") / 127.5 - 1.0
        return (
            self.image_encoder(images, training=training),
            self.encoder(inputs["tokens"], training=training).sentence,
        )

    def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
        images, texts = (ops.cast(v, "float32") for v in y_pred)
        class_ids = x["class_id"]
        best = ops.argmax(ops.matmul(texts, ops.transpose(images)), axis=1)
        found = ops.equal(ops.take(class_ids, best), class_ids)
        self.retrieval.update_state(ops.cast(found, "float32"))
        return structured_joint_embedding_loss(
            images, texts, class_ids, self.margin
        )

    def get_config(self):
        return {
            "name": self.name,
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "image_encoder": keras.saving.serialize_keras_object(
                self.image_encoder
            ),
            "margin": self.margin,
        }

    def get_build_config(self):
        # Nothing to build: the encoders bring their own configs.
        return None

    @classmethod
    def from_config(cls, config):
        for name in ("encoder", "image_encoder"):
            config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)
