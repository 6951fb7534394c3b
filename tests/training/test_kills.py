import re
import subprocess
import sys


def test_five_kills_cost_nothing():
    done = subprocess.run(
        [sys.executable, "-m", "tests.kill_campaign", "--kills", "5"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^5 kills .* bit-identical", done.stdout, re.MULTILINE)
