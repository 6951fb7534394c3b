"""Small data, a small text encoder and a small adversarial model."""

import contextlib
from unittest import mock

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from keras import ops

from keras_t2i import losses
from keras_t2i.text import TextEncoder
from keras_t2i.text import TextFeatures
from keras_t2i.training import AdversarialModel
from keras_t2i.training.ema import start_average
from keras_t2i.training.pipeline import as_dataset

CAPTIONS = [
    "a red square",
    "a blue circle",
    "a green star",
    "two red circles",
    "one blue square",
    "a small green circle",
    "a large red star",
    "some blue stars",
]


@keras.saving.register_keras_serializable("tests")
class TinyTextEncoder(TextEncoder):
    """The mean of four word vectors of width 8."""

    sentence_width = 8
    word_width = 8
    max_length = 4

    def __init__(self, frozen=True, **kwargs):
        super().__init__(frozen=frozen, **kwargs)
        self.embedding = layers.Embedding(
            64, 8, embeddings_initializer=keras.initializers.RandomNormal(seed=3)
        )
        self.embedding.build()
        self.embedding.trainable = not frozen
        self.built = True

    def tokenize(self, strings):
        words = tf.strings.split(tf.convert_to_tensor(strings))
        words = words.to_tensor(shape=[None, self.max_length])
        return {"ids": tf.strings.to_hash_bucket_fast(words, 64)}

    def call(self, tokens):
        words = self.embedding(tokens["ids"])
        return TextFeatures(
            ops.mean(words, axis=1), words, ops.ones_like(words[..., 0])
        )

    def get_config(self):
        return {**super().get_config(), "frozen": self.frozen}


class LinearGAN(AdversarialModel):
    """A linear generator against a linear discriminator."""

    def __init__(self, image_size=4, text_encoder=None, optimizer=None, **kwargs):
        super().__init__(image_size, text_encoder or TinyTextEncoder(), **kwargs)
        self.compile(
            optimizer
            or {
                "discriminator": keras.optimizers.SGD(0.1),
                "generator": keras.optimizers.SGD(0.2),
            }
        )
        if image_size is not None:
            self.build_for(image_size)

    def build_networks(self):
        shape = (self.image_size, self.image_size, 3)

        def generator():
            return keras.Sequential(
                [
                    keras.Input((2,)),
                    layers.Dense(int(np.prod(shape))),
                    layers.Reshape(shape, dtype="float32"),
                ]
            )

        self.generator, self.generator_ema = generator(), generator()
        start_average(self.generator_ema, self.generator)
        self.discriminator = keras.Sequential(
            [keras.Input(shape), layers.Flatten(), layers.Dense(1)]
        )

    def networks(self):
        return {
            "discriminator": [self.discriminator],
            "generator": [self.generator],
        }

    def averaged(self):
        return [(self.generator, self.generator_ema)]

    def judge(self, images):
        return ops.cast(self.discriminator(images)[:, 0], "float32")

    def losses(self, batch):
        images = batch["images"]
        latents = self.draw_noise((ops.shape(images)[0], 2))
        fake = self.judge(self.generator(latents))
        bce = losses.binary_cross_entropy
        real_loss = ops.mean(bce(self.judge(images), 1.0))
        discriminator_loss = real_loss + ops.mean(bce(fake, 0.0))
        discriminator_loss += self.r1_penalty(self.judge, images)
        return {
            "discriminator": discriminator_loss,
            "generator": losses.gan_cls_generator_loss(fake),
        }, {}


@contextlib.contextmanager
def eagerly(cls):
    """Models of `cls` made inside train without compilation.

    It takes longer than the few steps of a test.
    """
    compile = cls.compile

    def without_compilation(self, *arguments, **kwargs):
        compile(self, *arguments, **{"run_eagerly": True, **kwargs})

    with mock.patch.object(cls, "compile", without_compilation):
        yield


def arrays(count=8, image_size=16, classes=3):
    """`count` captions with classes, and uint8 pictures of noise."""
    random = np.random.default_rng(0)
    x = {
        "text": np.array(CAPTIONS[:count]),
        "class_id": np.arange(count) % classes,
    }
    shape = (count, image_size, image_size, 3)
    return x, random.integers(0, 256, shape, dtype="uint8")


def dataset(count=8, image_size=16, batch_size=4):
    """Batches in a fixed order, without randomness."""
    pairs = tf.data.Dataset.from_tensor_slices(arrays(count, image_size))
    return pairs.batch(batch_size)


def batch(model, **kwargs):
    """The first batch of `dataset` as `model.train_step` takes it."""
    return next(iter(model.batches(as_dataset(dataset(**kwargs)))))


def value(variable):
    """A copy of a variable's value."""
    return variable.value.numpy().copy()


def trainable(model, name):
    """Copies of the variables that the loss of network `name` moves."""
    return [value(v) for v in model.variables_by_network()[name]]


def everything(model):
    """Copies of all that training changes, seeds and slots included."""
    variables = [*model.variables, *model.optimizer.variables]
    return [value(v) for v in variables]


def same(first, second):
    """Whether two lists of arrays are equal, bit by bit."""
    pairs = zip(first, second, strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)
