"""Gradients, compilation and several workers on TensorFlow."""

import keras
import tensorflow as tf


def has_gpu():
    """Whether a GPU would do the computing."""
    return bool(tf.config.list_physical_devices("GPU"))


def train_step(model, data):
    """What `keras.Model.fit` calls with a batch; returns the logs."""
    logs = model.update(data)
    if replicas() == 1:
        return logs
    # Means over the global batch, like the losses.
    context = tf.distribute.get_replica_context()
    values = [tf.convert_to_tensor(value) for value in logs.values()]
    values = context.all_reduce(tf.distribute.ReduceOp.MEAN, values)
    if isinstance(
        context.strategy, tf.distribute.MultiWorkerMirroredStrategy
    ):
        # Keras joins the logs of several workers along their first axis.
        values = [tf.reshape(value, [1]) for value in values]
    return dict(zip(logs, values))


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
    with tf.GradientTape(persistent=len(variables) > 1) as tape:
        losses, logs = model.losses(model._unpack(data))
        scaled = {
            name: members[name].scale_loss(losses[name]) for name in variables
        }
        if replicas() > 1:
            # Optimizers add up the gradients of all replicas; a loss is the
            # mean over the global batch.
            scaled = {name: s / replicas() for name, s in scaled.items()}
    gradients = {
        name: tape.gradient(scaled[name], some)
        for name, some in variables.items()
    }
    return losses, logs, gradients


def apply(optimizer, gradients, variables):
    """Moves the variables by one step of their optimizer."""
    optimizer.apply(gradients, variables)


def when(due, action, variables):
    """Calls `action()`, which changes some of `variables`, if `due` is true."""
    del variables  # Known by the graph.
    if replicas() > 1:
        # Replicas cannot meet inside of a condition.
        action()
        return

    def acted():
        action()
        return tf.zeros(())

    tf.cond(due, acted, lambda: tf.ones(()))


def input_gradient(function, inputs):
    """See `keras_t2i.training.input_gradient`."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        total = keras.ops.sum(function(inputs))
    return tape.gradient(total, inputs)


def compiled(function, layer):
    """`function` as one compiled call that reads the weights of `layer`."""
    del layer  # A tf.function reads variables wherever they are.
    # Retracing is relaxed to any batch size after the second one.
    return tf.function(function, reduce_retracing=True)


def pipeline():
    """The module that turns captioned pictures into batches for `fit`."""
    from keras_t2i.training import pipeline

    return pipeline


def prefers_xla():
    """Whether XLA makes the training step faster here."""
    return bool(tf.config.list_logical_devices("GPU"))


def steps_made(model):
    """Training steps of a model, also while `fit` runs."""
    return int(keras.ops.convert_to_numpy(model.optimizer.iterations))


# Several workers.


def replicas():
    """How many replicas share a step in the current `tf.distribute` scope."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def replica_number():
    """The number of the replica that runs this code; None if it is alone."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return None
    return context.replica_id_in_sync_group


def on_any_replica(flags):
    """Booleans that are true where they are on one replica or more."""
    if replicas() == 1:
        return flags
    context = tf.distribute.get_replica_context()
    # Collectives of integers stay on the host, away from those of floats.
    count = tf.cast(flags, tf.float32)
    return context.all_reduce(tf.distribute.ReduceOp.SUM, count) > 0


def check_batch(model, dataset):
    """Raises ValueError for batches that replicas cannot share equally."""
    count = model.distribute_strategy.num_replicas_in_sync
    size = dataset.element_spec[1].shape[0]
    # Shares of two sizes would count as much as each other in the mean.
    if count > 1 and (size is None or size % count):
        raise ValueError(
            f"{count} replicas share each batch, so its size must be fixed and "
            f"a multiple of {count}. Received: batches of {size or 'any size'}"
        )


def scope_of(model):
    """The scope of the strategy under which a model was made."""
    return model.distribute_strategy.scope()


def is_chief():
    """Whether this process writes the files of a training run."""
    cluster = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    jobs = cluster.cluster_spec().jobs
    if not jobs:
        return True
    first = "chief" if "chief" in jobs else "worker"
    return (cluster.task_type, cluster.task_id) == (first, 0)
