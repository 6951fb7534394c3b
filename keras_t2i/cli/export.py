"""`keras-t2i export`: trained models for other programs."""

import pathlib

from keras_t2i.cli.generate import add_trust
from keras_t2i.cli.generate import preset_folder
from keras_t2i.cli.parsing import Parser
from keras_t2i.cli.parsing import add_verb
from keras_t2i.cli.quiet import load_tensorflow

_SERVING = """\
  keras-t2i export serving --preset gan_cls_flowers_64 \\
      --out served/flowers"""


def add_arguments(verbs):
    parser = add_verb(
        verbs,
        "export",
        None,
        "make of a trained model what other programs run",
        _SERVING,
    )
    jobs = parser.add_subparsers(
        metavar="JOB", required=True, parser_class=Parser
    )
    serving = add_verb(
        jobs,
        "serving",
        run_serving,
        "write a folder that TensorFlow Serving serves: words in, PNG out",
        _SERVING,
    )
    serving.add_argument(
        "--preset",
        metavar="NAME_OR_PATH",
        required=True,
        help="trained weights: a name that `keras-t2i models` lists, or a "
        "folder, such as RUN/model of a training",
    )
    add_trust(serving)
    serving.add_argument(
        "--out",
        metavar="FOLDER",
        required=True,
        help="folder of the model; its name is what the server calls it",
    )
    serving.add_argument(
        "--version",
        metavar="N",
        type=int,
        help="number of the folder inside, which must not exist "
        "(default: the next one)",
    )


def run_serving(arguments):
    load_tensorflow()
    from keras_t2i import export
    from keras_t2i import models

    model = models.from_preset(
        preset_folder(arguments.preset), safe_mode=not arguments.trust_preset
    )
    folder = export.to_serving(model, arguments.out, arguments.version)
    sizes = [p.stat().st_size for p in folder.rglob("*") if p.is_file()]
    compose = pathlib.Path(arguments.out) / "compose.yaml"
    print(f"{folder}: {sum(sizes) / 1e6:.1f} MB, draws what the preset draws")
    print(f"serve it: docker compose -f {compose} up")
