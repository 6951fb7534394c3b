"""The command `keras-t2i`.

Verbs import Keras and TensorFlow only when they run, so that `--help` and a
wrong argument answer at once.
"""

import sys

from keras_t2i.cli import data
from keras_t2i.cli import edit
from keras_t2i.cli import evaluate
from keras_t2i.cli import export
from keras_t2i.cli import generate
from keras_t2i.cli import models
from keras_t2i.cli import train
from keras_t2i.cli.parsing import Parser
from keras_t2i.cli.quiet import one_line_warnings


def main(argv=None):
    """Runs one verb.

    Args:
        argv: list of arguments; None takes those of the process.

    Returns:
        Exit code: 0; 1 if a training failed; 2 if something given is wrong;
        130 if interrupted.

    Raises:
        SystemExit: for `--help` (0) and arguments that cannot be parsed (2).
    """
    parser = Parser(
        prog="keras-t2i",
        description="Pictures from words: train text-to-image GANs on your "
        "own captioned pictures, and draw with them.",
        epilog="keras-t2i VERB --help says more about each verb.",
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for verb in (models, data, train, generate, edit, evaluate, export):
        verb.add_arguments(verbs)
    arguments = parser.parse_args(argv)
    with one_line_warnings():
        try:
            return arguments.run(arguments) or 0
        except KeyboardInterrupt:
            print("\nInterrupted.", file=sys.stderr)
            return 130
        except (ValueError, OSError, FloatingPointError) as error:
            message = " ".join(str(error).split())
            print(f"keras-t2i: error: {message}", file=sys.stderr)
            return 1 if isinstance(error, FloatingPointError) else 2


if __name__ == "__main__":
    sys.exit(main())
