"""One training run in a folder: starts, stops anywhere, goes on exactly."""

import json
import pathlib
import shlex
import shutil
import signal
import sys
import time

import keras
import numpy as np

from keras_t2i import data
from keras_t2i import files
from keras_t2i import metrics
from keras_t2i import training
from keras_t2i.cli.methods import method_class
from keras_t2i.cli.parsing import program
from keras_t2i.cli.train import CONFIG
from keras_t2i.cli.train import PARTS
from keras_t2i.metrics.evaluation import chosen_captions
from keras_t2i.models import presets
from keras_t2i.training import backend

_SAMPLES = 8
_JUDGED_CAPTIONS = 1080
_SHAPES_LANGUAGE = "english"
# What is shown by its class, as no command uses it.
_MEASURING = ("face_features", "face_locator", "image_captioner")
# Settings of the run; all others go to the model's constructor.
_OF_RUN = {
    "method",
    "data",
    "from_preset",
    "steps",
    "epochs",
    "batch_size",
    "others",
    "captions_per_picture",
    "fold",
    "precision",
    "checkpoint_every",
    "sample_every",
    "on_non_finite",
}


def run(settings, out, allow_changes=False):
    """Trains in the folder `out` up to `settings["steps"]`.

    Args:
        settings: flat dict, see `keras_t2i.cli.train`.
        out: `pathlib.Path` of the run folder.
        allow_changes: go on where data or settings are not those of before.

    Returns:
        Exit code: 0 when finished, 130 when interrupted.

    Raises:
        ValueError: if another process trains there, or something changed.
        FloatingPointError: if the guard stops the training.
    """
    model = _model(settings)
    captions = None
    if model.text_encoder is not None:
        captions = _sample_captions(settings)
    dataset = _load(settings, "train", repeat=True)
    model.build_from(backend.pipeline().as_dataset(dataset))
    if settings["method"] == "face_editor":
        # What it can be asked for, spread evenly.
        step = max(1, len(model.phrases) // _SAMPLES)
        captions = model.phrases[::step][:_SAMPLES]
    with files.lock(out):
        return _train(settings, out, allow_changes, captions, model, dataset)


def _train(settings, out, allow_changes, captions, model, dataset):
    state = {"seconds": 0.0}
    checkpoint = training.Checkpoint(
        out / "checkpoints",
        settings["checkpoint_every"],
        state=state,
        resume=True,
        allow_changes=allow_changes,
    )
    restored = checkpoint.prepare(model, dataset)
    first = 0
    if restored is not None:
        first, state["seconds"] = restored["step"], restored["seconds"]
    elif "from_preset" in settings:
        presets.start_from(model, settings["from_preset"])
    steps = settings.get("steps") or (
        settings["epochs"] * (len(dataset.source) // settings["batch_size"])
    )
    if first >= steps and _saved_steps(out) == first:
        print(
            f"The run in {out} is finished: {first} of {steps} steps. To "
            f"train longer: {_command(settings, out)} --steps {2 * first}"
        )
        return 0
    settings = {**settings, **model.settings}
    # A matcher that is given brings its own.
    if model.text_encoder is not None and "matcher" not in settings:
        encoder = _text_encoder(settings, model.variants)
        settings["text_encoder"] = encoder
    settings["steps"] = steps
    settings.pop("epochs", None)
    with files.atomic_write(out / CONFIG) as path:
        path.write_text(json.dumps(settings, indent=2) + "\n", "utf-8")

    log = training.JsonlLog(out / "log.jsonl", max(1, min(50, steps // 100)))
    guard = training.Guard(
        settings["on_non_finite"], checkpoint=checkpoint, log=log
    )
    watch = Watch(first, steps, state)
    # The clock first: a checkpoint holds what it says.
    callbacks = [guard, watch, log, checkpoint, training.EarlyWarnings()]
    if hasattr(model, "generate"):
        samples = training.SampleGrid(
            out / "samples", captions, every_steps=settings["sample_every"]
        )
        callbacks.append(samples)
    print(f"Training {settings['method']} in {out}: step {first} of {steps}.")
    if first < steps:
        try:
            # `fit` is silent, also where it computes features; that is why
            # they are computed here, under a bar.
            pipeline = backend.pipeline()
            pipeline.with_features(
                pipeline.as_dataset(dataset), model.text_encoder, model.uses_words
            )
            model.fit(
                dataset,
                steps_per_epoch=steps,
                callbacks=callbacks,
                verbose=0,
            )
        except KeyboardInterrupt:
            watch.interrupted = True
        finally:
            watch.restore_handlers()
    if watch.interrupted:
        step = checkpoint.last_step
        step = watch.first if step is None else step
        print(
            f"\nStopped. Saved: {watch.part}step {step} of {watch.steps}. "
            "To go on:\n"
            f"  {_command(settings, out)}"
        )
        return 130
    _finish(model, settings, out, state["seconds"], captions)
    return 0


def _model(settings):
    # The networks draw their first weights from the global seed.
    keras.utils.set_random_seed(settings["seed"])
    arguments = {k: v for k, v in settings.items() if k not in _OF_RUN}
    if isinstance(arguments.get("text_encoder"), dict):
        # As a preset describes it.
        arguments["text_encoder"] = keras.saving.deserialize_keras_object(
            arguments["text_encoder"]
        )
    cls = method_class(settings["method"])
    return cls(dtype=settings["precision"], **arguments)


def _text_encoder(settings, variants):
    """The text encoder that the run takes, by name."""
    named = {**variants["default"], **variants[settings["variant"]]}
    return settings.get("text_encoder") or named["text_encoder"]


def _load(settings, split, **arguments):
    common = {
        "image_size": settings["image_size"],
        "batch_size": settings["batch_size"],
        "seed": settings["seed"],
        **arguments,
    }
    if settings["method"] == "face_features":
        common["attributes"] = True
    if settings["method"] == "face_locator":
        return data.face_scenes(
            settings["data"],
            split,
            others=settings.get("others", ()),
            fold=settings.get("fold"),
            **common,
        )
    if settings["data"] == "shapes":
        return data.shapes(split, language=_SHAPES_LANGUAGE, **common)
    if split == "train":
        common["captions_per_picture"] = settings.get("captions_per_picture", 1)
        common["fold"] = settings.get("fold")
    return data.load(settings["data"], split, **common)


def _sample_captions(settings):
    """Captions of the validation split, spread evenly, always the same."""
    try:
        captions = _load(settings, "validation").source.captions
    except ValueError:
        # Too few pictures to hold any out.
        captions = _load(settings, "train", training=False).source.captions
    count = min(_SAMPLES, len(captions))
    return [captions[i * len(captions) // count] for i in range(count)]


def _saved_steps(out):
    """Steps of the preset in the run folder; None if there is none."""
    try:
        text = (out / "model" / presets.METADATA).read_text("utf-8")
    except FileNotFoundError:
        return None
    return json.loads(text).get("steps")


def _finish(model, settings, out, seconds, captions):
    """Judges the model where there is an oracle; writes the preset."""
    facts = {
        "method": settings["method"],
        **{
            name: _preset_name(settings[name])
            for name in ("from_preset", *PARTS)
            if isinstance(settings.get(name), str)
        },
        **({"fold": settings["fold"]} if "fold" in settings else {}),
        "variant": settings["variant"],
        "data": pathlib.Path(settings["data"]).name,
        "image_size": settings["image_size"],
        "steps": int(model.optimizer.iterations),
        "batch_size": settings["batch_size"],
        "seed": settings["seed"],
        "precision": settings["precision"],
        "seconds": round(seconds, 1),
    }
    if settings["method"] == "face_features":
        facts["scores"] = _recognition(model, settings)
    elif settings["method"] == "face_locator":
        facts["scores"] = _locating(model, settings)
    elif settings["method"] == "image_captioner":
        facts["scores"] = _captioning(model, settings)
    elif not hasattr(model, "generate"):
        facts["scores"] = _retrieval(model, settings)
    elif settings["data"] == "shapes" and captions is not None:
        facts["scores"] = _judge(model)
    model.save_to_preset(out / "model", facts)
    preset = str(out / "model")
    words = [] if captions is None else captions[:1]
    command = [program(), "generate", *words, "--preset", preset]
    if not hasattr(model, "generate"):
        command = [program(), "evaluate", "--judge", preset]
        command += ["--data", settings["data"], "--preset", "PRESET"]
    if settings["method"] == "face_editor":
        command = [program(), "edit", "PHOTO", *words, "--preset", preset]
    command = shlex.join(command)
    if settings["method"] in _MEASURING:
        name = type(model).__name__
        command = f"keras_t2i.models.{name}.from_preset({preset!r})"
    print(
        f"Finished after {_clock(seconds)} of training. Now try:\n  {command}"
    )


def _preset_name(preset):
    """What a preset is called, and not where it lies on this machine.

    One in a run's folder is called as the run is.
    """
    path = pathlib.Path(preset).resolve()
    return path.parent.name if path.name == "model" else path.name


def _judge(model):
    captions = data.shapes_captions(
        _JUDGED_CAPTIONS, language=_SHAPES_LANGUAGE
    )
    images = model.generate(captions, seed=0)
    scores = data.shapes_accuracy(captions, images)
    names = [k for k in scores if k not in ("mean", "worst")]
    worst = min(names, key=scores.get)
    print(
        f"Oracle accuracy on {len(captions)} captions of unseen combinations: "
        f"mean {scores['mean']:.4f}, worst attribute {scores['worst']:.4f} "
        f"({worst})"
    )
    print("  " + ", ".join(f"{k} {scores[k]:.4f}" for k in names))
    return scores


def _retrieval(model, settings):
    """Says how well a matcher knows pictures of classes it never saw."""
    dataset = _load(settings, "validation", training=False)
    captions = sum(map(len, dataset.source.texts))
    rows, captions = chosen_captions(
        dataset.source, min(_JUDGED_CAPTIONS, captions), settings["seed"]
    )
    images = np.concatenate([np.asarray(images) for _, images in dataset])
    try:
        value = metrics.r_precision(
            model.embed_images(images)[rows],
            model.embed_text(captions),
            np.asarray(dataset.source.class_ids)[rows],
        )
    except ValueError as error:
        print(f"Not judged on held-out pictures: {error}")
        return {}
    print(
        f"R-precision on {len(captions)} captions of held-out pictures, each "
        f"picture's own against 99 of other classes: {value:.4f}"
    )
    return {"r_precision": value}


def _held_out(settings):
    """Pictures that were held out; None, which is said, if there are none."""
    try:
        return _load(settings, "validation", training=False)
    except ValueError as error:
        print(f"Not judged on held-out pictures: {error}")
        return None


def _recognition(model, settings):
    """Says how well persons and attributes are known that were held out."""
    if (dataset := _held_out(settings)) is None:
        return {}
    scores = model.recognition(dataset)
    print(f"Held out: {len(dataset.source)} pictures.")
    for name, values in scores.items():
        shown = ", ".join(f"{k} {v:.3f}" for k, v in values.items())
        print(f"  {name}: {shown}")
    return scores


def _locating(model, settings):
    """Says how well faces are found of persons who were held out."""
    if (dataset := _held_out(settings)) is None:
        return {}
    scores = model.held_out(dataset)
    shown = ", ".join(f"{name} {v:.3f}" for name, v in scores.items())
    print(f"Held out: {len(dataset.source)} scenes. {shown}")
    return scores


def _captioning(model, settings):
    """Says how well pictures are put into words that were held out."""
    if (dataset := _held_out(settings)) is None:
        return {}
    scores = model.held_out(dataset)
    print(
        f"Held out: {len(dataset.source)} pictures. Of what the model says of "
        f"them {scores['named']:.3f} is in their captions, too."
    )
    return scores


def _command(settings, out):
    command = [program(), "train", settings["method"], "--out", str(out)]
    return shlex.join([*command, "--resume"])


class Watch(keras.callbacks.Callback):
    """Shows progress, keeps the time, and stops the training on a signal.

    Args:
        first: the step that this part of the run starts from.
        steps: the step at which it ends.
        state: dict whose `seconds` is kept up to date.
    """

    # A part that is trained before the rest is shown by its name.
    whole = None

    def __init__(self, first, steps, state):
        super().__init__()
        self.of_whole = self.first, self.steps = first, steps
        self.state = state
        self.part = ""
        self.interrupted = False
        self.handlers = {}
        # A bar that redraws itself, or a line now and then for a log file.
        self.terminal = sys.stdout.isatty()
        self.pause = 0.2 if self.terminal else 30.0

    def on_train_begin(self, logs=None):
        self.started = self.shown = time.monotonic()
        self.before = self.state["seconds"]
        self.second_step = None
        self.part, self.first, self.steps = "", *self.of_whole
        if self.whole not in (None, self.model):
            self.part = f"{self.model.name} "
            self.first = self.model.step
            self.steps = self.first + self.params["steps"]
        if not self.handlers:
            for number in (signal.SIGINT, signal.SIGTERM):
                self.handlers[number] = signal.signal(number, self._on_signal)

    def _on_signal(self, number, frame):
        # The step ends first, then Keras stops and everything is saved. A
        # second Ctrl-C stops at once.
        self.interrupted = self.model.stop_training = True
        self.restore_handlers()

    def restore_handlers(self):
        while self.handlers:
            signal.signal(*self.handlers.popitem())

    def on_train_batch_end(self, batch, logs=None):
        now = time.monotonic()
        self.state["seconds"] = self.before + now - self.started
        if self.second_step is None:
            # The first step compiles: it says nothing about the others.
            self.second_step = now
        if self.interrupted:
            self.model.stop_training = True
        last = batch + 1 == self.steps - self.first
        if now - self.shown >= self.pause or last or self.interrupted:
            self.shown = now
            self._show(batch, now, logs or {})

    def _show(self, batch, now, logs):
        step = self.first + batch + 1
        parts = [
            f"{self.part}step {step}/{self.steps}",
            f"{step / self.steps:4.0%}",
        ]
        if batch:
            pace = (now - self.second_step) / batch
            parts.append(f"{1000 * pace:.0f} ms/step")
            parts.append(f"ETA {_clock(pace * (self.steps - step))}")
        losses = {k: v for k, v in logs.items() if k.endswith("_loss")}
        parts += [f"{name} {float(v):.3f}" for name, v in losses.items()]
        line = "  ".join(parts)
        if self.terminal:
            # Back to the start of the line, and clear what stood there; a
            # line that wraps could not be cleared.
            line = line[: shutil.get_terminal_size().columns - 1]
            print(f"\r\033[K{line}", end="", flush=True)
        else:
            print(line, flush=True)

    def on_train_end(self, logs=None):
        if self.terminal:
            print()


def _clock(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
