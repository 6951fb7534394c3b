"""Pictures from TensorFlow Serving over REST, with nothing but Python.

    python examples/serving/rest_client.py flowers "a purple flower" --seed 7

writes `1.png`, `2.png`, ..., one a caption. Without `--seed` the server draws
one, and the client prints it. With a face editor,

    python examples/serving/rest_client.py faces smiling --photo face.png

edits a photo once for every text.
"""

import argparse
import base64
import json
import pathlib
import urllib.error
import urllib.request


def predict(server, model, body):
    """What the server answers: a list with one dict a caption."""
    request = urllib.request.Request(
        f"{server}/v1/models/{model}:predict",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["predictions"]
    except urllib.error.HTTPError as error:
        raise SystemExit(f"refused: {json.load(error)['error']}") from None


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("text", nargs="+")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--truncation", type=float, default=1.0)
    parser.add_argument("--photo", type=pathlib.Path, help="PNG or JPEG file")
    parser.add_argument("--strength", type=float, default=1.0)
    parser.add_argument("--server", default="http://localhost:8501")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("."))
    options = parser.parse_args(arguments)

    rows = [{"text": text} for text in options.text]
    body = {"signature_name": "text", "instances": rows}
    if options.photo:
        body["signature_name"] = "edit"
        photo = base64.b64encode(options.photo.read_bytes()).decode()
        for row in rows:
            row["image_bytes"] = {"b64": photo}
            row["strength"] = options.strength
    elif options.seed is not None:
        body["signature_name"] = "serving_default"
        for row in rows:
            row |= {"seed": options.seed, "truncation": options.truncation}
    answers = predict(options.server, options.model, body)
    for number, answer in enumerate(answers, start=1):
        if answer["error"]:
            print(f"caption {number}: {answer['error']}")
            continue
        path = options.out / f"{number}.png"
        path.write_bytes(base64.b64decode(answer["image_bytes"]["b64"]))
        if options.photo:
            print(f"{path}: not understood: {answer['rest'] or 'nothing'}")
        else:
            print(f"{path}: --seed {answer.get('seed', options.seed)}")


if __name__ == "__main__":
    main()
