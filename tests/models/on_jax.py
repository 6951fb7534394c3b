"""The contract of all methods on JAX, without TensorFlow, in one process.

Run by `test_contract_jax.py` with a folder that holds `methods.json` and what
TensorFlow computed; leaves `report.json` and arrays there.
"""

import importlib.abc
import json
import pathlib
import sys
import warnings


class NoTensorFlow(importlib.abc.MetaPathFinder):
    """Makes this process one in which TensorFlow is not installed."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0].startswith("tensorflow"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, NoTensorFlow())

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import ops  # noqa: E402
from tests import both_backends as both  # noqa: E402

import keras_t2i  # noqa: E402
from keras_t2i import models  # noqa: E402
from keras_t2i import training  # noqa: E402


def everything(model):
    """Copies of all that training changes, seeds and slots included."""
    variables = [*model.variables, *model.optimizer.variables]
    return [np.array(v.value) for v in variables]


def same(first, second):
    pairs = zip(first, second, strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def contract(folder, name, cls, settings):
    """What one method does; a dict of JSON values."""
    text, pictures = both.arrays()
    arrays = {"x": text, "y": pictures, "verbose": 0}

    def make(**changes):
        return cls(**{**settings, "text_encoder": both.encoder(), **changes})

    report = {}
    once, twice, other = make(), make(), make(seed=9)
    before = everything(once)
    history = once.fit(**arrays, epochs=2).history
    report["logs"] = {k: [np.shape(v), v[-1]] for k, v in history.items()}
    report["step"] = once.step
    moved = [
        not np.array_equal(a, b)
        for a, b in zip(before, everything(once))
    ]
    report["moved"] = float(np.mean(moved))

    twice.fit(**arrays, callbacks=[training.Checkpoint(folder / name)])
    report["restored"] = training.restore(other, folder / name)["step"]
    for model in (twice, other):
        model.fit(**arrays)
    report["fit twice"] = same(everything(once), everything(twice))
    report["checkpoint"] = same(everything(once), everything(other))

    once.save(folder / f"{name}.keras")
    loaded = keras.saving.load_model(folder / f"{name}.keras")
    report["keras file"] = same(everything(once), everything(loaded))

    # Compiling a step takes seconds: one for all of this.
    model = make(updates="alternating", dtype="mixed_bfloat16", r1_weight=1.0)
    history = model.fit(**arrays).history
    report["alternating"] = [v[-1] for v in history.values()]

    # The generator is compiled once, and reads the weights of today.
    pictures = twice.generate(both.CAPTIONS, seed=1)
    twice.fit(**arrays)
    report["generate follows"] = bool(
        np.any(pictures != twice.generate(both.CAPTIONS, seed=1))
    )
    report["generate repeats"] = same(
        [once.generate(both.CAPTIONS, seed=1)],
        [once.generate(both.CAPTIONS, seed=1)],
    )

    # Weights that TensorFlow drew.
    weights = np.load(folder / f"{name}-weights.npz")
    model = make()
    model.set_weights([weights[key] for key in weights])
    np.savez(folder / f"{name}-jax.npz", **both.losses_and_gradients(model))
    preset = cls.from_preset(folder / f"{name}-preset")
    np.savez(
        folder / f"{name}-jax-pictures.npz",
        theirs=preset.generate(both.CAPTIONS, seed=3),
        ours=once.generate(both.CAPTIONS, seed=3),
    )
    once.save_to_preset(folder / f"{name}-jax-preset")
    return report


def trained_text_encoder(cls, settings):
    """A method that trains its text encoder, in float16, augmented."""
    encoder = keras_t2i.text.CharCNNRNNTextEncoder(8, 8, 48, 16)
    before = [np.array(v.value) for v in encoder.variables]
    model = cls(
        **{**settings, "text_encoder": encoder},
        dtype="mixed_float16",
        augment=training.augment.POLICIES,
    )
    for member in model.optimizer.members.values():
        member.dynamic_scale.assign(8.0)
    text, pictures = both.arrays()
    history = model.fit(text, pictures, verbose=0).history
    after = [np.array(v.value) for v in encoder.variables]
    overflow = next(iter(model.optimizer.members.values()))
    overflow.dynamic_scale.assign(2.0**100)
    model.fit(text, pictures, verbose=0)
    return {
        "losses": [v[-1] for v in history.values()],
        # The recurrent kernels have nothing to do for texts of one step.
        "moved": not np.array_equal(before[0], after[0]),
        "scales": [
            float(np.array(member.dynamic_scale.value))
            for member in model.optimizer.members.values()
        ],
    }


def rolled_back(folder, cls, settings):
    """What a guard does in a fit whose fourth step is bad."""
    model = cls(**{**settings, "text_encoder": both.encoder()})
    losses = model.losses

    def poisoned(batch):
        found, logs = losses(batch)
        noise = ops.where(model.optimizer.iterations == 3, np.inf, 0.0)
        return {name: loss + noise for name, loss in found.items()}, logs

    model.losses = poisoned
    checkpoint = training.Checkpoint(folder / "rollback", every_steps=2)
    after = []

    class Weights(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            model.jax_state_sync()
            after.append([np.array(w.value) for w in model.weights])

    rate = float(model.optimizer.learning_rate)
    text, pictures = both.arrays()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(
            text,
            pictures,
            epochs=5,
            verbose=0,
            callbacks=[
                training.Guard("rollback", checkpoint),
                checkpoint,
                Weights(),
            ],
        )
    return {
        "step": model.step,
        "told": [str(warning.message) for warning in caught],
        "rate": float(model.optimizer.learning_rate) / rate,
        "back": same(after[1], after[3]) and not same(after[1], after[2]),
        "goes on": not same(after[3], after[4]),
    }


def tokens(folder):
    """What the encoders read, of strings that TensorFlow has read too."""
    strings = json.loads((folder / "strings.json").read_text())
    encoders = (both.encoder(), keras_t2i.text.CharCNNRNNTextEncoder(8, 8))
    found = {}
    for encoder in encoders:
        found.update(encoder.tokenize(strings))
    np.savez(folder / "tokens-jax.npz", **found)


def packed(folder, cls, settings):
    """Batches of shards, and a fit on them."""
    common = {"path": folder / "packed", "image_size": 16, "batch_size": 4}
    batches = keras_t2i.data.load(**common)
    np.savez(folder / "packed-jax.npz", **both.two_epochs(batches))
    endless = keras_t2i.data.load(**common, repeat=True, start_step=1)
    model = cls(**{**settings, "text_encoder": both.encoder()})
    history = model.fit(endless, steps_per_epoch=3, epochs=2, verbose=0).history
    return {
        "steps": model.step,
        "losses": [v[-1] for v in history.values()],
        "pictures": model.generate(batches, seed=1).shape,
    }


def refusals(cls, settings):
    """The words in which what does not work without TensorFlow is refused."""
    found = {}
    encoder = keras_t2i.text.get("minilm")
    found["minilm"] = [encoder.sentence_width, encoder.fingerprint]
    for name, call in {
        "encode": lambda: encoder.encode(["a red circle"]),
        "hub": lambda: keras_t2i.text.get("https://tfhub.dev/some/module/1"),
        "data": lambda: cls(**settings).fit(["a"], None),
    }.items():
        try:
            call()
        except (ImportError, ValueError) as error:
            found[name] = f"{type(error).__name__}: {error}"
    return found


def main(folder):
    methods = json.loads((folder / "methods.json").read_text())
    report = {
        name: contract(folder, name, getattr(models, cls), settings)
        for name, (cls, settings) in methods.items()
    }
    cls, settings = methods["gan_cls"]
    first = getattr(models, cls)
    report["trained_text_encoder"] = trained_text_encoder(first, settings)
    report["rolled_back"] = rolled_back(folder, first, settings)
    report["packed"] = packed(folder, first, settings)
    report["refusals"] = refusals(first, settings)
    tokens(folder)
    report["tensorflow"] = "tensorflow" in sys.modules
    (folder / "report.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
