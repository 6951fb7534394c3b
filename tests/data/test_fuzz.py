from tests import fuzz_data


# `python -m tests.fuzz_data` does 10,000.
def test_no_crash_and_every_loss_named():
    totals = fuzz_data.fuzz(2000, seed=1)
    assert totals["read"] > 500 and totals["named as lost"] > 500
