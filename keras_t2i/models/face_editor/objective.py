"""What captions and edits are made of while the networks train.

B = batch, T = word positions, A = attributes of the lexicon, P = words of the
longest phrase.
"""

import collections

import keras
import numpy as np
from keras import ops

from keras_t2i.text.lexicon import END
from keras_t2i.text.lexicon import START

# Share of the captions that must name an attribute for it to be learned.
_NOW_AND_THEN = 5e-4


@keras.saving.register_keras_serializable("keras_t2i")
class Decay(keras.optimizers.schedules.LearningRateSchedule):
    """A tenth of the rate after every `decay_steps` steps (document 003, S27).

    The document's numbers end at 1e-13, where nothing moves; here `floor` is
    the end.

    Args:
        rate: at the start.
        decay_steps: steps between two decays.
        floor: the least.
    """

    def __init__(self, rate, decay_steps, floor=1e-6):
        self.rate = rate
        self.decay_steps = decay_steps
        self.floor = floor

    def __call__(self, step):
        count = ops.floor(ops.cast(step, "float32") / self.decay_steps)
        return ops.maximum(self.rate * ops.power(0.1, count), self.floor)

    def get_config(self):
        return {
            "rate": self.rate,
            "decay_steps": self.decay_steps,
            "floor": self.floor,
        }

    @classmethod
    def of(cls, settings):
        """The learning rate that settings describe: a number or a schedule."""
        rate, steps = settings["learning_rate"], settings["decay_steps"]
        if settings["schedule"] == "step":
            return cls(rate, steps)
        if settings["schedule"] == "cosine":
            return keras.optimizers.schedules.CosineDecay(rate, steps)
        return rate


def before_and_after(words):
    """A caption as a decoder learns it: the word before, and the word.

    Args:
        words: int [B, T], 0 after the last.

    Returns:
        Two int32 [B, T + 1]: START and the words; the words and END.
    """
    words = ops.cast(words, "int32")
    edge = ops.zeros_like(words[:, :1])
    before = ops.concatenate([edge + START, words], axis=1)
    after = ops.concatenate([words, edge], axis=1)
    ends = ops.logical_and(ops.equal(after, 0), ops.not_equal(before, 0))
    return before, ops.where(ends, END, after)


class Edits:
    """Texts that name attributes, and what shall become of a face.

    Args:
        lexicon: `keras_t2i.text.Lexicon`.
        feature_names: what a classifier knows; () for no classifier.
    """

    def __init__(self, lexicon, feature_names):
        phrases = lexicon.phrase_rows()
        self.phrases = np.zeros(
            (len(phrases), max(map(len, phrases))), "int32"
        )  # [A, P]
        for row, phrase in zip(self.phrases, phrases):
            row[: len(phrase)] = phrase
        attributes = list(lexicon.attributes.values())
        groups = [found["group"] or n for n, found in enumerate(attributes)]
        # Attributes that one text does not name together: itself, its group.
        self.excluded = np.array(
            [[g == h for h in groups] for g in groups], "float32"
        )  # [A, A]
        shape = (len(attributes), len(feature_names))
        self.touched = np.zeros(shape, "float32")
        # What a text says, and what it says where it denies.
        self.said, self.denied = np.zeros((2, 2, *shape), "float32")
        affected = self.excluded.copy()
        for row, found in enumerate(attributes):
            shows = found["shows"]
            for name, value in shows.items():
                if name in feature_names:
                    column = feature_names.index(name)
                    self.touched[row, column] = 1.0
                    if value is not None:
                        self.said[value, row, column] = 1.0
                    # "not black" says nothing of the other colors.
                    if value == (1 if 1 in shows.values() else 0):
                        self.denied[1 - value, row, column] = 1.0
            for other, its in enumerate(attributes):
                shown = {n for n, v in its["shows"].items() if v is not None}
                affected[row, other] = max(
                    affected[row, other], bool(shown & set(shows))
                )
        # Attributes of which an edit may change the words, too.
        self.affected = affected  # [A, A]

    def drawn(self, count, known, most, seed):
        """Random texts, each of one to `most` attributes that fit together.

        Args:
            count: B.
            known: [A], above 0 for attributes that may be named.
            most: how many names a text has at most.
            seed: `keras.random.SeedGenerator`.

        Returns:
            words: int32 [B, most * P], as `FOFETextEncoder` takes them.
            chosen: float32 [B, A], 1 where a text names an attribute.
        """
        number = self.excluded.shape[0]
        open_ = ops.cast(known > 0, "float32")
        open_ = ops.broadcast_to(open_[None], (count, number))
        wanted = keras.random.uniform((count, 1), seed=seed) * float(most)
        words, chosen = [], ops.zeros((count, number))
        for place in range(most):
            score = open_ * (
                0.01 + keras.random.uniform((count, number), seed=seed)
            )
            best = ops.argmax(score, axis=1)
            # The first always, where anything is known; then by chance.
            takes = ops.cast(wanted >= place, "float32") * ops.cast(
                ops.max(score, axis=1, keepdims=True) > 0.0, "float32"
            )  # [B, 1]
            one = ops.one_hot(best, number) * takes
            chosen = chosen + one
            open_ = open_ * (1.0 - ops.matmul(one, self.excluded))
            rows = ops.take(ops.convert_to_tensor(self.phrases), best, axis=0)
            words.append(rows * ops.cast(takes, "int32"))
        return compacted(ops.concatenate(words, axis=1)), chosen

    def wanted(self, chosen, present):
        """What a classifier shall say of edited faces.

        Args:
            chosen: [B, A], see `drawn`.
            present: [B], 1 where the text says so, 0 where it says not so.

        Returns:
            target, named, kept: float32 [B, features] as in
            `keras_t2i.losses.attribute_change_loss`.
        """

        def any_of(table):
            return ops.cast(ops.matmul(chosen, table) > 0.0, "float32")

        present = present[:, None]
        # Where two names disagree, what is seen wins over what is not.
        zeros, ones = [
            present * any_of(self.said[value])
            + (1.0 - present) * any_of(self.denied[value])
            for value in (0, 1)
        ]
        return ones, ops.maximum(zeros, ones), 1.0 - any_of(self.touched)

    def kept(self, chosen):
        """[B, A], 1 for attributes of which the words stay as likely."""
        changed = ops.matmul(chosen, self.affected) > 0.0
        return 1.0 - ops.cast(changed, "float32")


def compacted(words):
    """Rows with what is 0 moved behind the rest.

    Args:
        words: int [B, T].
    """
    length = words.shape[1]
    place = ops.arange(length)[None]
    order = ops.argsort(
        ops.where(ops.equal(words, 0), place + length, place), axis=1
    )
    return ops.take_along_axis(words, order, axis=1)


def words_about(names, chosen):
    """Which words of captions name one of the chosen attributes.

    Args:
        names: int [B, T], the number from 1 on of the attribute, or 0.
        chosen: [B, A].

    Returns:
        float32 [B, T].
    """
    padded = ops.concatenate([ops.zeros_like(chosen[:, :1]), chosen], axis=1)
    return ops.take_along_axis(padded, ops.cast(names, "int32"), axis=1)


@keras.saving.register_keras_serializable("keras_t2i")
class Phrasing(keras.layers.Layer):
    """What captions name, and how: part of every saved model.

    Args:
        num_attributes: A.
        num_words: T.
        num_examples: captions that are kept of each attribute.
    """

    def __init__(self, num_attributes, num_words, num_examples=4, **kwargs):
        super().__init__(trainable=False, **kwargs)
        shape = (num_attributes, num_examples, num_words)

        def add(shape, name, dtype):
            return self.add_weight(
                shape=shape,
                initializer="zeros",
                trainable=False,
                autocast=False,
                dtype=dtype,
                name=name,
            )

        # Share of the captions that name an attribute.
        self.share = add((num_attributes,), "share", "float32")
        self.words = add(shape, "words", "int32")
        self.names = add(shape, "names", "int32")
        self.built = True

    def collect(self, texts, lexicon):
        """Counts names, and picks captions that name little else.

        Args:
            texts: list of captions, str.
            lexicon: `keras_t2i.text.Lexicon`.
        """
        number, count, length = self.words.shape
        share = np.zeros(number)
        # Attribute -> the other names of a caption -> captions.
        found = [{} for _ in range(number)]
        for text, times in collections.Counter(texts).items():
            reading = lexicon.read(text)
            names = set(reading.names) - {0} - reading.negated
            for name in names:
                share[name - 1] += times / len(texts)
                others = found[name - 1].setdefault(frozenset(names), {})
                others[text] = times
        words, names = np.zeros((2, number, count, length), "int32")
        for attribute, by_names in enumerate(found):
            sets = sorted(
                by_names.values(),
                key=lambda some: (
                    len(set(lexicon.read(next(iter(some))).names)),
                    -sum(some.values()),
                ),
            )
            for place in range(count if sets else 0):
                some = sets[place % len(sets)]
                reading = lexicon.read(max(some, key=some.get))
                size = min(length, len(reading.words))
                words[attribute, place, :size] = reading.words[:size]
                names[attribute, place, :size] = reading.names[:size]
        self.share.assign(share.astype("float32"))
        self.words.assign(words)
        self.names.assign(names)

    def known(self):
        """[A], 1 for attributes that captions name now and then."""
        return ops.cast(self.share >= _NOW_AND_THEN, "float32")

    def examples(self, chosen, seed):
        """A caption for each row, that names one of its chosen attributes.

        Args:
            chosen: [B, A].
            seed: `keras.random.SeedGenerator`.

        Returns:
            words, names: int32 [B, T].
        """
        shape = ops.shape(chosen)
        by_chance = keras.random.uniform(shape, 0.5, 1.0, seed=seed)
        attribute = ops.argmax(chosen * by_chance, axis=1)
        place = keras.random.randint(
            (shape[0],), 0, self.words.shape[1], seed=seed
        )
        row = ops.cast(attribute, "int32") * self.words.shape[1] + place
        flat = (-1, self.words.shape[2])
        return [
            ops.take(ops.reshape(table, flat), row, axis=0)
            for table in (self.words, self.names)
        ]
