"""Adds a style encoder to a trained GANCLS, so that it can transfer style.

    python examples/gan_cls_style_encoder.py --preset runs/flowers/model \\
        --data flowers --steps 1000 --out flowers_with_style

The generator is frozen; the style encoder learns to find the latents of
pictures that it draws for the captions of the data set.
"""

import argparse
import json
import pathlib
import time

import keras

import keras_t2i


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--preset", required=True)
    parser.add_argument("--data", required=True, help="folder of the captions")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(options.seed)
    model = keras_t2i.models.GANCLS.from_preset(options.preset)
    source = keras_t2i.data.load(
        options.data, image_size=model.image_size, training=False
    ).source
    # Two thousand captions span the set; encoding all would take minutes.
    captions = source.captions[:: max(1, len(source.captions) // 2000)]
    started = time.monotonic()
    history = model.fit_style_encoder(
        captions, steps=options.steps, batch_size=options.batch_size, verbose=2
    )

    metadata = json.loads(
        (pathlib.Path(options.preset) / "metadata.json").read_text("utf-8")
    )
    metadata["style_encoder"] = {
        "steps": options.steps,
        "batch_size": options.batch_size,
        "seconds": round(time.monotonic() - started, 1),
        # The latents have variance 1: 1.0 is what knowing nothing scores.
        "mean_squared_error": round(history.history["loss"][-1], 4),
    }
    model.save_to_preset(options.out, metadata)
    print(metadata["style_encoder"])


if __name__ == "__main__":
    main()
