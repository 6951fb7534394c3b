"""Which words of a caption the region loss listens to, in two languages.

    python examples/gated_keywords.py --steps 200

trains GatedT2I on drawn shapes, once with English and once with Chinese
captions. Its text encoder, a bidirectional LSTM, is trained along by the
discriminator, and reads Chinese character by character.

Then it prints some captions of combinations that no training picture shows,
each with the share of its keywords. No list of stop-words is needed, in any
language: a word weighs by how much more often than by chance it comes again in
another caption of the same picture.
"""

import argparse

import keras

import keras_t2i

LANGUAGES = ("english", "chinese")


def train(language, steps, batch_size=32, seed=0, **settings):
    """A model after `steps` on shapes with captions of one language."""
    keras.utils.set_random_seed(seed)
    encoder = keras_t2i.text.BiLSTMTextEncoder(width=128, embedding_width=128)
    model = keras_t2i.models.GatedT2I(
        variant="shapes", text_encoder=encoder, seed=seed, **settings
    )
    dataset = keras_t2i.data.shapes(
        batch_size=batch_size, seed=seed, language=language, repeat=True
    )
    model.fit(dataset, steps_per_epoch=steps, verbose=2)
    return model


def lines(model, caption, width=40):
    """The caption, and a bar for each of its keywords."""
    yield caption
    for word, share in model.keywords(caption):
        # A Chinese character is as wide as two letters.
        columns = sum(1 if letter.isascii() else 2 for letter in word)
        bar = "#" * max(1, round(width * share))
        yield f"  {word}{' ' * (12 - columns)}{share:5.2f}  {bar}"


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--captions", type=int, default=4, help="a language")
    options = parser.parse_args(arguments)
    for language in LANGUAGES:
        print(f"{language}: {options.steps} steps", flush=True)
        model = train(language, options.steps)
        for caption in keras_t2i.data.shapes_captions(
            options.captions, language=language
        ):
            print("\n".join(lines(model, caption)))


if __name__ == "__main__":
    main()
