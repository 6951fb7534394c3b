"""Pictures a second of `data.load` against what the training step consumes.

Without `--data` it writes a folder of JPEGs of 80 x 80 itself.
"""

import argparse
import json
import pathlib
import tempfile
import time

import numpy as np
import timing
from PIL import Image

from keras_t2i import data
from keras_t2i import models

BATCH = 64
SIZE = 64


def write_folder(folder, count=1024):
    """JPEGs of smooth noise, with two captions each."""
    random = np.random.default_rng(0)
    rows = []
    for number in range(count):
        small = random.integers(0, 256, (10, 10, 3), "uint8")
        picture = Image.fromarray(small).resize((80, 80), Image.BICUBIC)
        name = f"{number:04d}.jpg"
        picture.save(folder / name, quality=90)
        captions = [f"picture number {number}", f"noise of seed {number}"]
        row = {"image": name, "captions": captions, "class_id": number % 10}
        rows.append(json.dumps(row))
    (folder / "captions.jsonl").write_text("\n".join(rows) + "\n")


def seconds_a_batch(batches):
    """Wall and CPU seconds a batch of one pass."""
    wall, cpu, count = time.perf_counter(), time.process_time(), 0
    for _ in batches:
        count += 1
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return wall / count, cpu / count


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="a folder that data.load reads")
    path = parser.parse_args().data
    with tempfile.TemporaryDirectory() as folder:
        if path is None:
            path = folder
            write_folder(pathlib.Path(folder))
        batches = data.load(path, image_size=SIZE, batch_size=BATCH)
        first = seconds_a_batch(batches)

        model = models.GANCLS(SIZE, text_encoder="bag_of_ngrams")
        fixed = batches.take(1).cache().repeat()
        candidates = {
            "step": lambda: model.fit(fixed, steps_per_epoch=4, verbose=0),
            "later": lambda: [*batches.take(16)],
        }
        medians = timing.interleaved(candidates, rounds=5)
    step = tuple(s / 4 for s in medians["step"])
    later = tuple(s / 16 for s in medians["later"])
    timing.print_table(
        [
            ("first epoch (reads files)", step, first),
            ("later epochs (from memory)", step, later),
        ],
        "at least 5x; baseline is a training step, ours a batch of data",
    )
    print(
        f"Pictures a second: data {BATCH / later[0]:.0f} (first epoch "
        f"{BATCH / first[0]:.0f}), step {BATCH / step[0]:.0f}"
    )


if __name__ == "__main__":
    main()
