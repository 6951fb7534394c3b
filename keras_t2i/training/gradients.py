"""Gradients, which `keras.ops` lacks."""

from keras_t2i.training import backend


def input_gradient(function, inputs):
    """Gradient of the sum of `function(inputs)` with respect to `inputs`.

    The result can be differentiated again, as R1 and path length need. With
    `function` acting sample by sample, row i is the gradient of sample i.

    Args:
        function: callable from one tensor to one tensor.
        inputs: float tensor of any shape.

    Returns:
        Tensor of the shape of `inputs`.
    """
    return backend.input_gradient(function, inputs)
