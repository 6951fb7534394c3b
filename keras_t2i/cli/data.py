"""`keras-t2i data`: look at captioned pictures, and pack them."""

from keras_t2i.cli.parsing import Parser
from keras_t2i.cli.parsing import add_verb
from keras_t2i.cli.quiet import load_tensorflow

_INSPECT = "  keras-t2i data inspect flowers/ --out flowers.png"
_PACK = "  keras-t2i data pack flowers/ flowers-64/ --image-size 64"


def add_arguments(verbs):
    parser = add_verb(
        verbs, "data", None, "look at training data, or pack it", _INSPECT
    )
    jobs = parser.add_subparsers(
        metavar="JOB", required=True, parser_class=Parser
    )
    inspect = add_verb(
        jobs,
        "inspect",
        run_inspect,
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
    pack = add_verb(
        jobs,
        "pack",
        run_pack,
        "pack a folder into few large files (TFRecord) that training reads "
        "like the folder; goes on where it was interrupted",
        _PACK,
    )
    pack.add_argument("path", metavar="PATH", help="the folder")
    pack.add_argument("out", metavar="OUT", help="folder to write")
    pack.add_argument(
        "--image-size",
        metavar="PIXELS",
        type=int,
        help="scale the pictures for training at this size "
        "(default: store the picture files as they are)",
    )
    pack.add_argument(
        "--jpeg-quality",
        metavar="1..95",
        type=int,
        help="with --image-size: store JPEG, smaller but not exact "
        "(default: PNG)",
    )
    pack.add_argument(
        "--text-encoder",
        metavar="NAME",
        help="also store the captions' features by this text encoder: "
        "minilm, bag_of_ngrams, or a TF Hub handle (default: none)",
    )
    pack.add_argument(
        "--words",
        action="store_true",
        help="with --text-encoder: features of words, too (much larger)",
    )
    pack.add_argument(
        "--pictures-per-shard",
        metavar="N",
        type=int,
        default=1000,
        help="pictures in a file (default: 1000)",
    )


def run_inspect(arguments):
    load_tensorflow()
    from keras_t2i import data
    from keras_t2i import pictures

    print(data.inspect(arguments.path))
    pictures.save_png(arguments.out, data.contact_sheet(arguments.path))
    print(f"contact sheet         {arguments.out}")


def run_pack(arguments):
    load_tensorflow()
    from keras_t2i import data

    out = data.pack(
        arguments.path,
        arguments.out,
        image_size=arguments.image_size,
        jpeg_quality=arguments.jpeg_quality,
        text_encoder=arguments.text_encoder,
        words=arguments.words,
        pictures_per_shard=arguments.pictures_per_shard,
    )
    print(f"packed                {out}")
