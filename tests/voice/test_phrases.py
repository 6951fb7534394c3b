"""The text of the language model."""

from keras_t2i.voice.phrases import lines

PHRASES = ["black hair", "arched eyebrows", "beard", "hat", "bald", "man"]


def test_every_word_comes_up_and_only_words_that_make_sense():
    found = lines(PHRASES)
    words = {word for line in found for word in line.split()}
    known = {word for phrase in PHRASES for word in phrase.split()}
    assert known <= words
    assert {"make", "give", "without", "an"} <= words
    # "arched" is nothing by itself.
    assert not any(line.endswith("arched") for line in found[len(PHRASES) :])
    assert not any("a bald head" in line or "{" in line for line in found)


def test_words_are_put_together_anew():
    found = lines(PHRASES)
    assert any("a black beard" in line for line in found)
    assert any("without a hat" in line for line in found)
    assert any("a bald man with" in line for line in found)
    assert len(set(found)) > len(found) / 4


def test_the_same_phrases_make_the_same_text():
    assert lines(PHRASES) == lines(PHRASES[::-1]) != lines(PHRASES[1:])


def test_a_single_word_is_enough():
    assert any("a hat" in line for line in lines(["hat"]))
    assert any("make him bald" in line for line in lines(["bald"]))
