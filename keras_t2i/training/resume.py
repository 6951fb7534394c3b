"""Going on with a run: what must not have changed, and where its data is."""

import contextlib
import itertools
import json
import numbers
import warnings

import keras

# Training itself freezes a text encoder that a matcher has trained; where a
# user does, the optimizer has other slots, which restoring refuses.
_STATES = {"frozen", "trainable"}
# Set in `stop_training`; any other callback that stops overwrites it.
_EPOCH_IS_OVER = "the epoch of the checkpoint is over"


@contextlib.contextmanager
def going_on(model, dataset, fit_arguments):
    """Serves the `Checkpoint` callbacks of a `fit` that is about to start.

    Args:
        model: a built `AdversarialModel`.
        dataset: from `pipeline.as_dataset`.
        fit_arguments: further arguments of `fit`, changed in place.

    Yields:
        The dataset from the step on at which the model stands.
    """
    from keras_t2i.training.callbacks import JsonlLog
    from keras_t2i.training.checkpoint import Checkpoint

    callbacks = fit_arguments.get("callbacks") or []
    # What Keras takes: one, a nest of them, or a `CallbackList`.
    callbacks = keras.tree.flatten(getattr(callbacks, "callbacks", callbacks))
    checkpoints = [c for c in callbacks if isinstance(c, Checkpoint)]
    try:
        for checkpoint in checkpoints:
            checkpoint.prepare(model, dataset)
        if any(checkpoint.resume for checkpoint in checkpoints):
            same_bits()
            step = model.step
            for callback in callbacks:
                if isinstance(callback, JsonlLog):
                    callback.cut(step)
            dataset, epoch, left = place(
                dataset, step, fit_arguments.get("steps_per_epoch")
            )
            fit_arguments["initial_epoch"] = epoch
            if left is not None:
                callbacks.insert(0, EpochEnd(left))
        fit_arguments["callbacks"] = callbacks
        yield dataset
    finally:
        for checkpoint in checkpoints:
            checkpoint.unlock()


def facts(model, dataset):
    """What the end of a run depends on, beside its checkpoint.

    Args:
        model: a built `AdversarialModel`.
        dataset: from `pipeline.as_dataset`.

    Returns:
        dict of JSON values. Learning rates that callbacks may change are not
        among them: the checkpoint holds those.
    """
    try:
        settings = model.get_config()
    except NotImplementedError:  # Keras, of arguments that are no JSON.
        settings = {}
    found = {
        "backend": keras.backend.backend(),
        "precision": model.dtype_policy.name,
        "method": type(model).__name__,
        "settings": _plain(settings),
        "optimizer": _plain(model.optimizer.get_config(), rates=False),
    }
    if dataset.facts is not None:
        found["data"] = dataset.facts()
    return json.loads(json.dumps(found, default=repr))


def _plain(config, rates=True):
    """A Keras config without names, which count objects of the process."""
    if isinstance(config, (list, tuple)):
        return [_plain(value, rates) for value in config]
    if not isinstance(config, dict):
        return config
    dropped = {"name", "dtype", "build_config"}
    if not rates and isinstance(config.get("learning_rate"), numbers.Real):
        dropped.add("learning_rate")
    return {k: _plain(v, rates) for k, v in config.items() if k not in dropped}


def differences(old, new, within=""):
    """What differs between two results of `facts`, in words.

    Args:
        old, new: dicts of JSON values.
        within: how a name inside of them starts.

    Returns:
        A list of strings.
    """
    changed = []
    for key in sorted((old.keys() | new.keys()) - _STATES):
        before, now = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(now, dict):
            changed += differences(before, now, f"{within}{key}: ")
        elif before != now:
            changed.append(f"{within}{key} was {before!r}, is {now!r}")
    return changed


def place(dataset, step, steps_per_epoch):
    """The rest of a dataset, and what `fit` must know of it.

    Args:
        dataset: from `pipeline.as_dataset`.
        step: training steps made so far.
        steps_per_epoch: what the user gave to `fit`, or None.

    Returns:
        The dataset from that step on; the epoch it stands in; the steps that
        this epoch has left, or None if all.
    """
    epoch_steps = steps_per_epoch or int(dataset.cardinality())
    if dataset.from_step is None:
        warnings.warn(
            "The order of this dataset is not known to be a function of a "
            "seed, so a run that is stopped and goes on may see other batches "
            "and end in other weights than one that nothing stops. "
            "`keras_t2i.data.load`, `keras_t2i.data.shapes` and arrays have "
            "such an order."
        )
    if not step:
        return dataset, 0, None
    # An endless dataset without `steps_per_epoch` is one endless epoch.
    epoch, done = divmod(step, epoch_steps) if epoch_steps > 0 else (0, 0)
    if dataset.from_step is not None:
        endless = epoch_steps < 1 or steps_per_epoch is not None
        dataset = dataset.from_step(step, endless)
    elif done and not steps_per_epoch:
        dataset = _without_first(dataset, done, epoch_steps)
    return dataset, epoch, epoch_steps - done if done else None


def _without_first(dataset, done, steps):
    """Skips `done` batches, the first time that it is iterated over."""
    import tensorflow as tf

    skipped = itertools.chain([done], itertools.repeat(0))

    def rest(_):
        count = tf.numpy_function(lambda: next(skipped), [], tf.int64)
        count.set_shape([])
        # Keras wants epochs of one length; `EpochEnd` stops the first one.
        return dataset.skip(count).concatenate(dataset.take(count))

    rest = tf.data.Dataset.range(1).flat_map(rest)
    rest = rest.apply(tf.data.experimental.assert_cardinality(steps))
    rest.source = dataset.source
    return rest


class EpochEnd(keras.callbacks.Callback):
    """Ends the epoch that a run goes on in where it would have ended.

    Args:
        steps: the steps that the first epoch of this `fit` has left.
    """

    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def on_train_batch_end(self, batch, logs=None):
        if batch + 1 >= self.steps and not self.model.stop_training:
            self.model.stop_training = _EPOCH_IS_OVER

    def on_epoch_end(self, epoch, logs=None):
        self.steps = float("inf")
        if self.model.stop_training is _EPOCH_IS_OVER:
            self.model.stop_training = False


def same_bits():
    """Lets TensorFlow round alike in every process.

    Its graph optimizer walks tables whose order changes from one process to
    the next, and sums in that order: the last bits would differ.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.optimizer.set_experimental_options(
            {"arithmetic_optimization": False}
        )
