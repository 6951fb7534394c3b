"""Captions for `shapes`, and which attributes a caption names."""

import re

# Attribute -> value -> the words that captions choose from.
ENGLISH = {
    "shape": {
        "circle": ("circle", "disc"),
        "square": ("square",),
        "triangle": ("triangle",),
        "cross": ("cross", "plus sign"),
    },
    "color": {
        "red": ("red",),
        "green": ("green",),
        "blue": ("blue",),
        "yellow": ("yellow",),
        "purple": ("purple", "violet"),
        "orange": ("orange",),
    },
    "size": {
        "small": ("small", "tiny"),
        "medium": ("medium-sized", "medium"),
        "large": ("large", "big"),
    },
    "position": {
        "top left": ("top left", "upper left"),
        "top right": ("top right", "upper right"),
        "bottom left": ("bottom left", "lower left"),
        "bottom right": ("bottom right", "lower right"),
        "center": ("center", "middle"),
    },
    "background": {
        "white": ("white",),
        "gray": ("gray", "grey"),
        "black": ("black",),
    },
}
CHINESE = {
    "shape": {
        "circle": ("圆形",),
        "square": ("正方形", "方块"),
        "triangle": ("三角形",),
        "cross": ("十字形", "十字"),
    },
    "color": {
        "red": ("红色",),
        "green": ("绿色",),
        "blue": ("蓝色",),
        "yellow": ("黄色",),
        "purple": ("紫色",),
        "orange": ("橙色",),
    },
    "size": {
        "small": ("小",),
        "medium": ("中等大小",),
        "large": ("大",),
    },
    "position": {
        "top left": ("左上角", "左上方"),
        "top right": ("右上角", "右上方"),
        "bottom left": ("左下角", "左下方"),
        "bottom right": ("右下角", "右下方"),
        "center": ("中间", "中央"),
    },
    "background": {
        "white": ("白色",),
        "gray": ("灰色",),
        "black": ("黑色",),
    },
}
# Words that no caption here uses but that people do.
_SYNONYMS = {
    "disk": "disc",
    "plus": "cross",
    "little": "small",
    "huge": "large",
    "centre": "center",
    "圆": "圆形",
    "方形": "正方形",
    "三角": "三角形",
    "红": "红色",
    "绿": "绿色",
    "蓝": "蓝色",
    "黄": "黄色",
    "紫": "紫色",
    "橙": "橙色",
    "中等": "中等大小",
    "左上": "左上角",
    "右上": "右上角",
    "左下": "左下角",
    "右下": "右下角",
    "中心": "中间",
    "白": "白色",
    "灰": "灰色",
    "黑": "黑色",
}
LANGUAGES = ("english", "chinese", "mixed")
_MEANING = {
    word: (attribute, value)
    for language in (ENGLISH, CHINESE)
    for attribute, values in language.items()
    for value, words in values.items()
    for word in words
}
_MEANING |= {word: _MEANING[known] for word, known in _SYNONYMS.items()}
_ENGLISH_WORDS = [w for w in _MEANING if w.isascii()]
_CHINESE_WORDS = [w for w in _MEANING if not w.isascii()]


def _any(words):  # Longest first: "medium-sized" before "medium".
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


_PATTERN = re.compile(
    rf"\b(?:{_any(_ENGLISH_WORDS)})s?\b|{_any(_CHINESE_WORDS)}"
)


def caption(named, language, rng):
    """Puts attributes into words.

    Args:
        named: dict of attribute -> value; attributes may be left out.
        language: one of `LANGUAGES`; `"mixed"` chooses one of the two.
        rng: `numpy.random.Generator` that chooses the words.

    Returns:
        The caption.
    """
    if language not in LANGUAGES:
        raise ValueError(
            f"language must be one of {LANGUAGES}. Received: {language!r}"
        )
    if language == "mixed":
        language = LANGUAGES[rng.integers(2)]
    if language == "english":
        return _english(named, rng)
    return _chinese(named, rng)


def named_attributes(text):
    """The attributes that a caption names.

    Args:
        text: a caption, English or Chinese.

    Returns:
        dict of attribute -> value. An attribute that is named with two
        values is ambiguous and left out.
    """
    values = {}
    for match in _PATTERN.finditer(text.lower()):
        word = match.group()
        attribute, value = _MEANING.get(word) or _MEANING[word.rstrip("s")]
        values.setdefault(attribute, set()).add(value)
    return {name: v.pop() for name, v in values.items() if len(v) == 1}


def _words(named, language, rng):
    """Chooses one of the words for each value."""
    words = {}
    for attribute, value in named.items():
        choice = language[attribute][value]
        words[attribute] = choice[rng.integers(len(choice))]
    return words


def _english(named, rng):
    words = _words(named, ENGLISH, rng)
    thing = [words.get("size"), words.get("color"), words.get("shape", "shape")]
    thing = " ".join(filter(None, thing))
    a_thing = ("an " if thing[0] in "aeiou" else "a ") + thing
    place = words.get("position")
    ground = words.get("background")
    at = f" in the {place}" if place else ""
    on = f" on a {ground} background" if ground else ""
    return (
        a_thing + at + on,
        f"there is {a_thing}{at}{on}",
        (f"on a {ground} background, " if ground else "") + a_thing + at,
        a_thing + at + (f", the background is {ground}" if ground else ""),
        ", ".join(
            filter(None, [thing, place, ground and f"{ground} background"])
        ),
    )[rng.integers(5)]


def _chinese(named, rng):
    words = _words(named, CHINESE, rng)
    size = words["size"] + "的" if "size" in words else ""
    thing = f"一个{size}{words.get('color', '')}{words.get('shape', '图形')}"
    place = words.get("position")
    ground = words.get("background")
    return (
        (f"{ground}背景上有" if ground else "")
        + thing
        + (f"，位于{place}" if place else ""),
        (f"{place}有" if place else "")
        + thing
        + (f"，背景是{ground}" if ground else ""),
        "，".join(
            filter(
                None,
                [thing, place and f"在{place}", ground and f"{ground}背景"],
            )
        ),
    )[rng.integers(3)]
