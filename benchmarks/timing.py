"""Side-by-side timing: candidates take turns, medians are compared."""

import statistics
import time


def interleaved(candidates, rounds, warm_up=2):
    """Times callables in turn, so that a busy moment hits all of them alike.

    Args:
        candidates: dict of name -> callable without arguments.
        rounds: timed calls of each.
        warm_up: calls of each before that (compilation, caches).

    Returns:
        dict of name -> (wall seconds, CPU seconds of all threads), medians.
    """
    for _ in range(warm_up):
        for call in candidates.values():
            call()
    walls = {name: [] for name in candidates}
    cpus = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, call in candidates.items():
            wall, cpu = time.perf_counter(), time.process_time()
            call()
            walls[name].append(time.perf_counter() - wall)
            cpus[name].append(time.process_time() - cpu)
    median = statistics.median
    return {n: (median(walls[n]), median(cpus[n])) for n in candidates}


def print_table(rows, target):
    """Prints a table of ratios.

    Args:
        rows: list of (label, baseline, ours): pairs of wall and CPU seconds.
        target: what the ratio should be, as text.
    """
    print(f"\n{'':34}{'baseline ms':>12}{'ours ms':>10}{'wall':>8}{'CPU':>8}")
    for label, baseline, ours in rows:
        wall, cpu = (b / o for b, o in zip(baseline, ours))
        print(
            f"{label:34}{1e3 * baseline[0]:12.1f}{1e3 * ours[0]:10.1f}"
            f"{wall:7.2f}x{cpu:7.2f}x"
        )
    print(f"Target: {target}. On a busy machine trust the CPU column.")
