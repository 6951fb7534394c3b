"""What a TensorFlow Serving container needs beside the model."""

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_log_pb2

from keras_t2i.export.rows import MAX_ROWS

# Of the release of TensorFlow that setup.cfg asks for.
IMAGE = "tensorflow/serving:2.21.0"

_MODELS = """\
# The models of the server; one `config` each.
model_config_list {{
  config {{
    name: "{name}"
    base_path: "/models/{name}"
    model_platform: "tensorflow"
  }}
}}
"""
_BATCHING = """\
# Requests that come together are drawn together.
max_batch_size {{ value: {rows} }}
# How long the first one waits for others.
batch_timeout_micros {{ value: 2000 }}
num_batch_threads {{ value: 2 }}
max_enqueued_batches {{ value: 64 }}
"""
_COMPOSE = """\
# docker compose up; then 8501 answers REST, 8500 gRPC. The server asks for no
# password, so only this machine reaches it: put a gateway before it.
services:
  "{name}":
    image: {image}
    command:
      - --model_config_file=/models/{name}/models.config
      - --enable_batching
      - --batching_parameters_file=/models/{name}/batching.config
    ports:
      - 127.0.0.1:8500:8500
      - 127.0.0.1:8501:8501
    volumes:
      - .:/models/{name}:ro
    restart: unless-stopped
"""


def settings(name):
    """Files beside the version folders: dict of name -> text.

    Args:
        name: the server's name for the model.
    """
    return {
        "models.config": _MODELS.format(name=name),
        "batching.config": _BATCHING.format(rows=MAX_ROWS),
        "compose.yaml": _COMPOSE.format(name=name, image=IMAGE),
    }


def write_warmup(folder, name, served):
    """Writes requests that the server answers before it takes others.

    Args:
        folder: of a SavedModel.
        name: the server's name for the model.
        served: `rows.Served`, what is in the folder.
    """
    extra = folder / "assets.extra"
    extra.mkdir()
    path = str(extra / "tf_serving_warmup_requests")
    with tf.io.TFRecordWriter(path) as writer:
        for signature in served.functions:
            for rows in (1, 4):
                request = predict_pb2.PredictRequest()
                request.model_spec.name = name
                request.model_spec.signature_name = signature
                for key, value in served.rows(signature, rows).items():
                    request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
                log = prediction_log_pb2.PredictionLog()
                log.predict_log.request.CopyFrom(request)
                writer.write(log.SerializeToString())
