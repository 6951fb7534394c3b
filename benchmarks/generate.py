"""`generate` of one picture against `predict` of the same networks.

Both make a uint8 picture of one caption with the same latents. A Keras user
puts the text encoder into the network and predicts from tokens; the rows
"caption" time this. `encode` can also be called before `predict`, which saves
`predict` the padding of short captions: the rows "encoded beforehand". In the
first row neither side reads text.
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


def from_sentence(model):
    """The networks of `model` from [latents, sentence] to a picture."""
    generator = model.generator_ema
    return keras.Model(generator.inputs, Uint8()(generator.output))


def from_tokens(model):
    """The networks of `model` from {"latents", tokens} to a picture."""
    encoder = model.text_encoder
    tokens = {
        name: keras.Input(x.shape[1:], dtype=x.dtype.name, name=name)
        for name, x in encoder.tokenize([CAPTION]).items()
    }
    latents = keras.Input([model.latent_width], name="latents")
    images = model.generator_ema([latents, encoder(tokens).sentence])
    return keras.Model({"latents": latents, **tokens}, Uint8()(images))


def candidates_for(encoder):
    """Ways to one picture, by name, with that text encoder."""
    model = models.GANCLS(64, text_encoder=encoder)
    sentence_network, token_network = from_sentence(model), from_tokens(model)
    features = encoder.encode([CAPTION])
    given = row_latents(7, [0], model.latent_width)

    def latents():
        return row_latents(7, [0], model.latent_width)

    def predict_caption():
        inputs = {"latents": latents(), **encoder.tokenize([CAPTION])}
        return token_network.predict(inputs, verbose=0)

    def predict_encoded():
        sentence = encoder.encode([CAPTION]).sentence
        return sentence_network.predict([latents(), sentence], verbose=0)

    return {
        "predict given": lambda: sentence_network.predict(
            [given, features.sentence], verbose=0
        ),
        "predict caption": predict_caption,
        "predict encoded": predict_encoded,
        "generate given": lambda: model.draw(given, features),
        "generate caption": lambda: model.generate(CAPTION, seed=7),
    }


def main():
    rows = []
    for name in ("bag_of_ngrams", "minilm"):
        candidates = candidates_for(text.get(name))
        pictures = [call().astype(int) for call in candidates.values()]
        for other in pictures[1:]:
            assert np.max(np.abs(pictures[0] - other)) <= 1
        seconds = timing.interleaved(candidates, rounds=15)
        if not rows:
            rows.append(
                ("features given", seconds["predict given"], seconds["generate given"])
            )
        ours = seconds["generate caption"]
        rows.append((f"{name}: caption", seconds["predict caption"], ours))
        rows.append(
            (f"{name}: encoded beforehand", seconds["predict encoded"], ours)
        )
    timing.print_table(rows, "at least 5x")


if __name__ == "__main__":
    main()
