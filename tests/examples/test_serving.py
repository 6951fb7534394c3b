"""The clients, and the rules that they rely on.

The server is `tf_serving.py`, which keeps the rules of the real one.
"""

import base64
import json
import pathlib
import runpy
import shutil
import subprocess

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tests import tiny
from tests.examples import tf_serving

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


@pytest.fixture(scope="module")
def rest(signatures):
    with tf_serving.rest(signatures, "shapes") as address:
        yield address


@pytest.fixture(scope="module")
def rpc(signatures):
    with tf_serving.rpc(signatures, "shapes") as address:
        yield address


def asked(signatures, **request):
    return tf_serving.predict(signatures, json.dumps(request).encode())


def row(text, seed=7, truncation=1.0):
    return {"text": text, "seed": seed, "truncation": truncation}


def test_rows_and_columns_are_one_request(signatures, model):
    rows = [row(TEXTS[0]), row("", 8), row(TEXTS[1], 9, 0.5)]
    columns = {key: [each[key] for each in rows] for key in rows[0]}
    answers = asked(signatures, instances=rows)["predictions"]
    outputs = asked(signatures, inputs=columns)["outputs"]
    assert set(outputs) == {"image_bytes", "error"}
    assert answers == [
        {key: values[number] for key, values in outputs.items()}
        for number in range(3)
    ]
    assert [bool(answer["error"]) for answer in answers] == [False, True, False]
    for number in (0, 2):
        png = base64.b64decode(answers[number]["image_bytes"]["b64"])
        expected = model.generate(*rows[number].values())[0].astype(int)
        found = tf.io.decode_png(png).numpy()
        assert np.max(np.abs(found - expected)) <= 1
    assert answers[1]["image_bytes"] == {"b64": ""}
    # Numbers come as lists.
    images = asked(signatures, signature_name="generate", instances=rows[:1])
    assert np.shape(images["predictions"][0]["images"]) == (16, 16, 3)


def test_text_may_be_base64_and_may_stand_alone(signatures):
    encoded = {"b64": base64.b64encode(TEXTS[0].encode()).decode()}
    expected = asked(signatures, instances=[row(TEXTS[0])])
    assert asked(signatures, instances=[row(encoded)]) == expected
    alone = {"signature_name": "text"}
    for given in (
        {"instances": [TEXTS[0], encoded]},
        {"instances": [{"text": TEXTS[0]}, {"text": encoded}]},
        {"inputs": [TEXTS[0], encoded]},
        {"inputs": {"text": [TEXTS[0], encoded]}},
    ):
        answer = asked(signatures, **alone, **given)
        seeds = (
            answer["outputs"]["seed"]
            if "inputs" in given
            else [each["seed"] for each in answer["predictions"]]
        )
        assert len(seeds) == 2


@pytest.mark.parametrize(
    "request_, message",
    (
        ({}, "one of 'inputs' or 'instances'"),
        ({"instances": [row("a")], "inputs": {}}, "one of 'inputs' or"),
        ({"instances": []}, "No values in 'instances'"),
        ({"instances": ["a"]}, "keys must be equal to: seed,text,truncation"),
        ({"instances": [{"text": "a"}]}, "keys must be equal to"),
        ({"instances": [{**row("a"), "x": 1}]}, "keys must be equal to"),
        ({"instances": [row(3)]}, "3 is not of expected type: string"),
        ({"instances": [row("a", "7")]}, "'7' is not of expected type: int64"),
        ({"instances": [row("a", 7.5)]}, "7.5 is not of expected type: int64"),
        ({"instances": [row("a", 7, "1")]}, "expected type: float"),
        ({"instances": [row({"b64": "?"})]}, "for base64 data"),
        ({"instances": [row("a")] * 65}, r"1 to 64 rows.*\[65\]"),
        ({"inputs": {"text": ["a"]}}, "Missing named input"),
        (
            {"inputs": {"text": [], "seed": [], "truncation": []}},
            r"1 to 64 rows.*\[0\]",
        ),
        (
            {"inputs": {"text": ["a"], "seed": [1, 2], "truncation": [1.0]}},
            r"`text` and `seed` must be of one length.*\[1\] \[2\]",
        ),
        (
            {"instances": [row("a")], "signature_name": "draw"},
            '"draw" not found',
        ),
    ),
)
def test_requests_that_do_not_fit_are_refused(signatures, request_, message):
    with pytest.raises(tf_serving.Refused, match=f"(?s){message}"):
        asked(signatures, **request_)


def test_what_is_no_json_object_is_refused(signatures):
    for body, message in ((b"{", "Parse error"), (b"[1]", "not object")):
        with pytest.raises(tf_serving.Refused, match=message):
            tf_serving.predict(signatures, body)


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


def test_grpc_refuses_with_a_reason(rpc):
    main = runpy.run_path(str(EXAMPLES / "grpc_client.py"))["main"]
    with pytest.raises(grpc.RpcError, match="1 to 64 rows") as refused:
        main(["shapes", *["a"] * 65, "--server", rpc])
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_rest_client_without_a_seed(rest, model, tmp_path, capsys):
    main = runpy.run_path(str(EXAMPLES / "rest_client.py"))["main"]
    server = ["--server", rest, "--out", str(tmp_path)]
    main(["shapes", TEXTS[0], *server])
    seed = int(capsys.readouterr().out.split("--seed ")[1])
    expected = model.generate(TEXTS[0], seed=seed)[0].astype(int)
    assert close(tmp_path / "1.png", expected)
    with pytest.raises(SystemExit, match="(?s)refused: .*1 to 64 rows"):
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
