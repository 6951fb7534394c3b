import os
import subprocess
import sys

import pytest

from keras_t2i import files

HOLD = """
import sys
from keras_t2i import files
held = files.lock(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def hold(folder):
    """A process that holds the lock of a folder until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_a_lock_goes_when_its_process_is_killed(tmp_path):
    process = hold(tmp_path / "run")
    message = f"is running in {tmp_path / 'run'}.*process {process.pid}"
    with pytest.raises(ValueError, match=message):
        files.lock(tmp_path / "run")
    process.kill()
    process.communicate()
    with files.lock(tmp_path / "run"):
        pass


def test_a_lock_holds_within_a_process_too_until_it_is_closed(tmp_path):
    with files.lock(tmp_path):
        with pytest.raises(ValueError, match=f"process {os.getpid()}"):
            files.lock(tmp_path)
    with files.lock(tmp_path):
        pass


def test_a_filesystem_without_locks_is_a_warning(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(files.fcntl, "flock", refuse)
    with pytest.warns(UserWarning, match="cannot be locked.*No locks"):
        files.lock(tmp_path).close()
