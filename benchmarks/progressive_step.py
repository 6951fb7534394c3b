"""The training step of ProgressiveT2I by size: time and peak memory.

Each size runs in a process of its own, so that memory is its own too. The
matcher is made but not trained: its cost in a step does not depend on that.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

SIZES = {64: 32, 128: 16, 256: 8}  # pixels -> batch


def measure(size, batch, precision, rounds):
    """Milliseconds of wall and CPU a step, and peak gigabytes."""
    import numpy as np
    import tensorflow as tf

    from keras_t2i import models

    model = models.ProgressiveT2I(
        size, text_encoder="bag_of_ngrams", dtype=precision
    )
    encoder = model.text_encoder
    random = np.random.default_rng(0)
    x = {
        "sentence": random.normal(size=(batch, encoder.sentence_width)),
        "words": random.normal(
            size=(batch, encoder.max_length, encoder.word_width)
        ),
        "mask": np.ones((batch, encoder.max_length)),
    }
    x = {key: value.astype("float32") for key, value in x.items()}
    x["class_id"] = np.arange(batch)
    y = random.integers(0, 256, (batch, size, size, 3), "uint8")
    data = tf.nest.map_structure(tf.constant, (x, y))
    step = tf.function(model.train_step)
    walls, cpus = [], []
    for _ in range(rounds + 1):
        wall, cpu = time.perf_counter(), time.process_time()
        float(step(data)["generator_loss"])
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    median = statistics.median
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return 1e3 * median(walls[1:]), 1e3 * median(cpus[1:]), peak


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--precision", default="mixed_bfloat16")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.one:
        print(json.dumps(measure(a.one, SIZES[a.one], a.precision, a.rounds)))
        return
    print(f"{'pixels':>8}{'batch':>8}{'wall ms':>10}{'CPU ms':>10}{'peak GB':>10}")
    for size, batch in SIZES.items():
        argv = [sys.executable, __file__, "--one", str(size)]
        argv += ["--rounds", str(a.rounds), "--precision", a.precision]
        done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)
        wall, cpu, peak = json.loads(done.stdout.splitlines()[-1])
        print(f"{size:8}{batch:8}{wall:10.0f}{cpu:10.0f}{peak:10.2f}", flush=True)


if __name__ == "__main__":
    main()
