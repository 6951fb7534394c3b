"""Reading what a sentence says of a face, whatever words it takes for it."""

import functools
import re
from typing import NamedTuple

from keras_t2i.text import spelling

# Rows of an embedding: nothing, and the marks of a caption's start and end.
NOTHING, START, END = range(3)
_FIRST = 3
_LETTER = "[a-z0-9]"
# Before and after a phrase in the letters of English.
EDGES = f"(?<!{_LETTER})", f"(?!{_LETTER})"
# What stands before the name of something that shall go.
DENIAL = (
    r"(?:(?<![a-z0-9])(?:not|no|without|remove|don't|take off|get rid of|lose)\s+"
    r"(?:(?:an?|any|the|his|her|their|wear|wearing|be|have)\s+)*"
    r"|(?:没有|没|不要|不|无|去掉|摘掉|别)(?:再|有|戴着|戴|留着|留)?)"
)
# Words that people put around what they want, in captions or not.
AROUND = frozenset(
    "a an and are at be but can could do face for from get gets give have he "
    "her him his i in is it its let like look looks looking make makes man me "
    "more my of on or person photo picture please she should so some that the "
    "their them there they this to turn want wants wear wearing wears who with "
    "woman would you add put become becomes has 的 了 着 和 与 并 且 很 更 一 个 "
    "有 是 让 把 使 变 成 得 他 她 它 我 要 想 戴 留 穿 在 脸 人 给 加 上 请".split()
)


class Reading(NamedTuple):
    """What was found in a sentence.

    Attributes:
        words: list of rows of the vocabulary, in the order of the sentence.
        names: list of one number a word: 0, or n if it helps to name the
            n-th attribute, counted from 1.
        negated: set of such numbers that the sentence denies ("no beard").
        rest: list of words that say something, but nothing known.
    """

    words: list
    names: list
    negated: set
    rest: list


class Lexicon:
    """Words of captions, and the phrases by which attributes are named.

    A phrase that consists of words of the vocabulary is read as it stands.
    Any other one is read as if the first phrase of its attribute stood there,
    so that "glasses" and "眼镜" mean what "eyeglasses" means.

    Args:
        words: list of the single words that captions are made of.
        attributes: dict of name -> dict with
            - `phrases`: list of strings, in any language; the first one
              consists of `words`;
            - `group`: a name that attributes which exclude each other share,
              or None;
            - `shows`: dict of what an attribute classifier says of such a
              face: its attribute -> 1 or 0, or None for what may change too.

    Raises:
        ValueError: if a first phrase has other words, or two attributes share
            a phrase.
    """

    def __init__(self, words, attributes):
        self.words = list(words)
        self.attributes = {name: dict(a) for name, a in attributes.items()}
        self.rows = {w: _FIRST + n for n, w in enumerate(self.words)}
        self._phrases = {}
        for number, (name, found) in enumerate(self.attributes.items(), 1):
            first = found["phrases"][0].split()
            if not all(word in self.rows for word in first):
                raise ValueError(
                    "The first phrase of an attribute must consist of words "
                    f"of the vocabulary. Received: {name}={first}"
                )
            for phrase in found["phrases"]:
                if phrase in self._phrases:
                    raise ValueError(f"Two attributes have {phrase!r}.")
                known = all(word in self.rows for word in phrase.split())
                as_read = phrase.split() if known else first
                self._phrases[phrase] = number, as_read
        phrases = "|".join(self.patterns())
        self._pattern = re.compile(f"(?P<no>{DENIAL})?(?P<phrase>{phrases})")

    def patterns(self):
        """Regular expressions of all phrases, in the order of trying them."""
        return map(_pattern, sorted(self._phrases, key=len, reverse=True))

    @property
    def names(self):
        """Names of the attributes, in order."""
        return list(self.attributes)

    @property
    def num_rows(self):
        """K: rows of an embedding, with those of the marks."""
        return _FIRST + len(self.words)

    @functools.cached_property
    def read(self):
        """`Reading` of a str; remembers what it read."""
        return functools.lru_cache(maxsize=2**16)(self._read)

    def _read(self, text):
        text = text.lower().replace("’", "'")
        words, names, negated, rest = [], [], set(), []
        end = 0
        for match in self._pattern.finditer(text):
            self._between(text[end : match.start()], words, names, rest)
            end = match.end()
            phrase = re.sub(r"[\s-]+", " ", match["phrase"])
            number, as_read = self._phrases[phrase]
            if match["no"]:
                negated.add(number)
            words += [self.rows[word] for word in as_read]
            names += [number] * len(as_read)
        self._between(text[end:], words, names, rest)
        return Reading(words, names, negated, rest)

    def _between(self, text, words, names, rest):
        """Reads words outside of phrases."""
        for _, word in spelling.words(text):
            if word in self.rows:
                words.append(self.rows[word])
                names.append(0)
            if word not in AROUND:
                rest.append(word)

    def spelled(self, rows):
        """The words of rows, as a str; marks are left out."""
        return " ".join(self.words[r - _FIRST] for r in rows if r >= _FIRST)

    def phrase_rows(self):
        """Rows of the first phrase of every attribute, a list of lists."""
        return [
            [self.rows[word] for word in found["phrases"][0].split()]
            for found in self.attributes.values()
        ]

    def get_config(self):
        return {"words": self.words, "attributes": self.attributes}


def _pattern(phrase):
    """A regular expression for a phrase between other text."""
    spelled = r"[\s-]+".join(map(re.escape, phrase.split()))
    before = EDGES[0] if phrase[0].isascii() else ""
    after = EDGES[1] if phrase[-1].isascii() else ""
    return before + spelled + after
