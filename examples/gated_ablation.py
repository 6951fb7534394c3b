"""What each part of GatedT2I brings, on drawn shapes.

    python examples/gated_ablation.py --out runs/ablation

trains the "shapes" variant several times, each time with one part changed:
cheaper gates or plain convolutions for gated ones, no region loss, no global
loss, no wrong pairs for the discriminator, noise added to the sentence for
noise beside it. All see the same pictures in the same order. An oracle that
reads the attributes back from pixels judges each of them on combinations that
no training picture shows.

Prints a table, and writes it as `ablation.json` with the learning curves as
`ablation.png`. Arms that `ablation.json` already holds for the same length are
not trained again, so that an interrupted run can be repeated. --arms takes a
few of them alone.
"""

import argparse
import json
import pathlib
import time

import keras
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

import keras_t2i
from keras_t2i.training.every import EverySteps

# The gates of the document, which the variant makes cheaper.
_WHOLE = {"gates": "full"}
ARMS = {
    "whole": _WHOLE,
    "pointwise gates": {"gates": "pointwise"},
    "plain convolutions": {"gates": "none"},
    "no region loss": {**_WHOLE, "region_weight": 0.0},
    "no global loss": {**_WHOLE, "global_weight": 0.0},
    "no wrong pairs": {**_WHOLE, "cls_weight": 0.0},
    "noise added": {**_WHOLE, "noise": "add"},
}
_COLORS = "black royalblue orange crimson seagreen gray purple"
COLORS = dict(zip(ARMS, _COLORS.split()))


class Curve(EverySteps):
    """Oracle accuracy as training goes on: (step, mean, worst attribute)."""

    def __init__(self, captions, every_steps):
        super().__init__(every_steps)
        self.captions = captions
        self.points = []

    def act(self, logs):
        images = self.model.generate(self.captions, seed=0)
        scores = keras_t2i.data.shapes_accuracy(self.captions, images)
        self.points.append((self.step, scores["mean"], scores["worst"]))


def train(settings, options):
    """Trains one arm.

    Returns:
        dict with the learning curve, and what the training took.
    """
    keras.utils.set_random_seed(options.seed)
    model = keras_t2i.models.GatedT2I(
        image_size=options.image_size,
        variant="shapes",
        seed=options.seed,
        **settings,
    )
    dataset = keras_t2i.data.shapes(
        "train",
        options.image_size,
        options.batch_size,
        seed=options.seed,
        language="english",
        repeat=True,
    )
    captions = keras_t2i.data.shapes_captions(
        options.captions, language="english"
    )
    curve = Curve(captions, max(1, options.steps // options.points))
    started = time.process_time()
    model.fit(
        dataset, steps_per_epoch=options.steps, callbacks=[curve], verbose=0
    )
    return {
        "curve": curve.points,
        "parameters": model.generator.count_params(),
        "cpu_seconds": round(time.process_time() - started, 1),
    }


def table(results):
    """Lines of text, the last point of each arm."""
    yield f"{'':22}{'mean':>8}{'worst':>8}{'parameters of G':>18}{'CPU s':>8}"
    for name, result in results.items():
        _, mean, worst = result["curve"][-1]
        yield (
            f"{name:22}{mean:8.3f}{worst:8.3f}{result['parameters']:18,}"
            f"{result['cpu_seconds']:8.0f}"
        )


def plot(results, path, width=800, height=480):
    """Learning curves: mean oracle accuracy by training steps."""
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(14)
    left, right, top, bottom = 60, width - 220, 30, height - 50
    last = max(step for r in results.values() for step, _, _ in r["curve"])

    def at(step, accuracy):
        x = left + (right - left) * step / last
        return x, bottom - (bottom - top) * accuracy

    for tenth in range(0, 11, 2):
        (x, y) = at(0, tenth / 10)
        draw.line([(x, y), (right, y)], "lightgray")
        draw.text((x - 8, y), f"{tenth / 10:.1f}", "black", font, "rm")
    for part in range(5):
        x, y = at(last * part / 4, 0.0)
        draw.line([(x, y), (x, y + 5)], "black")
        draw.text((x, y + 8), f"{last * part // 4}", "black", font, "mt")
    draw.line([(left, top), (left, bottom), (right, bottom)], "black")
    title = "oracle accuracy, mean of five attributes, by training steps"
    draw.text((left, 8), title, "black", font)
    for number, (name, result) in enumerate(results.items()):
        color = COLORS[name]
        points = [at(step, mean) for step, mean, _ in result["curve"]]
        if len(points) > 1:
            draw.line(points, color, 2)
        for x, y in points:
            draw.ellipse([x - 3, y - 3, x + 3, y + 3], color)
        y = top + 22 * number
        draw.line([(right + 20, y + 8), (right + 44, y + 8)], color, 3)
        draw.text((right + 52, y), name, "black", font)
    image.save(path)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", required=True, help="folder for the results")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--points", type=int, default=6, help="of a curve")
    parser.add_argument("--captions", type=int, default=540, help="judged")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--arms", nargs="+", choices=ARMS, default=list(ARMS), metavar="ARM"
    )
    options = parser.parse_args(arguments)

    out = pathlib.Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    # What the results depend on.
    asked = {k: v for k, v in vars(options).items() if k not in ("out", "arms")}
    stored = out / "ablation.json"
    results = {}
    if stored.exists():
        found = json.loads(stored.read_text("utf-8"))
        results = found["arms"] if found["options"] == asked else {}
    for name in options.arms:
        if name not in results:
            print(f"{name}: {options.steps} steps", flush=True)
            results[name] = train(ARMS[name], options)
            text = json.dumps({"options": asked, "arms": results}, indent=2)
            with keras_t2i.files.atomic_write(stored) as path:
                path.write_text(text + "\n", "utf-8")
    plot(results, out / "ablation.png")
    print("\n".join(table(results)))


if __name__ == "__main__":
    main()
