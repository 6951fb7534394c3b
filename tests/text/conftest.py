"""Small SavedModels of each family that HubTextEncoder understands."""

import hashlib

import pytest
import tensorflow as tf

WIDTH = 4
LENGTH = 6


class Preprocessor(tf.Module):
    """Letters are tokens: a=1, b=2, ...; anything else is unknown (30)."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def __call__(self, texts):
        letters = tf.strings.unicode_decode(texts, "UTF-8") - 96
        ids = letters.to_tensor(0, shape=[None, LENGTH])
        ids = tf.where((ids < 0) | (ids > 26), 30, ids)
        return {
            "input_word_ids": ids,
            "input_mask": tf.cast(ids > 0, tf.int32),
            "input_type_ids": tf.zeros_like(ids),
        }


class PackingPreprocessor(Preprocessor):
    """With the two functions of TF Hub's BERT preprocessors."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def tokenize(self, texts):
        ids = tf.strings.unicode_decode(texts, "UTF-8") - 96
        return ids.with_flat_values(
            tf.where(
                (ids.flat_values < 0) | (ids.flat_values > 26),
                30,
                ids.flat_values,
            )
        )

    @tf.function(
        input_signature=[
            [tf.RaggedTensorSpec([None, None], tf.int32)],
            tf.TensorSpec([], tf.int32),
        ]
    )
    def bert_pack_inputs(self, inputs, seq_length):
        ids = inputs[0][:, : seq_length - 2]
        edge = tf.fill([ids.nrows(), 1], 28)
        ids = tf.concat([edge, ids, edge + 1], axis=1).to_tensor()
        ids = tf.pad(ids, [[0, 0], [0, seq_length - tf.shape(ids)[1]]])
        return {
            "input_word_ids": ids,
            "input_mask": tf.cast(ids > 0, tf.int32),
            "input_type_ids": tf.zeros_like(ids),
        }


class Encoder(tf.Module):
    """Takes `training`, as Keras-made modules do: then outputs are negated."""

    def __init__(self):
        super().__init__()
        table = tf.random.stateless_normal([40, WIDTH], [1, 2])
        self.table = tf.Variable(table, name="table")

    @tf.function
    def __call__(self, inputs, training=False):
        mask = tf.cast(inputs["input_mask"], tf.float32)[..., None]
        words = tf.gather(self.table, inputs["input_word_ids"])
        words = -words if training else words
        sentence = tf.reduce_sum(words * mask, axis=1)
        return {"pooled_output": sentence, "sequence_output": words}


class StringEncoder(tf.Module):
    """The second family: strings to vectors."""

    def __init__(self):
        super().__init__()
        self.scale = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def __call__(self, texts):
        length = tf.cast(tf.strings.length(texts), tf.float32)
        return self.scale * tf.stack([length, length + 1, length + 2], axis=1)


class SignatureOnly(tf.Module):
    """Not callable, as Keras 3 exports and TF1 modules are not."""

    def __init__(self):
        super().__init__()
        self.inner = StringEncoder()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
    def serve(self, text):
        return {"default": self.inner(text)}


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    """Name -> folder of a SavedModel."""
    folder = tmp_path_factory.mktemp("modules")
    encoder = Encoder()
    spec = {
        name: tf.TensorSpec([None, None], tf.int32)
        for name in ("input_word_ids", "input_mask", "input_type_ids")
    }
    for training in (False, True):
        encoder.__call__.get_concrete_function(spec, training=training)
    signature_only = SignatureOnly()
    for name, module, signatures in (
        ("preprocessor", Preprocessor(), None),
        ("packing", PackingPreprocessor(), None),
        ("encoder", encoder, None),
        ("strings", StringEncoder(), None),
        ("signature", signature_only, signature_only.serve),
    ):
        tf.saved_model.save(module, str(folder / name), signatures)
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    """Puts SavedModels where TensorFlow Hub keeps what it downloaded."""
    folder = tmp_path / "hub"
    folder.mkdir()
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(folder))

    def add(handle, module):
        name = hashlib.sha1(handle.encode()).hexdigest()
        (folder / name).symlink_to(module)
        return handle

    add.folder = folder
    return add
