"""Gradients and compilation on JAX.

Keras keeps the values of all variables outside of them while `fit` runs, and
passes them through the step. In a `keras.StatelessScope` with these values
the code that both backends share reads and assigns variables as ever.
"""

import contextlib

import jax
import keras


def has_gpu():
    """Whether a GPU, or another accelerator, would do the computing."""
    return jax.default_backend() != "cpu"


def train_step(model, state, data):
    """What `keras.Model.fit` calls; returns the logs and the new state.

    Args:
        state: values of the trainable, the other, the optimizer's and the
            metrics' variables, four lists.
        data: a batch.
    """
    groups = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )
    pairs = [
        pair
        for variables, values in zip(groups, state, strict=True)
        for pair in zip(variables, values, strict=True)
    ]
    with keras.StatelessScope(pairs) as scope:
        logs = model.update(data)
    state = [[scope.get_current_value(v) for v in some] for some in groups]
    return logs, tuple(state)


def loss_gradients(model, data, variables):
    """One forward pass, and a gradient of each network's own loss.

    Args:
        model: `AdversarialModel`.
        data: a batch from `fit`.
        variables: dict of network name -> variables that its loss moves.

    Returns:
        Losses (dict of scalars), logs, and dict of network name -> gradients
        (multiplied by the loss scale of its optimizer).
    """
    members = model.optimizer.members
    # Two networks may share a variable.
    moved = {id(v): v for some in variables.values() for v in some}
    others = model.non_trainable_variables

    def forward(values):
        with _inside([(moved[key], values[key]) for key in moved]) as scope:
            losses, logs = model.losses(model._unpack(data))
            scaled = {
                name: members[name].scale_loss(losses[name])
                for name in variables
            }
        # Statistics and seeds of noise, as the pass leaves them.
        after = [scope.get_current_value(v) for v in others]
        return scaled, (losses, logs, after)

    values = {key: v.value for key, v in moved.items()}
    scaled, pull, (losses, logs, after) = jax.vjp(forward, values, has_aux=True)
    _assign(others, after)
    gradients = {}
    for name, some in variables.items():
        (found,) = pull(
            {
                other: jax.numpy.full_like(value, other == name)
                for other, value in scaled.items()
            }
        )
        gradients[name] = [found[id(v)] for v in some]
    return losses, logs, gradients


def apply(optimizer, gradients, variables):
    """Moves the variables by one step of their optimizer."""
    own = optimizer.variables
    _assign(
        [*variables, *own],
        sum(
            optimizer.stateless_apply(
                [v.value for v in own], gradients, [v.value for v in variables]
            ),
            [],
        ),
    )


def when(due, action, variables):
    """Calls `action()`, which changes some of `variables`, if `due` is true."""

    def acted(values):
        with _inside(list(zip(variables, values, strict=True))) as scope:
            action()
        return [scope.get_current_value(v) for v in variables]

    values = [v.value for v in variables]
    _assign(variables, jax.lax.cond(due, acted, lambda values: values, values))


def input_gradient(function, inputs):
    """See `keras_t2i.training.input_gradient`."""

    def total(x):
        # Statistics that a layer takes in here are of this gradient's own
        # trace and end with it.
        with _inside([]):
            return keras.ops.sum(function(x))

    return jax.grad(total)(inputs)


def compiled(function, layer):
    """`function` as one compiled call that reads the weights of `layer`."""

    @jax.jit
    def call(values, *arguments):
        # Weights that the function read by itself would become constants.
        with keras.StatelessScope(zip(layer.variables, values)):
            return function(*arguments)

    def with_weights(*arguments):
        return call([v.value for v in layer.variables], *arguments)

    return with_weights


def pipeline():
    """The module that turns captioned pictures into batches for `fit`."""
    from keras_t2i.training import batches

    return batches


def prefers_xla():
    """Whether XLA makes the training step faster here."""
    return True


def steps_made(model):
    """Training steps of a model, also while `fit` runs.

    After it all variables hold their values, until the next step.
    """
    model.jax_state_sync()
    return int(model.optimizer.iterations)


@contextlib.contextmanager
def _inside(pairs):
    """A scope inside of the current one, with its values and then `pairs`."""
    with keras.StatelessScope(pairs) as scope:
        if scope.original_scope is not None:
            scope.state_mapping = {
                **scope.original_scope.state_mapping,
                **scope.state_mapping,
            }
        yield scope


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


# `tf.distribute` is TensorFlow's: here a process is alone.


def replicas():
    return 1


def replica_number():
    return None


def on_any_replica(flags):
    return flags


def check_batch(model, dataset):
    pass


def scope_of(model):
    return contextlib.nullcontext()


def is_chief():
    return True
