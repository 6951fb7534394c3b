import dataclasses
import json

import pytest

from keras_t2i.metrics import Score

OURS = Score(31.5, "frechet_distance", 1000, "validation", "matcher", "none")


def test_scores_of_one_protocol_compare():
    better = dataclasses.replace(OURS, value=20.0)
    assert better < OURS and OURS > better and better <= OURS and OURS >= OURS
    assert OURS - better == 11.5
    assert min(OURS, better) is better


@pytest.mark.parametrize(
    "field, value",
    [
        ("name", "kernel_distance"),
        ("n", 30000),
        ("split", "test"),
        ("extractor", "inception_v3"),
        ("resize", "bilinear 299"),
    ],
)
def test_scores_of_different_protocols_refuse(field, value):
    other = dataclasses.replace(OURS, value=1.0, **{field: value})
    message = f"{field} .*{value!r}"
    for compare in (
        lambda: OURS < other,
        lambda: OURS >= other,
        lambda: OURS - other,
        lambda: sorted([OURS, other]),
    ):
        with pytest.raises(ValueError, match=message):
            compare()
    assert OURS != other


def test_a_plain_number_has_no_protocol():
    with pytest.raises(ValueError, match="another score.*3.0"):
        OURS < 3.0


def test_json():
    line = OURS.to_json()
    assert "\n" not in line and json.loads(line)["n"] == 1000
    assert Score.from_json(line) == OURS
    for broken in ('{"value": 1.0}', "[]", "nothing"):
        with pytest.raises(ValueError):
            Score.from_json(broken)
