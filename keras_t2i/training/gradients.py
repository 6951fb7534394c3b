"""Gradients, which `keras.ops` lacks."""

import keras


def input_gradient(function, inputs):
    """Gradient of the sum of `function(inputs)` with respect to `inputs`.

    The result can be differentiated again, as R1 and path length need. With
    `function` acting sample by sample, row i is the gradient of sample i.

    Args:
        function: callable from one tensor to one tensor.
        inputs: float tensor of any shape.

    Returns:
        Tensor of the shape of `inputs`.

    Raises:
        NotImplementedError: on a backend other than TensorFlow and JAX.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(inputs)
            total = keras.ops.sum(function(inputs))
        return tape.gradient(total, inputs)
    if keras.backend.backend() == "jax":
        import jax

        return jax.grad(lambda x: keras.ops.sum(function(x)))(inputs)
    raise NotImplementedError(
        "Gradients of inputs need the TensorFlow or the JAX backend. "
        f"Received: {keras.backend.backend()}"
    )
