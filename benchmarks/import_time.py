"""`import keras_t2i` against `import keras`, each in a new interpreter."""

import os
import pathlib
import statistics
import subprocess
import sys
import time

import timing

ROUNDS = 5


def import_seconds(module):
    """Wall and CPU seconds of `python -c "import module"`."""
    wall, before = time.perf_counter(), os.times()
    root = pathlib.Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", f"import {module}"], cwd=root, check=True)
    after = os.times()
    cpu = (after.children_user - before.children_user) + (
        after.children_system - before.children_system
    )
    return time.perf_counter() - wall, cpu


def main():
    modules = ("keras", "keras_t2i")
    seconds = {module: [] for module in modules}
    for module in modules:
        import_seconds(module)  # Files come from the disk once.
    for _ in range(ROUNDS):
        for module in modules:
            seconds[module].append(import_seconds(module))
    keras, ours = (
        tuple(map(statistics.median, zip(*seconds[module])))
        for module in modules
    )
    timing.print_table(
        [("import", keras, ours)], "at least 0.77x, that is 1.3 times the time"
    )


if __name__ == "__main__":
    main()
