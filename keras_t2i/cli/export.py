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
_LITERT = """\
  keras-t2i export litert --preset gan_cls_flowers_64 \\
      --quantize int8 --out flowers.tflite"""


def add_arguments(verbs):
    parser = add_verb(
        verbs,
        "export",
        None,
        "make of a trained model what other programs run",
        f"{_SERVING}\n{_LITERT}",
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
    _add_preset(serving)
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
    litert = add_verb(
        jobs,
        "litert",
        run_litert,
        "write a file that LiteRT runs: on phones, in browsers, in C",
        _LITERT,
    )
    _add_preset(litert)
    litert.add_argument(
        "--out", metavar="FILE", required=True, help="ends in .tflite"
    )
    litert.add_argument(
        "--quantize",
        choices=("float16", "int8"),
        help="weights in half or a quarter of the size (default: float32)",
    )
    litert.add_argument(
        "--locator",
        metavar="NAME_OR_PATH",
        help="for a face editor: a FaceLocator that goes into the file",
    )


def _add_preset(parser):
    parser.add_argument(
        "--preset",
        metavar="NAME_OR_PATH",
        required=True,
        help="trained weights: a name that `keras-t2i models` lists, or a "
        "folder, such as RUN/model of a training",
    )
    add_trust(parser)


def _load(arguments):
    load_tensorflow()
    from keras_t2i import models

    return models.from_preset(
        preset_folder(arguments.preset), safe_mode=not arguments.trust_preset
    )


def run_serving(arguments):
    model = _load(arguments)
    from keras_t2i import export

    folder = export.to_serving(model, arguments.out, arguments.version)
    sizes = [p.stat().st_size for p in folder.rglob("*") if p.is_file()]
    compose = pathlib.Path(arguments.out) / "compose.yaml"
    print(f"{folder}: {sum(sizes) / 1e6:.1f} MB, draws what the preset draws")
    print(f"serve it: docker compose -f {compose} up")


def run_litert(arguments):
    model = _load(arguments)
    from keras_t2i import export

    locator = arguments.locator and preset_folder(arguments.locator)
    print(export.to_litert(model, arguments.out, arguments.quantize, locator))
