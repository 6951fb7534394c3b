"""Splitting texts into words, in Python, for people to read.

The networks read what `tokenize` gives; this says which words that stands for.
"""

import unicodedata

# Writings that put no spaces between words: every character is a word.
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER")


def words(text):
    """Where words start, and the words, in lower case.

    A word is a run of letters, marks and digits; Chinese, Japanese and other
    unspaced writings are split into characters.

    Args:
        text: str.

    Returns:
        list of (start, word).
    """
    return _runs(text.lower(), word_kind)


def bert_words(text):
    """What BERT's tokenizers split into pieces, each for itself.

    Runs between spaces; punctuation marks and Chinese characters stand alone.

    Args:
        text: str.

    Returns:
        list of str.
    """
    return [word for _, word in _runs(text, _bert_kind)]


def _runs(text, kind):
    """Splits by a kind a character: "run", "alone" or "between"."""
    found, open_run = [], False
    for start, character in enumerate(text):
        now = kind(character)
        if now == "run" and open_run:
            found[-1] = (found[-1][0], found[-1][1] + character)
        elif now != "between":
            found.append((start, character))
        open_run = now == "run"
    return found


def word_kind(character):
    """What `words` takes a character for: alone, run or between."""
    if unicodedata.category(character)[0] not in "LMN":
        return "between"
    name = unicodedata.name(character, "")
    return "alone" if name.startswith(_UNSPACED) else "run"


def _bert_kind(character):
    category = unicodedata.category(character)
    if character.isspace() or category in ("Cc", "Cf"):
        return "between"
    sign = character.isascii() and not character.isalnum()
    chinese = unicodedata.name(character, "").startswith("CJK")
    return "alone" if sign or chinese or category[0] == "P" else "run"
