"""A measured number that knows how it was measured."""

import dataclasses
import functools
import json


@functools.total_ordering
@dataclasses.dataclass(frozen=True)
class Score:
    """A value with its protocol.

    Two scores can be compared or subtracted only if everything but the value
    agrees: a Fréchet distance on 1,000 pictures says nothing beside one on
    30,000, or in the features of another network.

    Attributes:
        value: the number.
        name: of the metric, such as "frechet_distance".
        n: number of pictures or captions that were judged.
        split: the data, such as "validation".
        extractor: name of the network whose features were used.
        resize: how pictures were brought to its size, such as "none" or
            "bilinear 299".

    Example:

    ```python
    ours = Score(31.2, "frechet_distance", 1000, "validation", "matcher", "none")
    ours < theirs  # ValueError if theirs was measured otherwise
    print(ours.to_json())
    ```
    """

    value: float
    name: str
    n: int
    split: str
    extractor: str
    resize: str

    @property
    def protocol(self):
        """Dict of everything but the value."""
        facts = dataclasses.asdict(self)
        del facts["value"]
        return facts

    def __lt__(self, other):
        return self.value < self._comparable(other).value

    def __sub__(self, other):
        """Difference of the values, a float."""
        return self.value - self._comparable(other).value

    def to_json(self):
        """One line of JSON."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text):
        """The score that `to_json` wrote.

        Raises:
            ValueError: if a field is missing or unknown.
        """
        facts = json.loads(text)
        names = [field.name for field in dataclasses.fields(cls)]
        if not isinstance(facts, dict) or sorted(facts) != sorted(names):
            raise ValueError(
                f"A score is a JSON object of {names}. Received: {text}"
            )
        return cls(**facts)

    def _comparable(self, other):
        if not isinstance(other, Score):
            raise ValueError(
                "A score can be compared only with another score. Received: "
                f"{other!r}"
            )
        ours, theirs = self.protocol, other.protocol
        different = [
            f"{key} {ours[key]!r} and {theirs[key]!r}"
            for key in ours
            if ours[key] != theirs[key]
        ]
        if different:
            raise ValueError(
                "These scores were measured differently and cannot be "
                f"compared: {', '.join(different)}. Measure both one way."
            )
        return other
