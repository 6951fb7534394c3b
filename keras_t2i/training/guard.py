"""What happens when a loss, a gradient or a weight is not finite."""

import warnings

import keras
from keras import ops

from keras_t2i.training import backend
from keras_t2i.training import checkpoint as checkpoints
from keras_t2i.training.ema import update_average

ON_NON_FINITE = ("skip", "rollback", "stop")
_LOG = "not_finite"


class Guard(keras.callbacks.Callback):
    """Keeps values that are not finite out of a model that trains.

    A step in which a loss or a gradient is not finite changes nothing: weights,
    averages, normalisation statistics and optimizer slots stay as they were;
    the compiled step sees to that. This callback then says what it was and
    goes on, goes back, or stops. Under `mixed_float16`, gradients that are not
    finite are how the loss scale finds its size, and only losses count.

    What a model trains before the rest, such as a matcher, is watched too.

    Args:
        action: "skip" goes on with the next batch, and stops when `limit`
            steps in a row are not finite; "rollback" returns to the last
            checkpoint with the learning rate times `factor` (a schedule stays
            as it is), and stops when that did not help `limit` times; "stop"
            stops at once.
        checkpoint: the `Checkpoint` of this `fit`, for "rollback".
        limit: see above.
        factor: see above.
        log: a `JsonlLog` that gets a line for each event, or None.

    Raises:
        ValueError: for arguments that make no sense.
        FloatingPointError: from `fit`, when it stops. It names what was not
            finite. Checkpoints are as they were.
    """

    # Where a part is trained before the rest, a checkpoint holds the whole.
    whole = None

    def __init__(
        self, action="skip", checkpoint=None, limit=10, factor=0.5, log=None
    ):
        super().__init__()
        if action not in ON_NON_FINITE:
            raise ValueError(
                f"`action` must be one of {ON_NON_FINITE}. Received: {action!r}"
            )
        if action == "rollback" and checkpoint is None:
            raise ValueError(
                'action="rollback" returns to a checkpoint: give the '
                "`checkpoint` callback of this `fit`."
            )
        if limit < 1 or not 0.0 < factor <= 1.0:
            raise ValueError(
                "`limit` must be at least 1 and `factor` in (0, 1]. "
                f"Received: limit={limit}, factor={factor}"
            )
        self.action = action
        self.checkpoint = checkpoint
        self.limit = limit
        self.factor = factor
        self.log = log

    def on_train_begin(self, logs=None):
        self.failures = 0
        self.failed_at = 0

    def on_epoch_end(self, epoch, logs=None):
        logs.pop(_LOG, None)

    def on_train_batch_end(self, batch, logs=None):
        # Not for those who read the logs; this callback comes first.
        found = logs.pop(_LOG)
        codes = found.ravel() if hasattr(found, "ravel") else [found]
        code = next((code for code in codes if code), 0)
        if not code:
            if self.action == "skip":
                self.failures = 0
            return
        step = self.model.step
        cause = self.cause(int(code))
        if self.action == "stop":
            self._stop(f"At step {step} {cause} was not finite.")
        self.failures += 1
        if self.action == "skip":
            self._skip(step, cause)
        else:
            self._roll_back(step, cause)

    def cause(self, code):
        """Names what is not finite, from the number that the step found."""
        # A weight that is not finite makes all that follows so.
        weight = checkpoints.not_finite(self.model)
        if weight:
            return f"the weight {weight}"
        return names(self.model)[code - 1]

    def _skip(self, step, cause):
        if self.failures >= self.limit or cause.startswith("the weight"):
            self._stop(
                f"At step {step} {cause} was not finite; {self.failures} "
                "steps in a row changed nothing."
            )
        self._tell("skipped", step, cause, "The step changed nothing.")

    def _roll_back(self, step, cause):
        path, _ = checkpoints.newest(self.checkpoint.folder)
        if path is None:
            self._stop(
                f"At step {step} {cause} was not finite, and there is no "
                "checkpoint yet to go back to."
            )
        optimizer = self.model.optimizer
        rate = float(optimizer.learning_rate)
        checkpoints.restore(self.whole or self.model, self.checkpoint.folder)
        back_at = self.model.step
        # The data goes on, and so does the count of its batches.
        optimizer.iterations.assign(step)
        if back_at > self.failed_at:
            # The last return has helped for a while.
            self.failures = 1
        if self.failures > self.limit:
            self._stop(
                f"At step {step} {cause} was not finite, and {self.limit} "
                "returns to the last checkpoint did not help."
            )
        self.failed_at = step
        try:
            optimizer.learning_rate = self.factor * rate
            new = f"learning rate {self.factor * rate:.3g}"
        except TypeError:
            new = "the learning rate follows its schedule"
        self._tell(
            "rolled back", step, cause, f"Back to {path.name}, {new}."
        )

    def _tell(self, event, step, cause, then):
        warnings.warn(f"At step {step} {cause} was not finite. {then}")
        if self.log is not None:
            self.log.write(event=event, step=step, not_finite=cause)

    def _stop(self, message):
        if self.log is not None:
            self.log.write(
                event="stopped",
                step=self.model.step,
                not_finite=message,
            )
        raise FloatingPointError(
            f"{message} The last checkpoints are from before. A smaller "
            "learning rate, mixed_bfloat16 or float32 instead of "
            "mixed_float16, or a look at the pictures may help."
        )


class GuardedStep:
    """The updates of one training step: all of them, or none.

    Args:
        model: an `AdversarialModel`; where its `guarded` is False this lets
            everything through and costs nothing.
    """

    def __init__(self, model):
        self.model = model
        # With several replicas, optimizers cannot be called conditionally:
        # there everything that moved is put back.
        self.conditional = model.guarded and backend.replicas() == 1
        self.keeps_all = model.guarded and not self.conditional
        self.found = ops.zeros((), "int32")
        self.kept = []
        if model.guarded:
            # The forward pass moves statistics before a loss is known.
            for layers in model.networks().values():
                for layer in layers:
                    self._keep(layer.non_trainable_variables)

    def check(self, losses, gradients):
        """Looks for what is not finite.

        Args:
            losses: dict of network name -> scalar.
            gradients: dict of network name -> list of gradients or None.
        """
        if not self.model.guarded:
            return
        every_name = list(self.model.networks())
        for name, loss in losses.items():
            values = [ops.cast(loss, "float32")]
            if not _scales_its_loss(self.model.optimizer.members[name]):
                values += [_sum(gradient) for gradient in gradients[name]]
            bad = ops.logical_not(ops.isfinite(ops.stack(values)))
            bad = backend.on_any_replica(bad)
            first = _first_code(self.model, every_name.index(name))
            code = ops.cast(first + ops.argmax(bad), "int32")
            new = ops.logical_and(ops.equal(self.found, 0), ops.any(bad))
            self.found = ops.where(new, code, self.found)

    def move(self, name, gradients, variables):
        """Moves a network by one step of its optimizer."""
        member = self.model.optimizer.members[name]
        moved = [*variables, *member.variables]
        alternating = self.model.updates == "alternating"
        if self.keeps_all or (self.conditional and alternating):
            # It moves before the others have a loss.
            self._keep(moved)
        self._apply(lambda: backend.apply(member, gradients, variables), moved)

    def update_averages(self, decay):
        """One step of every average towards its network."""
        for network, average in self.model.averaged():
            if self.keeps_all:
                self._keep(average.weights)
            self._apply(
                lambda: update_average(average, network, decay),
                average.weights,
            )

    def finish(self, logs):
        """Puts back what was kept, if need be; notes the result in `logs`."""
        if not self.model.guarded:
            return
        failed = ops.not_equal(self.found, 0)

        def put_back():
            for variable, value in self.kept:
                if self.keeps_all:
                    value = ops.where(failed, value, variable.value)
                variable.assign(value)

        if self.kept:
            backend.when(
                failed, put_back, [variable for variable, _ in self.kept]
            )
        # A float, as other logs are: replicas take the mean of all at once.
        logs[_LOG] = ops.cast(self.found, "float32")

    def _keep(self, variables):
        """Notes values that go back where they were if the step fails."""
        self.kept += [(v, ops.copy(v.value)) for v in variables]

    def _apply(self, update, variables):
        if self.conditional:
            backend.when(ops.equal(self.found, 0), update, variables)
        else:
            update()


def names(model):
    """What each number stands for that a guarded step may find, from 1."""
    found = []
    for name, variables in model.variables_by_network().items():
        found.append(f"the loss of the {name}")
        found += [f"the gradient of {v.path}" for v in variables]
    return found


def _sum(gradient):
    """A scalar that is finite if, and only if, all of a gradient is."""
    if gradient is None:
        return ops.zeros((), "float32")
    # That of an embedding holds the rows that were looked up.
    values = getattr(gradient, "values", gradient)
    return ops.sum(ops.cast(values, "float32"))


def _first_code(model, position):
    sizes = [1 + len(v) for v in model.variables_by_network().values()]
    return 1 + sum(sizes[:position])


def _scales_its_loss(member):
    return isinstance(member, keras.optimizers.LossScaleOptimizer)
