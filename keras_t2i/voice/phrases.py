"""What people say to change a face: the text of the language model.

Templates are filled with the phrases that an editor understands. The few words
around those ("make", "please") are always there: the editor passes over what
it does not know.
"""

import random
import re

_WHO = frozenset("man woman guy lady boy girl person gentleman".split())
_LOOKS = re.compile(
    r"\w+ (aged|haired)|(young|old)(er)?|youthful|elderly|aging|bald|hairless|"
    "smiling|laughing|happy|sad|angry|serious|surprised|chubby|plump|thin|"
    "attractive|beautiful|handsome|pretty|bearded|beardless|brunette|blonde|"
    "blond|straight|wavy|curly"
)
# What takes no article.
_UNCOUNTED = re.compile(
    r"(s|hair|skin|makeup|lipstick|stubble|open)$|^(an?|no|there) "
)
_SLOT = re.compile(r"{(\w+)}")
_LINES = 8000
# Share of single words that get another phrase's first word: people say "a
# gray beard" where the editor has gray hair.
_CROSSED = 0.2
# {some} are one or more things; {bare} is one without its article.
_TEMPLATES = """
{some}
{some}
{some}
{some}
{look} and {some}
{look} {look}
{look} {who}
{look} with {some}
{look} {who} with {some}
{person}
{person} {look}
{person} with {some}
{person} with {some}
{person} wearing {some}
{person} with {some} wearing {some}
{person} who is {look}
{person} who is {look} with {some}
{person} who has {some}
{person} {he} wears {some}
{person} with {some} {he} wears {some}
{person} with {some} {he} is wearing {some}
{person} has {some}
{person} has {some}
{person} has {some} and is {look}
{person} has {some} and wears {some}
{person} has {some} there is a smile on {his} face
{person} is {look}
{person} is {look} and has {some}
{person} is wearing {some}
{person} is wearing {some} and has {some}
{person} wears {some}
{person} wears {some} and is {look}
{he} is {look}
{he} is {look} and wears {some}
{he} has {some}
{he} has {some} and {some}
{he} wears {some}
{he} is wearing {some}
{he} is wearing {some} and has {some}
make {him} {look}
make {him} {look}
make {him} {look} with {some}
make {him} {look} and give {him} {some}
make {him} smile
make {him} smile with {some}
make the {who} {look}
make {him} look {look}
make this {who} {look}
give {him} {some}
give {him} {some}
give {him} {some}
give the {who} {some}
put {thing} on the {who}
change {his} hair to {thing}
add {some}
add {some}
add {some} to {his} face
put {thing} on {him}
i want {some}
i want {him} to be {look}
no {bare}
without {some}
with {some}
{some} without {some}
{some} no {bare}
remove {his} {bare}
take off {his} {bare}
get rid of {his} {bare}
please add {some}
please make {him} {look}
please give {him} {some}
""".strip().splitlines()


def lines(phrases):
    """Sentences in which the phrases come up.

    Args:
        phrases: list of str, words and phrases such as "black hair", in lower
            case without punctuation.

    Returns:
        list of str, the same for the same phrases.
    """
    rng = random.Random(5)
    phrases = sorted(set(phrases))
    pairs = [p.split() for p in phrases if " " in p]
    first = {word for pair in pairs for word in pair[:-1]}
    last = {pair[-1] for pair in pairs}
    kinds = sorted({pair[0] for pair in pairs if len(pair) == 2})
    looks = [p for p in phrases if _LOOKS.fullmatch(p)] or ["nice"]
    who = [p for p in phrases if p in _WHO] or ["face"]
    around = set(_SLOT.sub(r"\1", " ".join(_TEMPLATES)).split()) - last
    # A word that only ever comes before another, as "arched", is no thing.
    things = [
        p
        for p in phrases
        if (" " in p or p in last or p not in first)
        and p not in around.union(looks, who)
    ] or ["face"]

    def bare():
        thing = rng.choice(things)
        if " " not in thing and kinds and rng.random() < _CROSSED:
            thing = f"{rng.choice(kinds)} {thing}"
        return thing

    def thing():
        found = bare()
        return found if _UNCOUNTED.search(found) else _with_article("a", found)

    def some():
        draw = rng.choice((bare, thing))
        found = [draw() for _ in range(rng.choice((1, 2, 2, 3)))]
        found[-2:] = [rng.choice((" ", " and ")).join(found[-2:])]
        return " ".join(found)

    def person():
        words = rng.sample(looks, min(len(looks), rng.choice((0, 1, 1, 2))))
        article = rng.choice(("a", "a", "the", "this", "a photo of a"))
        return _with_article(article, " ".join([*words, rng.choice(who)]))

    slots = {
        "some": some,
        "thing": thing,
        "bare": bare,
        "person": person,
        "look": lambda: rng.choice(looks),
        "who": lambda: rng.choice(who),
        "he": lambda: rng.choice(("he", "she")),
        "him": lambda: rng.choice(("him", "her", "me", "it")),
        "his": lambda: rng.choice(("his", "her", "the", "my")),
    }
    found = [
        _SLOT.sub(lambda slot: slots[slot[1]](), rng.choice(_TEMPLATES))
        for _ in range(_LINES)
    ]
    return phrases + found


def _with_article(article, words):
    n = "n" if article.endswith("a") and words[0] in "aeiou" else ""
    return f"{article}{n} {words}"
