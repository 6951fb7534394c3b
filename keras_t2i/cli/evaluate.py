"""`keras-t2i evaluate`: scores of a preset, as one line of JSON."""

import json
import pathlib

from keras_t2i.cli.generate import add_trust
from keras_t2i.cli.generate import preset_folder
from keras_t2i.cli.parsing import add_verb
from keras_t2i.cli.quiet import load_tensorflow

_EXAMPLE = """\
  keras-t2i evaluate --preset gan_cls_flowers_64 --data flowers/
  keras-t2i evaluate --preset RUN/model --data shapes

Every score carries what it was measured with: number of captions, split,
network and resize. Scores of different protocols cannot be compared."""


def add_arguments(verbs):
    parser = add_verb(
        verbs, "evaluate", run, "measure how good a preset draws", _EXAMPLE
    )
    add = parser.add_argument
    add(
        "--preset",
        metavar="NAME_OR_PATH",
        required=True,
        help="trained weights: a name that `keras-t2i models` lists, or a "
        "folder, such as RUN/model of a training",
    )
    add_trust(parser)
    add(
        "--data",
        metavar="PATH",
        required=True,
        help="folder of captioned pictures; or the word shapes, whose "
        "attributes are read back from the pixels",
    )
    add(
        "--split",
        metavar="NAME",
        default="validation",
        help="part of the data (default: %(default)s)",
    )
    add(
        "--judge",
        metavar="NAME_OR_PATH",
        default="flowers_judge_64",
        help="preset of an image-text matcher that had no part in the "
        "training (default: %(default)s)",
    )
    add(
        "--extractor",
        metavar="NETWORK",
        help="a network of keras.applications, such as InceptionV3, for the "
        "Frechet and kernel distance (default: the judge's picture tower)",
    )
    add(
        "--num-captions",
        metavar="N",
        type=int,
        default=1000,
        help="captions drawn (default: %(default)s)",
    )
    add(
        "--seed",
        metavar="S",
        type=int,
        default=0,
        help="of the captions and of the latents (default: %(default)s)",
    )


def run(arguments):
    if arguments.num_captions < 100:
        raise ValueError(
            "--num-captions must be at least 100: each picture is compared "
            f"with 100 captions. Received: {arguments.num_captions}"
        )
    load_tensorflow()
    from keras_t2i import models

    model = models.from_preset(
        preset_folder(arguments.preset), safe_mode=not arguments.trust_preset
    )
    if arguments.data == "shapes":
        scores = _oracle_scores(model, arguments)
    else:
        scores = _judged_scores(model, arguments)
    facts = {
        "preset": pathlib.Path(arguments.preset).name,
        "data": pathlib.Path(arguments.data).name,
        "seed": arguments.seed,
        "scores": [json.loads(score.to_json()) for score in scores.values()],
    }
    print(json.dumps(facts))


def _judged_scores(model, arguments):
    from keras_t2i import data
    from keras_t2i import metrics
    from keras_t2i import models

    folder = models.presets.find(preset_folder(arguments.judge))
    judge = metrics.Judge(
        models.ImageTextMatcher.from_preset(folder),
        f"{folder.name} {models.presets.checksum(folder)[:8]}",
    )
    extractor = None
    if arguments.extractor:
        extractor = metrics.ApplicationsExtractor(arguments.extractor)
    dataset = data.load(
        arguments.data,
        arguments.split,
        image_size=model.image_size,
        training=False,
    )
    return metrics.evaluate(
        model,
        dataset,
        judge,
        extractor,
        arguments.num_captions,
        arguments.seed,
        arguments.split,
    )


def _oracle_scores(model, arguments):
    """Attributes read back from the pixels, on unseen combinations."""
    from keras_t2i import data
    from keras_t2i import metrics

    captions = data.shapes_captions(arguments.num_captions, language="english")
    images = model.generate(captions, seed=arguments.seed)
    found = data.shapes_accuracy(captions, images)
    return {
        name: metrics.Score(
            float(value),
            f"accuracy of {name}",
            len(captions),
            "unseen combinations",
            "oracle",
            "none",
        )
        for name, value in found.items()
    }
