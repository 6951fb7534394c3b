"""What the guard costs: the training step of GANCLS with it and without."""

import timing
import train_step

from keras_t2i import models


class Guarded(models.GANCLS):
    guarded = True


ROWS = {
    "compact": {},
    "reed2016, alternating, width 32": {
        **train_step.ROWS["reed2016, width 32"],
        "updates": "alternating",
    },
}


def main():
    rows = []
    for label, settings in ROWS.items():
        candidates = {
            "unguarded": train_step.step(models.GANCLS, settings),
            "guarded": train_step.step(Guarded, settings),
        }
        seconds = timing.interleaved(candidates, rounds=41)
        rows.append((label, seconds["unguarded"], seconds["guarded"]))
    timing.print_table(rows, "at least 0.97x")


if __name__ == "__main__":
    main()
