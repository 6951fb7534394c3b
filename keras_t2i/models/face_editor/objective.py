"""What captions and edits are made of while the networks train.

B = batch, T = word positions, A = attributes of the lexicon, P = words of the
longest phrase.
"""

import keras
import numpy as np
from keras import ops

from keras_t2i.text.lexicon import END
from keras_t2i.text.lexicon import START


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
        self.target, self.named, self.touched = np.zeros((3, *shape), "float32")
        for row, found in enumerate(attributes):
            for name, value in found["shows"].items():
                if name in feature_names:
                    column = feature_names.index(name)
                    self.touched[row, column] = 1.0
                    self.named[row, column] = float(value is not None)
                    self.target[row, column] = float(value or 0)

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
        count = ops.matmul(chosen, self.named)
        # Two names may disagree: those that say 1 win, as "a beard and a
        # mustache" shows both.
        target = ops.cast(ops.matmul(chosen, self.target) > 0.0, "float32")
        named = ops.cast(count > 0.0, "float32")
        kept = 1.0 - ops.cast(
            ops.matmul(chosen, self.touched) > 0.0, "float32"
        )
        # "not black" says nothing of the other colors.
        present = present[:, None]
        named = present * named + (1.0 - present) * target
        return present * target, named, kept


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
