"""How all verbs read their arguments. Imports nothing heavy."""

import argparse
import pathlib
import sys


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` that says what is wrong in one line."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message} ({self.prog} --help)\n")


def add_verb(verbs, name, run, summary, example):
    """Adds a verb; `run` gets the parsed arguments, returns an exit code.

    Args:
        verbs: what `add_subparsers` gave.
        name: what the user types.
        run: the function to call, or None if the verb has verbs of its own.
        summary: one line for the list of verbs, and the start of the help.
        example: end of the help.

    Returns:
        The parser of the verb.
    """
    parser = verbs.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"example:\n{example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def program():
    """How the user called the command, to start a command line to copy."""
    called = sys.argv[0]
    return called if pathlib.Path(called).name == "keras-t2i" else "keras-t2i"
