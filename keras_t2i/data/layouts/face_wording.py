"""Captions for faces, put together from CelebA's attributes.

    caption  = who [with features] . [He|She wears things .] [He|She is doing .]
    features = "brown hair, bangs and a big nose"

An attribute that a picture lacks is not mentioned.
"""

import hashlib

import numpy as np

CAPTIONS = 4
# Attribute -> words. Those of the hair stand together before "hair".
_HAIR = {
    "Straight_Hair": "straight",
    "Wavy_Hair": "wavy",
    "Black_Hair": "black",
    "Blond_Hair": "blond",
    "Brown_Hair": "brown",
    "Gray_Hair": "gray",
}
_FEATURES = {
    "Bangs": "bangs",
    "Receding_Hairline": "a receding hairline",
    "Sideburns": "sideburns",
    "5_o_Clock_Shadow": "a 5 o'clock shadow",
    "Goatee": "a goatee",
    "Mustache": "a mustache",
    "Arched_Eyebrows": "arched eyebrows",
    "Bushy_Eyebrows": "bushy eyebrows",
    "Narrow_Eyes": "narrow eyes",
    "Bags_Under_Eyes": "bags under the eyes",
    "Big_Nose": "a big nose",
    "Pointy_Nose": "a pointy nose",
    "Big_Lips": "big lips",
    "High_Cheekbones": "high cheekbones",
    "Rosy_Cheeks": "rosy cheeks",
    "Oval_Face": "an oval face",
    "Double_Chin": "a double chin",
    "Pale_Skin": "pale skin",
}
_WORN = {
    "Eyeglasses": "eyeglasses",
    "Wearing_Earrings": "earrings",
    "Wearing_Hat": "a hat",
    "Wearing_Lipstick": "lipstick",
    "Wearing_Necklace": "a necklace",
    "Wearing_Necktie": "a necktie",
    "Heavy_Makeup": "heavy makeup",
}
_LOOKS = {"Attractive": "attractive", "Chubby": "chubby"}


def captions(shown, name):
    """Captions of one face, always the same for the same arguments.

    Args:
        shown: set of the names of the attributes that the face has.
        name: of the picture; decides on the words.

    Returns:
        list of at most `CAPTIONS` different strings. The first names
        everything; the others leave some of it out.
    """
    digest = hashlib.sha256(name.encode(errors="ignore")).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "little"))
    texts = [_caption(shown, rng)]
    keep = sorted(shown - {"Male", "Young"})
    for _ in range(CAPTIONS - 1):
        some = {name for name in keep if rng.random() < 0.6}
        texts.append(_caption(some | (shown & {"Male", "Young"}), rng))
    return list(dict.fromkeys(texts))


def _caption(shown, rng):
    man = "Male" in shown
    who = _who(shown, man)
    features = _features(shown)
    worn = [words for name, words in _WORN.items() if name in shown]
    doing = _doing(shown)
    he = "he" if man else "she"
    if rng.random() < 0.5:  # One sentence for all of it.
        parts = [f"with {_listed(features)}"] if features else []
        parts += [f"wearing {_listed(worn)}"] if worn else []
        text = " ".join([who, *parts])
        if doing:
            text += f", {doing}"
        return text[0].upper() + text[1:] + "."
    sentences = [f"This is {who}"]
    if features:
        sentences.append(f"{he} has {_listed(features)}")
    if worn:
        sentences.append(f"{he} wears {_listed(worn)}")
    if doing:
        sentences.append(f"{he} is {doing}")
    return " ".join(s[0].upper() + s[1:] + "." for s in sentences)


def _who(shown, man):
    words = [words for name, words in _LOOKS.items() if name in shown]
    words.append("young" if "Young" in shown else "older")
    if "Bald" in shown:
        words.append("bald")
    if "No_Beard" in shown and man:
        words.append("beardless")
    words.append("man" if man else "woman")
    article = "an" if words[0][0] in "aeiou" else "a"
    return f"{article} {', '.join(words[:-1])} {words[-1]}"


def _features(shown):
    hair = [words for name, words in _HAIR.items() if name in shown]
    features = [f"{' '.join(hair)} hair"] if hair else []
    return features + [w for name, w in _FEATURES.items() if name in shown]


def _doing(shown):
    doing = []
    if "Smiling" in shown:
        doing.append("smiling")
    if "Mouth_Slightly_Open" in shown:
        doing.append("opening the mouth slightly")
    return _listed(doing)


def _listed(words):
    """"a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
