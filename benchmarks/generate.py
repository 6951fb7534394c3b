"""`generate` of one picture against `predict` of the same networks.

Both get the features of the caption from the same text encoder, and make
uint8 pictures of the same latents.
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
    generator = model.generator_ema
    network = keras.Model(generator.inputs, Uint8()(generator.output))

    def call():
        sentence = model.text_encoder.encode([CAPTION]).sentence
        latents = row_latents(7, [0], model.latent_width)
        return network.predict([latents, sentence], verbose=0)

    return call


def main():
    rows = []
    for name in ("bag_of_ngrams", "minilm"):
        model = models.GANCLS(64, text_encoder=text.get(name))
        predict = predicting(model)
        candidates = {
            "predict": predict,
            "generate": lambda: model.generate(CAPTION, seed=7),
        }
        pictures = [call().astype(int) for call in candidates.values()]
        assert np.max(np.abs(pictures[0] - pictures[1])) <= 1
        seconds = timing.interleaved(candidates, rounds=21)
        rows.append((f"text encoder {name}", *seconds.values()))
    timing.print_table(rows, "at least 5x")


if __name__ == "__main__":
    main()
