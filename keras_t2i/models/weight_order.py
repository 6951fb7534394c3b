"""Whether arrays that a file holds by number mean the same weights still.

A refactoring that makes layers in another order changes the order of a
network's weights. Where shapes are alike, arrays would then be given to the
wrong weights without a word.
"""

import collections
import itertools
import re

_NUMBERED = re.compile(r"(.*?)(?:_(\d+))?", re.DOTALL)


def weight_names(network):
    """Names of a network's weights, in their order.

    Keras numbers layers without a name by how many were made in the process
    before; here they are numbered within the network, so that every process
    finds the same names.

    Args:
        network: a built layer or model.

    Returns:
        list of str such as "dense_1/kernel".
    """
    paths = [
        [_NUMBERED.fullmatch(part).groups() for part in weight.path.split("/")]
        for weight in network.weights
    ]
    found = collections.defaultdict(set)
    for name, number in itertools.chain(*paths):
        found[name].add(int(number or 0))
    ranks = {
        (name, number): rank
        for name, numbers in found.items()
        for rank, number in enumerate(sorted(numbers))
    }

    def renumbered(name, number):
        rank = ranks[name, int(number or 0)]
        return f"{name}_{rank}" if rank else name

    return ["/".join(renumbered(*part) for part in path) for path in paths]


def check_order(network, name, recorded, source):
    """Refuses arrays that were saved from weights in another order.

    Args:
        network: whose weights take the arrays.
        name: of the network, as in `recorded`.
        recorded: dict of network name -> `weight_names` when it was saved.
        source: what errors call the file.

    Raises:
        ValueError: the order is another one.
    """
    saved = recorded.get(name, []) if isinstance(recorded, dict) else None
    if not isinstance(saved, list):
        raise ValueError(
            f"{source} is damaged: it has no list of the weights of {name}."
        )
    pairs = itertools.zip_longest(saved, weight_names(network))
    for number, (was, now) in enumerate(pairs):
        if was != now:
            raise ValueError(
                f"{source} was saved from networks that order their weights "
                f"otherwise: array {number} of {name} was {was}, and would "
                f"become {now}. Load it with the version of keras_t2i that "
                "saved it."
            )
