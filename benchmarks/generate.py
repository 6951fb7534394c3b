"""`generate` of one picture against `predict` of the same networks.

Both make uint8 pictures of the same latents and caption. In the first row the
features of the caption are given; in the others both compute them with the
same text encoder, which takes its time on either side.
"""

import keras
import numpy as np
import timing
from keras import ops

from keras_t2i import models
from keras_t2i import text
from keras_t2i.training.latents import row_latents

CAPTION = "a purple flower with yellow stamen"


class Uint8(keras.layers.Layer):
    """[-1, 1] to 0 .. 255."""

    def call(self, images):
        scaled = ops.clip((images + 1.0) * 127.5, 0.0, 255.0)
        return ops.cast(ops.round(scaled), "uint8")


def predicting(model):
    """`predict` with the networks of `model`, from latents and sentence."""
    generator = model.generator_ema
    network = keras.Model(generator.inputs, Uint8()(generator.output))
    return lambda *inputs: network.predict(list(inputs), verbose=0)


def main():
    rows = []
    for name in ("bag_of_ngrams", "minilm"):
        model = models.GANCLS(64, text_encoder=text.get(name))
        predict = predicting(model)
        encode = model.text_encoder.encode
        features = encode([CAPTION])
        latents = row_latents(7, [0], model.latent_width)

        def predict_caption():
            latents = row_latents(7, [0], model.latent_width)
            return predict(latents, encode([CAPTION]).sentence)

        candidates = {
            "predict": predict_caption,
            "generate": lambda: model.generate(CAPTION, seed=7),
            "predict, given": lambda: predict(latents, features.sentence),
            "generate, given": lambda: model.draw(latents, features),
        }
        pictures = [call().astype(int) for call in candidates.values()]
        for other in pictures[1:]:
            assert np.max(np.abs(pictures[0] - other)) <= 1
        seconds = timing.interleaved(candidates, rounds=15)
        whole, ours, given, ours_given = seconds.values()
        if not rows:
            rows.append(("features given", given, ours_given))
        rows.append((f"text encoder {name}", whole, ours))
    timing.print_table(rows, "at least 5x")


if __name__ == "__main__":
    main()
