import pytest

from keras_t2i.layers import up_samplings


def test_doublings_from_4_x_4():
    assert [up_samplings(size) for size in (16, 32, 256)] == [2, 3, 6]


@pytest.mark.parametrize("size", [0, -4, 8, 20, 63, 0.5, 64.0, "64"])
def test_sizes_that_cannot_be_made_are_refused(size):
    with pytest.raises(ValueError, match=f"power of two. Received: {size!r}"):
        up_samplings(size)
