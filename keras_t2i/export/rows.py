"""What all served models have in common: rows in, rows out."""

import collections

import keras
import numpy as np
import tensorflow as tf

# As many pictures as `generate` draws at once. More at a time would take
# memory and save nothing.
MAX_ROWS = 64


class Served(
    collections.namedtuple("Served", "functions module example expected")
):
    """What is served of a model.

    Attributes:
        functions: dict of signature -> concrete function of tensors whose
            first dimension is that of the rows. There is always a "generate"
            that gives `images`.
        module: `tf.Module` that holds what they read, to be saved with them.
        example: dict of input -> value of one row, for all signatures.
        expected: uint8 [1, H, W, 3], the `images` of the example.
    """

    def rows(self, signature, count=1):
        """Inputs of a signature: `count` times the example."""
        specs, _ = self.functions[signature].structured_input_signature
        return {
            spec.name: tf.constant(
                [self.example[spec.name]] * count, spec.dtype
            )
            for spec in specs
        }


def traced(model, function, inputs):
    """Compiles a function of rows, with weights in half the size if they fit.

    Args:
        model: whose weights it reads.
        function: of tensors.
        inputs: specifications of its arguments.

    Returns:
        Concrete function, and a list of variables that live as long as they
        are held.
    """
    halves = []

    def in_scope(*rows):
        # Keras layers find the weights' values in this scope.
        with keras.StatelessScope(
            [(weight, tf.cast(half, "float32")) for weight, half in halves]
        ):
            return function(*rows)

    def compiled():
        # Without AutoGraph, which would garble the message of an error.
        whole = tf.function(in_scope, input_signature=inputs, autograph=False)
        return whole.get_concrete_function()

    found = compiled()
    halves += _in_half(model, found.graph.variables)
    if halves:
        found = compiled()
    return found, [half for _, half in halves]


def _in_half(model, variables):
    """The weights among `variables`, in half the size if that loses nothing.

    Those that came from a preset are numbers of float16.

    Returns:
        List of pairs (weight, float16 variable); none if one would lose.
    """
    read = {variable.ref() for variable in variables}
    weights = [w for w in model.weights if w.value.ref() in read]
    halves = []
    for weight in weights:
        value = weight.numpy()
        with np.errstate(over="ignore"):
            half = value.astype("float16")
        if value.dtype != "float32" or np.any(half != value):
            return []
        halves.append(half)
    return list(zip(weights, map(tf.Variable, halves)))


def holding(function, resources):
    """A module with all that was read, and no more.

    A SavedModel keeps what its module names. The Keras layers themselves
    would bring every variable twice.
    """
    module = tf.Module()
    module.weights = list(function.graph.variables)
    module.resources = list(resources)
    return module


def checked(rows):
    """The same rows, unless there are too many or parts of a row missing.

    A server checks the latter before it joins requests, and its batches are
    not larger, so this fails nobody else's rows.
    """
    (first, values), *others = rows.items()
    count = tf.shape(values)[0]
    checks = [
        tf.debugging.Assert(
            (count >= 1) & (count <= MAX_ROWS),
            [f"Give 1 to {MAX_ROWS} rows at a time. Received:", count],
        )
    ]
    for name, values in others:
        other = tf.shape(values)[0]
        message = f"`{first}` and `{name}` must be of one length. Received:"
        checks.append(
            tf.debugging.Assert(other == count, [message, count, other])
        )
    with tf.control_dependencies(checks):
        return [tf.identity(x) for x in rows.values()]


def blanked(images, error):
    """uint8 [B, H, W, 3], all 0 where there is an error [B]."""
    wrong = (error != "")[:, None, None, None]
    return tf.where(wrong, tf.zeros_like(images), images)


def as_png(images, error):
    """String [B]; "" where there is no picture."""
    files = tf.io.encode_png(images)
    return tf.where(tf.strings.length(error) > 0, "", files)
