"""`keras-t2i train`: what the user asks for, as one flat dict of settings.

The command line, `--config FILE` and `RUN/config.json` use the same names: the
options of the command with underscores, and the arguments of the model's
constructor.
"""

import json
import pathlib

from keras_t2i.cli.methods import METHODS
from keras_t2i.cli.parsing import add_verb
from keras_t2i.cli.quiet import load_tensorflow

CONFIG = "config.json"
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
# As `keras_t2i.training.guard` has them, which imports Keras.
ON_NON_FINITE = ("skip", "rollback", "stop")

_DEFAULTS = {
    "batch_size": 64,
    "seed": 0,
    "precision": "float32",
    "checkpoint_every": 500,
    "sample_every": 500,
    "on_non_finite": "skip",
}
_FOLDER = {
    "image_size": 64,
    "variant": "default",
    "epochs": 100,
}
# As their sources do (methods of Reed et al. 2016, flowers); the judge is best
# with all that are known of a flower.
_CAPTIONS_PER_PICTURE = {"reed2016": 4, "note": 4, "judge": 10}
_SHAPES = {"image_size": 32, "variant": "shapes", "steps": 3500}
# To tell content and style apart takes it longer.
_SHAPES_STEPS = {"disentangled": 7000}

_COUNTS = (
    "steps",
    "epochs",
    "batch_size",
    "image_size",
    "captions_per_picture",
    "checkpoint_every",
    "sample_every",
)
# Trained models that another one is made of.
PARTS = ("generator", "features", "captioner", "matcher")
# What may differ when a run goes on; anything else would make another run.
_SAID = (
    "data",
    "others",
    "from_preset",
    "seed",
    "precision",
    "variant",
    "method",
    "on_non_finite",
)
_FREE = {
    "data",  # May have moved; its content is compared.
    "others",
    "steps",
    "epochs",
    "checkpoint_every",
    "sample_every",
    "on_non_finite",
}

_EXAMPLE = """\
  keras-t2i train gan_cls --data flowers/ --epochs 100 --out runs/flowers
  keras-t2i train gan_cls --out runs/flowers --resume
  keras-t2i train gan_cls --data shapes --out runs/shapes
  keras-t2i train face_editor --data faces/ --with generator=runs/stylegan2/model \
      --with features=runs/features/model --out runs/editor

The run folder gets samples/ (pictures of fixed captions), log.jsonl (losses),
checkpoints/, config.json (all settings; --config takes it) and, at the end,
model/, which `keras-t2i generate --preset RUN/model` uses. Ctrl-C saves a
checkpoint and prints how to go on."""


def add_arguments(verbs):
    parser = add_verb(
        verbs, "train", run, "train a method on captioned pictures", _EXAMPLE
    )
    add = parser.add_argument
    add(
        "method",
        metavar="METHOD",
        choices=METHODS,
        help=f"one of: {', '.join(METHODS)}",
    )
    add(
        "--data",
        metavar="PATH",
        help="folder of captioned pictures; or the word shapes, a set that "
        "is drawn and needs no files (a folder of that name is ./shapes)",
    )
    add(
        "--others",
        metavar="PATH",
        action="append",
        help="face_locator: folder of captioned pictures without faces, which "
        "it shall not take for one; may be given several times",
    )
    add("--out", metavar="RUN", required=True, help="the run folder")
    add(
        "--from-preset",
        metavar="PRESET",
        help="start from the weights and settings of this preset, a name or a "
        "folder; the discriminator starts anew",
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--steps",
        metavar="N",
        type=int,
        help="steps in all, those before --resume included "
        f"(shapes: {_SHAPES['steps']}, disentangled "
        f"{_SHAPES_STEPS['disentangled']})",
    )
    length.add_argument(
        "--epochs",
        metavar="N",
        type=int,
        help=f"passes over the data instead (folders: {_FOLDER['epochs']})",
    )
    add(
        "--batch-size",
        metavar="B",
        type=int,
        help=f"pictures a step (default: {_DEFAULTS['batch_size']})",
    )
    add(
        "--image-size",
        metavar="PIXELS",
        type=int,
        help=f"height and width (default: {_FOLDER['image_size']}; shapes: "
        f"{_SHAPES['image_size']})",
    )
    add(
        "--captions-per-picture",
        metavar="K",
        type=int,
        help="captions whose features are averaged (default: 1; variants "
        "reed2016 and note: 4, as published; judge: 10)",
    )
    add(
        "--fold",
        metavar="I/K",
        help="only the I-th of K parts of the training pictures: a matcher on "
        "1/2 and its judge on 2/2 share none",
    )
    add(
        "--seed",
        metavar="S",
        type=int,
        help="of weights, noise and order (default: 0)",
    )
    add(
        "--precision",
        choices=PRECISIONS,
        help="number format of the networks (default: float32)",
    )
    add(
        "--variant",
        metavar="NAME",
        help="named settings that `keras-t2i models` lists (default: "
        "default; shapes: shapes)",
    )
    add(
        "--checkpoint-every",
        metavar="STEPS",
        type=int,
        help=f"default: {_DEFAULTS['checkpoint_every']}",
    )
    add(
        "--sample-every",
        metavar="STEPS",
        type=int,
        help=f"default: {_DEFAULTS['sample_every']}",
    )
    add(
        "--on-non-finite",
        choices=ON_NON_FINITE,
        help="what to do when a loss or a gradient is not finite: leave the "
        "step out (and stop after ten in a row), go back to the last "
        "checkpoint with half the learning rate, or stop (default: skip)",
    )
    add(
        "--config",
        metavar="FILE",
        help="JSON object with any argument of the model's constructor (they "
        "win over the variant's) and any of the options above (the command "
        "line wins over them)",
    )
    add(
        "--with",
        metavar="NAME=PRESET",
        action="append",
        default=[],
        dest="parts",
        help="a trained model that the method is made of, a preset or a "
        "folder: face_editor takes a generator (StyleGAN2) and features "
        "(FaceFeatures), and may take a captioner; progressive a matcher",
    )
    add(
        "--resume",
        action="store_true",
        help="go on from the last checkpoint in RUN with its settings; "
        "nothing there: start",
    )
    add(
        "--allow-changes",
        action="store_true",
        help="with --resume: go on although the data or settings are not those "
        "of the last checkpoint",
    )


def run(arguments):
    out = pathlib.Path(arguments.out)
    given = _given(arguments)
    stored = _stored(out)
    if stored is None:
        settings = _with_defaults(given)
    elif arguments.resume:
        settings = _going_on(given, stored, out, arguments.allow_changes)
    else:
        raise ValueError(
            f"{out} holds a run already. Add --resume to go on with it, or "
            "choose another folder for --out."
        )
    _check(settings)
    load_tensorflow()
    from keras_t2i.cli import training_run

    return training_run.run(settings, out, arguments.allow_changes)


def _given(arguments):
    """What the user says, in the file of `--config` or on the command line."""
    said = {name: getattr(arguments, name) for name in (*_COUNTS, *_SAID)}
    said = {name: value for name, value in said.items() if value is not None}
    given = _read_json(arguments.config) if arguments.config else {}
    if "steps" in said or "epochs" in said:
        given.pop("steps", None)
        given.pop("epochs", None)
    given.update(said)
    given.update(map(_part, arguments.parts))
    if arguments.fold:
        given["fold"] = arguments.fold.split("/")
    if "fold" in given:
        given["fold"] = _fold(given["fold"])
    if "steps" in given and "epochs" in given:
        raise ValueError(
            f"{arguments.config} sets both `steps` and `epochs`. Keep one."
        )
    if given.get("data", "shapes") != "shapes":
        given["data"] = _whole_path(given["data"])
    if "others" in given:
        given["others"] = [_whole_path(path) for path in given["others"]]
    return given


def _whole_path(path):
    return str(pathlib.Path(path).expanduser().resolve())


def _part(said):
    """NAME=PRESET as a pair; a folder by its whole path."""
    name, _, preset = said.partition("=")
    if name not in PARTS or not preset:
        raise ValueError(
            f"--with takes NAME=PRESET, with a name of {PARTS}. "
            f"Received: {said!r}"
        )
    path = pathlib.Path(preset).expanduser()
    return name, str(path.resolve()) if path.is_dir() else preset


def _fold(parts):
    """Two whole numbers, from `I/K` or from a list."""
    try:
        number, count = map(int, parts)
    except (TypeError, ValueError):
        number = count = 0
    if not 1 <= number <= count:
        raise ValueError(
            "`fold` is I/K, the I-th of K parts of the training pictures, "
            f"such as 1/2. Received: {parts!r}"
        )
    return [number, count]


def _stored(out):
    """The settings of the run in `out`, or None if there is no run."""
    path = out / CONFIG
    return _read_json(path) if path.exists() else None


def _read_json(path):
    try:
        value = json.loads(pathlib.Path(path).read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(
            f"{path} must hold a JSON object, {{...}}. Received: {value!r:.80}"
        )
    return value


def _with_defaults(given):
    if "data" not in given:
        raise ValueError(
            "Say what to train on: --data FOLDER, or --data shapes."
        )
    settings = {**_DEFAULTS}
    of_shapes = given["data"] == "shapes"
    settings.update(_of_shapes(given["method"]) if of_shapes else _FOLDER)
    if "steps" in given or "epochs" in given:
        settings.pop("steps", None)
        settings.pop("epochs", None)
    if "from_preset" in given:
        settings.update(_of_preset(given))
    settings.update(given)
    if of_shapes:
        if "captions_per_picture" in given:
            raise ValueError(
                "A drawn shape has one caption: leave out "
                "`captions_per_picture`."
            )
        if "fold" in given:
            raise ValueError(
                "Shapes are drawn without end and have no parts: leave out "
                "`fold`."
            )
    elif "captions_per_picture" not in given:
        published = _CAPTIONS_PER_PICTURE.get(settings["variant"], 1)
        settings["captions_per_picture"] = published
    return settings


def _of_shapes(method):
    """What is special to shapes, as far as the method has it."""
    settings = {**_SHAPES, "steps": _SHAPES_STEPS.get(method, _SHAPES["steps"])}
    if _SHAPES["variant"] not in _class_of(method).variants:
        settings["variant"] = _FOLDER["variant"]
    return settings


def _of_preset(given):
    """The constructor arguments of the preset that a run starts from."""
    if "variant" in given:
        raise ValueError(
            "A preset brings its own settings. Leave out `variant`, and change "
            "single settings with --config."
        )
    cls = _class_of(given["method"])
    from keras_t2i.models import presets

    return presets.arguments(given["from_preset"], cls)


def _class_of(method):
    load_tensorflow()
    from keras_t2i.cli.methods import method_class

    return method_class(method)


def _going_on(given, stored, out, allow_changes):
    """The settings of a run that goes on; most of them must not change."""
    for name in sorted(set(given) - _FREE):
        same = name in stored and given[name] == stored[name]
        if not same and not (allow_changes and name != "method"):
            raise ValueError(
                f"The run in {out} has {name}={stored.get(name)!r} and cannot "
                f"go on with another. Received: {given[name]!r}. Leave it "
                "out, add --allow-changes, or start a new run in another "
                "folder."
            )
    if "epochs" in given:
        del stored["steps"]
    return {**_DEFAULTS, **stored, **given}


def _check(settings):
    for name in _COUNTS:
        value = settings.get(name, 1)
        if not isinstance(value, int) or value < 1:
            raise ValueError(
                f"`{name}` must be a whole number of at least 1. "
                f"Received: {value!r}"
            )
    if settings["on_non_finite"] not in ON_NON_FINITE:
        raise ValueError(
            f"`on_non_finite` must be one of {ON_NON_FINITE}. "
            f"Received: {settings['on_non_finite']!r}"
        )
    if "dtype" in settings or settings["precision"] not in PRECISIONS:
        raise ValueError(
            f"`precision` sets the number format, one of {PRECISIONS}. "
            f"Received: {settings.get('dtype', settings['precision'])!r}"
        )
