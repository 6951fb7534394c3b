import pytest

from keras_t2i import text
from keras_t2i.text import face_words


@pytest.fixture(scope="module")
def lexicon():
    return text.Lexicon(face_words.WORDS, face_words.ATTRIBUTES)


def named(lexicon, sentence):
    """What a sentence names, and what of it is denied."""
    reading = lexicon.read(sentence)
    names = [lexicon.names[n - 1] for n in dict.fromkeys(reading.names) if n]
    return names, [lexicon.names[n - 1] for n in sorted(reading.negated)]


@pytest.mark.parametrize(
    "sentence, expected",
    [
        ("smiling, black hair, glasses", "Smiling Black_Hair Eyeglasses"),
        ("微笑，黑头发，戴眼镜", "Smiling Black_Hair Eyeglasses"),
        ("Make him OLDER, please", "Older"),
        ("woman, wavy light brown hair", "Woman Wavy_Hair Light_Brown_Hair"),
        ("there is a smile on his face", "Smiling"),
        ("he has no hair", "Bald"),
        ("grey-haired", "Gray_Hair"),
        ("变老，胡子", "Older Beard"),
        ("戴glasses", "Eyeglasses"),
        ("5 o'clock shadow", "5_o_Clock_Shadow"),
    ],
)
def test_phrases_of_both_languages_are_found(lexicon, sentence, expected):
    assert named(lexicon, sentence) == (expected.split(), [])


@pytest.mark.parametrize(
    "sentence, expected",
    [
        ("no beard", "Beard"),
        ("without wearing glasses", "Eyeglasses"),
        ("remove his hat", "Wearing_Hat"),
        ("not bald", "Bald"),
        ("没有胡子", "Beard"),
        ("不笑", "Smiling"),
    ],
)
def test_denials_are_told_apart(lexicon, sentence, expected):
    assert named(lexicon, sentence) == ([expected], [expected])


@pytest.mark.parametrize(
    "sentence, rest",
    [
        ("big eyes, long hair", ["big", "eyes", "long", "hair"]),
        ("大眼睛", list("大眼睛")),
        ("the weather is nice today", ["weather", "nice", "today"]),
        ("oldest goldfish", ["oldest", "goldfish"]),
    ],
)
def test_words_that_name_nothing_here_are_told(lexicon, sentence, rest):
    assert named(lexicon, sentence) == ([], [])
    assert lexicon.read(sentence).rest == rest


def test_both_languages_are_read_as_the_same_rows(lexicon):
    english = lexicon.read("smiling black hair eyeglasses")
    assert lexicon.read("微笑，黑头发，戴眼镜").words == english.words
    assert lexicon.spelled(english.words) == "smiling black hair eyeglasses"


def test_every_attribute_is_found_by_each_of_its_phrases(lexicon):
    for name, found in lexicon.attributes.items():
        for phrase in found["phrases"]:
            assert named(lexicon, phrase) == ([name], []), phrase


def test_phrases_must_fit_the_vocabulary():
    def attribute(*phrases):
        return {"phrases": list(phrases), "group": None, "shows": {}}

    with pytest.raises(ValueError, match="words of the vocabulary.*'hat'"):
        text.Lexicon(["a"], {"Hat": attribute("hat")})
    with pytest.raises(ValueError, match="Two attributes have 'hat'"):
        text.Lexicon(["hat"], {"A": attribute("hat"), "B": attribute("hat")})
