"""How well attributes and persons are recognized in pictures of faces."""

import numpy as np


def attribute_accuracy(logits, log_odds, shown, names):
    """Accuracy for each attribute that some pictures have and some lack.

    Args:
        logits: [N, A], above 0 where an attribute is seen, were it as frequent
            as its absence.
        log_odds: [A], log(rate / (1 - rate)) of the training pictures.
        shown: 0 or 1, [N, A].
        names: of the attributes.

    Returns:
        dict of name -> dict of `accuracy` (of logits + log odds > 0),
        `majority` (of the more frequent answer), `balanced` (the mean of the
        accuracies of logits > 0 on pictures with and without the attribute)
        and `count`, the pictures with it; and `mean`, the means of these.
    """
    shown = np.asarray(shown) > 0.5
    logits = np.asarray(logits, "float64")
    scores = {}
    for name, x, odds, has in zip(names, logits.T, log_odds, shown.T):
        count = int(has.sum())
        if not 0 < count < len(has):
            continue
        seen = x > 0.0
        scores[name] = {
            "accuracy": float(np.mean((x + odds > 0.0) == has)),
            "majority": float(max(count, len(has) - count) / len(has)),
            "balanced": float((seen[has].mean() + (~seen[~has]).mean()) / 2),
            "count": count,
        }
    keys = ("accuracy", "majority", "balanced")
    if scores:
        scores["mean"] = {
            key: float(np.mean([each[key] for each in scores.values()]))
            for key in keys
        }
    return scores


def verification(vectors, persons, seed=0):
    """Whether two pictures show one person, by the cosine of their vectors.

    Args:
        vectors: unit vectors [N, E].
        persons: int [N], the number of the person on each picture.
        seed: of the pairs of two persons.

    Returns:
        dict of `pairs` (of one person: all there are, but at most ten of
        each; and as many of two), `auc` (see `area`), and `accuracy` at a
        threshold: that which is best on one half of the pairs is applied to
        the other half, and the reverse. Empty if nobody is there twice.
    """
    persons = np.asarray(persons)
    random = np.random.default_rng(seed)
    first, second = [], []
    for person in np.unique(persons):
        rows = np.flatnonzero(persons == person)
        i, j = np.triu_indices(len(rows), 1)
        some = random.permutation(len(i))[:10]
        first += rows[i[some]].tolist()
        second += rows[j[some]].tolist()
    count = len(first)
    if count == 0 or len(np.unique(persons)) < 2:
        return {}
    while len(first) < 2 * count:
        i, j = random.integers(len(persons), size=2)
        if persons[i] != persons[j]:
            first.append(i)
            second.append(j)
    cosines = np.sum(vectors[first] * vectors[second], axis=1)
    same = np.arange(2 * count) < count
    half = np.arange(2 * count) % 2 == 0
    right = []
    for part in (half, ~half):
        threshold = _threshold(cosines[part], same[part])
        right.append(np.mean((cosines[~part] > threshold) == same[~part]))
    return {
        "pairs": 2 * count,
        "auc": area(cosines[same], cosines[~same]),
        "accuracy": float(np.mean(right)),
    }


def area(positive, negative):
    """How often a score of `positive` is above one of `negative`, in [0, 1].

    The area under the curve of true against false positives; ties count half.

    Args:
        positive, negative: scores [M] and [N].
    """
    negative = np.sort(negative)
    below = np.searchsorted(negative, positive, "left")
    upto = np.searchsorted(negative, positive, "right")
    return float(np.mean((below + upto) / 2) / len(negative))


def _threshold(cosines, same):
    """The cosine above which "one person" is right most often."""
    order = np.argsort(cosines)
    # Right if the first k are two persons and the others one.
    right = np.concatenate([[0], np.cumsum(~same[order])])
    right = right + same.sum() - np.concatenate([[0], np.cumsum(same[order])])
    k = int(np.argmax(right))
    edges = np.concatenate([[-2.0], np.sort(cosines), [2.0]])
    return (edges[k] + edges[k + 1]) / 2
