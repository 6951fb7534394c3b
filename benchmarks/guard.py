"""What the guard costs: the training step of GANCLS with it and without."""

import timing
import train_step

from keras_t2i import models


class Guarded(models.GANCLS):
    guarded = True


ROWS = {
    "default": {},
    "reed2016, alternating, width 32": {
        **train_step.ROWS["reed2016, width 32"],
        "updates": "alternating",
    },
}


def main():
    rows = [
        (
            label,
            *train_step.compared(models.GANCLS, Guarded, settings, rounds=5),
        )
        for label, settings in ROWS.items()
    ]
    timing.print_table(rows, "at least 0.97x")


if __name__ == "__main__":
    main()
