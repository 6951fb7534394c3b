"""A stand-in for TensorFlow Serving, which is no package to be installed.

It keeps the rules of the real one's REST and gRPC interfaces, as its
documentation ("RESTful API") and its code (`json_tensor.cc`) have them:

- A request in rows ("instances") gives each row an object of exactly all
  inputs, or the bare value if there is one input; its answer are
  "predictions", a list of rows. One in columns ("inputs") gives each input the
  list of all rows; its answer are "outputs". Where there is one output, its
  values stand there without a name.
- Text is a JSON string, or base64 as {"b64": ...}. What is named `*_bytes`
  comes back as the latter. No number is made of a string, and no whole number
  of a fraction.
- Whatever does not fit, the model's own refusal included, is status 400 and
  {"error": ...}; in gRPC INVALID_ARGUMENT.
"""

import base64
import binascii
import concurrent.futures
import contextlib
import http.server
import json
import threading

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc


class Refused(ValueError):
    """A request that is answered with status 400."""


def predict(signatures, body):
    """The answer to a predict request over REST.

    Args:
        signatures: those of a loaded SavedModel.
        body: of the request, bytes.

    Returns:
        What becomes JSON.

    Raises:
        Refused: with what becomes the `error`.
    """
    try:
        request = json.loads(body)
    except ValueError as error:
        raise Refused(f"JSON Parse error: {error}") from error
    if not isinstance(request, dict):
        raise Refused("Is not object")
    name = request.get("signature_name", "serving_default")
    if name not in signatures:
        raise Refused(
            f'Serving signature name: "{name}" not found in signature def'
        )
    in_rows = "instances" in request
    if in_rows == ("inputs" in request):
        raise Refused("Expecting one of 'inputs' or 'instances'")
    specs = signatures[name].structured_input_signature[1]
    columns = _columns(request, specs, in_rows)
    try:
        outputs = signatures[name](
            **{
                key: tf.constant(
                    [_value(x, spec.dtype) for x in columns[key]], spec.dtype
                )
                for key, spec in specs.items()
            }
        )
    except tf.errors.InvalidArgumentError as error:
        raise Refused(error.message) from error
    outputs = {
        key: [_json(x, key.endswith("_bytes")) for x in values.numpy()]
        for key, values in outputs.items()
    }
    alone = next(iter(outputs.values())) if len(outputs) == 1 else None
    if not in_rows:
        return {"outputs": alone or outputs}
    rows = [dict(zip(outputs, row)) for row in zip(*outputs.values())]
    return {"predictions": alone or rows}


def _columns(request, specs, in_rows):
    """dict of input -> list of JSON values."""
    given = request["instances" if in_rows else "inputs"]
    alone = next(iter(specs)) if len(specs) == 1 else None
    if not in_rows:
        if not isinstance(given, dict):
            if alone is None:
                raise Refused("inputs is a plain value/list")
            given = {alone: given}
        for key in specs:
            if key not in given:
                raise Refused(f"Missing named input: {key} in 'inputs' object")
        return given
    if not isinstance(given, list) or not given:
        raise Refused("No values in 'instances' array")
    rows = [
        row if isinstance(row, dict) and set(row) != {"b64"} else {alone: row}
        for row in given
    ]
    for number, row in enumerate(rows):
        if set(row) != set(specs):
            raise Refused(
                f"Failed to process element: {number} of 'instances' list. "
                f"keys must be equal to: {','.join(sorted(specs))}"
            )
    return {key: [row[key] for row in rows] for key in specs}


def _value(value, dtype):
    if dtype == tf.string and isinstance(value, str):
        return value.encode()
    if dtype == tf.string and isinstance(value, dict):
        try:
            return base64.b64decode(value["b64"], validate=True)
        except (KeyError, TypeError, binascii.Error) as error:
            raise Refused("not formatted correctly for base64 data") from error
    kinds = {tf.int64: int, tf.float32: (int, float)}.get(dtype, ())
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise Refused(f"{value!r} is not of expected type: {dtype.name}")
    return value


def _json(value, is_bytes):
    if is_bytes:
        return {"b64": base64.b64encode(value).decode()}
    return value.decode() if isinstance(value, bytes) else value.tolist()


@contextlib.contextmanager
def rest(signatures, name):
    """Yields the address of a server with one model."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            assert self.path == f"/v1/models/{name}:predict"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                status, answer = 200, predict(signatures, body)
            except Refused as error:
                status, answer = 400, {"error": str(error)}
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def rpc(signatures, name):
    """The same over gRPC."""

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            assert request.model_spec.name == name
            signature = request.model_spec.signature_name or "serving_default"
            inputs = {
                key: tf.constant(tf.make_ndarray(value))
                for key, value in request.inputs.items()
            }
            answer = predict_pb2.PredictResponse()
            try:
                outputs = signatures[signature](**inputs)
            except tf.errors.InvalidArgumentError as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)
            for key, value in outputs.items():
                answer.outputs[key].CopyFrom(
                    tf.make_tensor_proto(value.numpy())
                )
            return answer

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        Service(), server
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None)
