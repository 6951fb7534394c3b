"""What a text asks of a face, read inside a TensorFlow graph.

The same as `TextFaceEditor.codes`, whose regular expressions look behind and
ahead, which those of TensorFlow (RE2) do not: there a word's edge stands for
it, after what could be mistaken for one was put aside.
"""

import collections
import functools
import itertools
import sys

import numpy as np
import tensorflow as tf

from keras_t2i.text import lexicon
from keras_t2i.text import spelling

# What Python takes for white space.
SPACE = r"[\s\v\x1c-\x1f\x85\pZ]"
# Marks around what was found; texts lose these characters before.
_CUT, _FOUND, _NAMED = "\x01", "\x02", "\x03"
# An underscore belongs to a word in RE2, and to none here.
_ASIDE = r"[\x00-\x08\x0e-\x1b\x7f_]"

Asked = collections.namedtuple("Asked", "words signs rest error")
Asked.__doc__ = """What texts ask for, each in up to K steps.

Attributes:
    words: int32 [B, K, T], rows of the vocabulary; zeros where there is none.
    signs: float32 [B, K], 1 or -1, or 0 for no step.
    rest: string [B], what was not understood, with commas between.
    error: string [B], "" where something was understood.
"""


class Reader:
    """Reads texts as an editor does.

    Args:
        editor: a `TextFaceEditor` that learned of real captions.
    """

    def __init__(self, editor):
        words = editor.lexicon
        attributes = list(words.attributes.values())
        phrases = {
            phrase: number
            for number, found in enumerate(attributes, 1)
            for phrase in found["phrases"]
        }
        denial, *spelled = map(
            _at_edges,
            [lexicon.DENIAL, *words.patterns()],
        )
        self.pattern = f"({denial})?({'|'.join(spelled)})"
        self.numbers = _table(phrases, 0)
        self.around = _table(dict.fromkeys(lexicon.AROUND, 1), 0)
        # Row 0 of each stands for no attribute.
        self.first = tf.constant(["", *(a["phrases"][0] for a in attributes)])
        known = set(editor.known_attributes)
        self.known = tf.constant([False, *(n in known for n in words.names)])
        groups = sorted({a["group"] or "" for a in attributes} | {""})
        self.groups = tf.constant(
            [0, *(groups.index(a["group"] or "") for a in attributes)]
        )
        rows = words.phrase_rows()
        self.rows = np.zeros((1 + len(rows), max(map(len, rows))), "int32")
        for number, row in enumerate(rows, 1):
            self.rows[number, : len(row)] = row
        self.most = editor.settings["most_names"]
        self.length = max(
            editor.text_encoder.max_length, self.most * self.rows.shape[1]
        )
        self.steps = -(-len(known) // self.most) + 1
        self.nothing = (
            "The text names nothing that this editor knows. It knows: "
            f"{', '.join(editor.phrases)}."
        )

    @property
    def resources(self):
        return [self.numbers, self.around]

    def __call__(self, texts):
        """`Asked` of a string tensor [B], in UTF-8; row by row."""
        return tf.map_fn(
            self._asked,
            texts,
            fn_output_signature=Asked(
                tf.TensorSpec([self.steps, self.length], tf.int32),
                tf.TensorSpec([self.steps], tf.float32),
                tf.TensorSpec([], tf.string),
                tf.TensorSpec([], tf.string),
            ),
        )

    def _asked(self, text):
        named, denied, rest = self._found(text)
        names, place = tf.unique(named)
        denied = tf.math.unsorted_segment_max(
            tf.cast(denied, tf.int32), place, tf.size(names)
        )
        known = tf.gather(self.known, names)
        strange = tf.gather(self.first, names[~known])
        rest = tf.strings.reduce_join(
            tf.concat([rest, strange], 0), separator=", "
        )
        names, said = names[known], denied[known] == 0
        steps = [self._steps(names[said]), self._steps(names[~said])]
        signs = [
            tf.fill(tf.shape(some)[:1], sign)
            for some, sign in zip(steps, (1.0, -1.0))
        ]
        missing = self.steps - tf.shape(steps[0])[0] - tf.shape(steps[1])[0]
        words = tf.pad(tf.concat(steps, 0), [[0, missing], [0, 0]])
        signs = tf.pad(tf.concat(signs, 0), [[0, missing]])
        error = tf.where(tf.size(names) > 0, "", self.nothing)
        error += self._contradiction(names[said])
        words = tf.ensure_shape(words, [self.steps, self.length])
        return Asked(words, tf.ensure_shape(signs, [self.steps]), rest, error)

    def _found(self, text):
        """Attributes [N] in a text, whether denied [N], other words [M]."""
        text = tf.strings.lower(text, encoding="utf-8")
        for pattern, other in ((SPACE, " "), ("’", "'"), (_ASIDE, ".")):
            text = tf.strings.regex_replace(text, pattern, other)
        text = tf.strings.regex_replace(
            text, self.pattern, rf"{_CUT}{_FOUND}\1{_NAMED}\2{_CUT}"
        )
        parts = tf.strings.split([text], _CUT).values
        is_found = tf.strings.regex_full_match(parts, f"(?s){_FOUND}.*")
        found, between = parts[is_found], parts[~is_found]
        denied = ~tf.strings.regex_full_match(found, f"(?s){_FOUND}{_NAMED}.*")
        phrase = tf.strings.regex_replace(found, f"^.*{_NAMED}", "")
        phrase = tf.strings.regex_replace(phrase, r"[\s-]+", " ")
        alone, run = _letters()
        for pattern, other in (
            (f"([{alone}])", r" \1 "),
            (f"[^{alone}{run}]+", " "),
        ):
            between = tf.strings.regex_replace(between, pattern, other)
        words = tf.strings.split(between).values
        words = words[self.around.lookup(words) == 0]
        return self.numbers.lookup(phrase), denied, words

    def _steps(self, names):
        """int32 [k, T]: rows of the words of names, a few at a time."""
        count = -(-tf.size(names) // self.most)
        names = tf.pad(names, [[0, count * self.most - tf.size(names)]])
        rows = tf.gather(tf.constant(self.rows), names)
        rows = tf.reshape(rows, [count, self.most * self.rows.shape[1]])
        words = tf.ragged.boolean_mask(rows, rows > 0)
        return words.to_tensor(shape=[None, self.length])

    def _contradiction(self, names):
        """What is said of the first two names of one group, or ""."""
        group = tf.gather(self.groups, names)
        pairs = (group[:, None] == group) & (group > 0)
        pairs = tf.where(pairs)  # In the order of their names.
        pair = pairs[pairs[:, 0] < pairs[:, 1]][:1]
        words = tf.gather(tf.gather(self.first, names), pair)
        told = "A face cannot be both " + words[:, 0] + " and " + words[:, 1]
        return tf.strings.reduce_join(told + ". Name one of them.")


def _table(values, default):
    return tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(
            list(values), list(values.values()), tf.string, tf.int32
        ),
        default,
    )


def _at_edges(pattern):
    for look in lexicon.EDGES:
        pattern = pattern.replace(look, r"\b")
    return pattern


@functools.cache
def _letters():
    """What is in a character class of RE2: words by themselves, parts of."""
    kinds = map(spelling.word_kind, map(chr, range(sys.maxunicode + 1)))
    ranges, start = {"alone": "", "run": ""}, 0
    for kind, same in itertools.groupby(kinds):
        end = start + sum(1 for _ in same)
        if kind in ranges:
            ranges[kind] += rf"\x{{{start:x}}}-\x{{{end - 1:x}}}"
        start = end
    return ranges["alone"], ranges["run"]
