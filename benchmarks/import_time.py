"""`import keras_t2i` against `import keras`, each in a new interpreter."""

import os
import pathlib
import statistics
import subprocess
import sys
import time

import timing

ROUNDS = 3
BASELINE = "import keras"
OURS = ("import keras_t2i", "from keras_t2i import models")


def seconds_of(statement):
    """Wall and CPU seconds of `python -c statement`."""
    wall, before = time.perf_counter(), os.times()
    root = pathlib.Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", statement], cwd=root, check=True)
    after = os.times()
    cpu = (after.children_user - before.children_user) + (
        after.children_system - before.children_system
    )
    return time.perf_counter() - wall, cpu


def main():
    seconds = {statement: [] for statement in (BASELINE, *OURS)}
    for statement in seconds:
        seconds_of(statement)  # Files come from the disk once.
    for _ in range(ROUNDS):
        for statement in seconds:
            seconds[statement].append(seconds_of(statement))
    medians = {
        statement: tuple(map(statistics.median, zip(*values)))
        for statement, values in seconds.items()
    }
    rows = [(ours, medians[BASELINE], medians[ours]) for ours in OURS]
    timing.print_table(rows, "at least 0.77x, that is 1.3 times the time")


if __name__ == "__main__":
    main()
