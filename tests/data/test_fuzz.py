from tests import fuzz_data


def test_no_crash_and_every_loss_named():
    totals = fuzz_data.fuzz(300, seed=1)
    assert totals["read"] > 50 and totals["named as lost"] > 50
