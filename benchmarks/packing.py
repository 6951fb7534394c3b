"""Packing and reading many pictures: is the speed the same for any number?

The pictures are drawn shapes, repeated by hard links. Every number runs in a
process of its own, so that its memory is its own.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
from PIL import Image

JOBS = ("pack", "index", "read")
SIZE = 64
DRAWN = 1000
# A small number is measured this often, and the median counts.
TARGET = 5000


def write_folder(folder, count):
    """`count` JPEGs of 80 x 80 with two captions each."""
    from keras_t2i import data

    drawn = folder / "drawn"
    drawn.mkdir(parents=True)
    batches = data.shapes(image_size=80, batch_size=DRAWN, training=False)
    x, images = next(iter(batches))
    texts = [text.decode() for text in x["text"].numpy().tolist()]
    for number, image in enumerate(images.numpy()):
        Image.fromarray(image).save(drawn / f"{number}.jpg", quality=90)
    rows = []
    for number in range(count):
        name = f"{number // 1000:03}/{number:06}.jpg"
        (folder / name).parent.mkdir(exist_ok=True)
        source = number % len(texts)
        os.link(drawn / f"{source}.jpg", folder / name)
        captions = [texts[source], f"picture {number} of {count}"]
        rows.append(json.dumps({"image": name, "captions": captions}))
    (folder / "captions.jsonl").write_text("\n".join(rows) + "\n")


def seconds():
    """Wall and CPU time, the latter of all threads."""
    return np.array([time.perf_counter(), time.process_time()])


def memory():
    """Bytes of this process that are in memory."""
    pages = pathlib.Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def measure(count):
    """Figures of packing, indexing and reading `count` pictures."""
    from keras_t2i import data

    figures = {name: [] for name in (*JOBS, "memory")}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        write_folder(folder / "pictures", count)
        for number in range(max(1, TARGET // count)):
            out = folder / f"packed-{number}"
            start = seconds()
            data.pack(folder / "pictures", out, progress=False)
            figures["pack"].append((seconds() - start) / count)

            before, start = memory(), seconds()
            batches = data.load(out, training=True, image_size=SIZE)
            figures["index"].append((seconds() - start) / count)
            figures["memory"].append(memory() - before)

            start, read = seconds(), 0
            for _, images in batches:
                read += len(images)
            figures["read"].append((seconds() - start) / read)
    most = max(figures.pop("memory"))
    speeds = {k: 1 / np.median(v, axis=0) for k, v in figures.items()}
    return {"memory": most, **{k: v.tolist() for k, v in speeds.items()}}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--only", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(measure(arguments.pictures)))
        return
    print("Pictures a second: wall / CPU. On a busy machine trust the latter.")
    titles = "".join(f"{name:>16}" for name in JOBS)
    print(f"{'pictures':>9}{titles}{'index MB':>10}")
    smaller = [n for n in (1_000, 10_000) if n < arguments.pictures]
    for count in (*smaller, arguments.pictures):
        command = [sys.executable, __file__, "--only", "--pictures", str(count)]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        if done.returncode:
            sys.exit(done.stderr)
        figures = json.loads(done.stdout.splitlines()[-1])
        speeds = ("{:.0f} / {:.0f}".format(*figures[k]) for k in JOBS)
        print(f"{count:9}", *(f"{speed:>15}" for speed in speeds), end="")
        print(f"{figures['memory'] / 1e6:10.0f}", flush=True)


if __name__ == "__main__":
    main()
