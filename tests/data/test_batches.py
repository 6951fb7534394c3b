import itertools

import numpy as np
import pytest

from keras_t2i.data import Batches


def numbered(**arguments):
    """Batches of three steps an epoch, which say their step."""
    return Batches(lambda step: (step, np.zeros(2)), 3, (4, 4, 3), **arguments)


def steps(batches, count=None):
    return [x for x, _ in itertools.islice(batches, count)]


def test_every_pass_is_the_next_epoch():
    batches = numbered()
    assert len(batches) == 3
    passes = [steps(batches) for _ in range(3)]
    assert passes == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert steps(numbered(start_step=3)) == [3, 4, 5]


def test_repeated_batches_never_end_and_start_anywhere():
    batches = numbered(repeat=True, start_step=5)
    assert steps(batches, 4) == [5, 6, 7, 8]
    # Another pass sees the same.
    assert steps(batches, 2) == [5, 6]
    with pytest.raises(TypeError, match="never end"):
        len(batches)


def test_what_is_mapped_goes_on_where_the_batches_are():
    batches = numbered()
    doubled = batches.map(lambda x, y: (2 * x, y))
    assert steps(batches) == [0, 1, 2]
    assert steps(doubled) == [6, 8, 10]
    assert steps(batches) == [6, 7, 8]


def test_errors_of_reading_reach_the_reader():
    def read(step):
        if step == 1:
            raise ValueError("step 1 cannot be read")
        return step, None

    batches = iter(Batches(read, 3, (4, 4, 3)))
    assert next(batches) == (0, None)
    with pytest.raises(ValueError, match="step 1"):
        next(batches)
