"""Pictures from TensorFlow Serving over gRPC.

    pip install tensorflow-serving-api
    python examples/serving/grpc_client.py flowers "a purple flower" --seed 7

writes `1.png`, `2.png`, ..., one a caption. With a face editor,

    python examples/serving/grpc_client.py faces smiling --photo face.png

edits a photo once for every text.
"""

import argparse
import pathlib

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc


def predict(server, model, signature, inputs):
    """Sends arrays, returns arrays: dict of name -> NumPy array."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    with grpc.insecure_channel(server) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        outputs = stub.Predict(request, timeout=60).outputs
    return {name: tf.make_ndarray(value) for name, value in outputs.items()}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("text", nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--truncation", type=float, default=1.0)
    parser.add_argument("--photo", type=pathlib.Path, help="PNG or JPEG file")
    parser.add_argument("--strength", type=float, default=1.0)
    parser.add_argument("--server", default="localhost:8500")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("."))
    options = parser.parse_args(arguments)

    count = len(options.text)
    if options.photo:
        signature = "edit"
        inputs = {
            "image_bytes": [options.photo.read_bytes()] * count,
            "text": options.text,
            "strength": np.full(count, options.strength, "float32"),
        }
    else:
        signature = "serving_default"
        inputs = {
            "text": options.text,
            "seed": np.full(count, options.seed, "int64"),
            "truncation": np.full(count, options.truncation, "float32"),
        }
    answers = predict(options.server, options.model, signature, inputs)
    for row in range(count):
        error = answers["error"][row].decode()
        if error:
            print(f"caption {row + 1}: {error}")
            continue
        path = options.out / f"{row + 1}.png"
        path.write_bytes(answers["image_bytes"][row])
        if options.photo:
            rest = answers["rest"][row].decode()
            print(f"{path}: not understood: {rest or 'nothing'}")
        else:
            print(f"{path}: --seed {options.seed}")


if __name__ == "__main__":
    main()
