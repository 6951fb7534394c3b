"""The clients, against a server that keeps TensorFlow Serving's rules.

The real one is no package that can be installed here. Its rules: in REST a
request in rows gives every row an object of all inputs, an answer is a list
of rows, and what is named `*_bytes` is base64 under "b64"; gRPC takes and
gives `TensorProto`. A failed graph is status 400, or INVALID_ARGUMENT.
"""

import base64
import concurrent.futures
import http.server
import json
import pathlib
import runpy
import shutil
import subprocess
import threading

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc
from tests import tiny

from keras_t2i import export
from keras_t2i import models
from keras_t2i import pictures

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples" / "serving"
TEXTS = ["a red circle", "a blue star"]


@pytest.fixture(scope="module")
def model():
    return models.GANCLS(
        image_size=16,
        text_encoder=tiny.TinyTextEncoder(),
        latent_width=8,
        text_width=8,
        generator_width=4,
        discriminator_width=4,
    )


@pytest.fixture(scope="module")
def signatures(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "shapes"
    folder = export.to_serving(model, folder)
    return tf.saved_model.load(str(folder)).signatures


def in_rows(signature, rows):
    """What REST makes of a request in rows, and of its answer."""
    types = signature.structured_input_signature[1]
    assert all(set(row) == set(types) for row in rows), (rows, types)
    outputs = signature(
        **{
            name: tf.constant([row[name] for row in rows], spec.dtype)
            for name, spec in types.items()
        }
    )
    answer = [{} for _ in rows]
    for name, values in outputs.items():
        for row, value in zip(answer, values.numpy()):
            if name.endswith("_bytes"):
                row[name] = {"b64": base64.b64encode(value).decode()}
            elif isinstance(value, bytes):
                row[name] = value.decode()
            else:
                row[name] = value.tolist()
    return answer


@pytest.fixture(scope="module")
def rest(signatures):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            assert self.path == "/v1/models/shapes:predict"
            length = int(self.headers["Content-Length"])
            body = json.loads(self.rfile.read(length))
            name = body.get("signature_name", "serving_default")
            try:
                rows = in_rows(signatures[name], body["instances"])
                status, answer = 200, {"predictions": rows}
            except tf.errors.InvalidArgumentError as error:
                status, answer = 400, {"error": error.message}
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def rpc(signatures):
    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            assert request.model_spec.name == "shapes"
            name = request.model_spec.signature_name or "serving_default"
            inputs = {
                key: tf.constant(tf.make_ndarray(value))
                for key, value in request.inputs.items()
            }
            answer = predict_pb2.PredictResponse()
            for key, value in signatures[name](**inputs).items():
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
    yield f"127.0.0.1:{port}"
    server.stop(None)


def close(path, expected):
    found = pictures.read(path).astype(int)
    return np.max(np.abs(found - expected)) <= 1


@pytest.mark.parametrize("client", ["rest", "grpc"])
def test_python_clients(client, rest, rpc, model, tmp_path, capsys):
    main = runpy.run_path(str(EXAMPLES / f"{client}_client.py"))["main"]
    server = {"rest": rest, "grpc": rpc}[client]
    main(
        ["shapes", TEXTS[0], " ", TEXTS[1], "--seed", "7"]
        + ["--truncation", "0.5", "--server", server, "--out", str(tmp_path)]
    )
    assert "caption 2: Every caption must be text" in capsys.readouterr().out
    assert not (tmp_path / "2.png").exists()
    expected = [model.generate(t, 7, 0.5)[0].astype(int) for t in TEXTS]
    assert close(tmp_path / "1.png", expected[0])
    assert close(tmp_path / "3.png", expected[1])


def test_rest_client_without_a_seed(rest, model, tmp_path, capsys):
    main = runpy.run_path(str(EXAMPLES / "rest_client.py"))["main"]
    server = ["--server", rest, "--out", str(tmp_path)]
    main(["shapes", TEXTS[0], *server])
    seed = int(capsys.readouterr().out.split("--seed ")[1])
    expected = model.generate(TEXTS[0], seed=seed)[0].astype(int)
    assert close(tmp_path / "1.png", expected)
    with pytest.raises(SystemExit, match="(?s)refused: .*1 to 64 captions"):
        main(["shapes", *["a"] * 65, *server])


@pytest.mark.skipif(
    shutil.which("jq") is None or shutil.which("curl") is None,
    reason="client.sh needs curl and jq",
)
def test_shell_client(rest, model, tmp_path):
    out = tmp_path / "picture.png"

    def call(text):
        script = str(EXAMPLES / "client.sh")
        return subprocess.run(
            ["sh", script, "shapes", text, "7", str(out)],
            env={"SERVER": rest, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
        )

    done = call(TEXTS[0])
    assert done.returncode == 0, done.stderr
    expected = model.generate(TEXTS[0], seed=7)[0].astype(int)
    assert close(out, expected)
    done = call("")
    assert done.returncode == 1 and "at least one word" in done.stderr
