"""`keras-t2i data inspect`: what a folder of captioned pictures holds."""

from keras_t2i.cli.parsing import Parser
from keras_t2i.cli.parsing import add_verb
from keras_t2i.cli.quiet import load_tensorflow

_INSPECT = "  keras-t2i data inspect flowers/ --out flowers.png"


def add_arguments(verbs):
    parser = add_verb(
        verbs, "data", None, "look at training data", _INSPECT
    )
    jobs = parser.add_subparsers(
        metavar="JOB", required=True, parser_class=Parser
    )
    inspect = add_verb(
        jobs,
        "inspect",
        run,
        "read every picture of a folder, count what is there, name what is "
        "bad, and draw a contact sheet",
        _INSPECT,
    )
    inspect.add_argument("path", metavar="PATH", help="the folder")
    inspect.add_argument(
        "--out",
        metavar="PICTURE",
        default="sheet.png",
        help="PNG file for the contact sheet (default: sheet.png)",
    )


def run(arguments):
    load_tensorflow()
    from keras_t2i import data
    from keras_t2i import pictures

    print(data.inspect(arguments.path))
    pictures.save_png(arguments.out, data.contact_sheet(arguments.path))
    print(f"contact sheet         {arguments.out}")
