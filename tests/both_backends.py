"""The same batch, noise and text on both backends. Needs no TensorFlow."""

import itertools

import keras
import numpy as np
from keras import ops

from keras_t2i.text import BagOfNGramsEncoder
from keras_t2i.training import backend

# Of a process on JAX. Most of the time goes into compilation: less of it.
ON_JAX = {
    "XLA_FLAGS": (
        "--xla_backend_optimization_level=0"
        " --xla_cpu_use_fusion_emitters=false"
        " --xla_llvm_disable_expensive_passes=true"
    ),
    "KERAS_BACKEND": "jax",
    "JAX_PLATFORMS": "cpu",
}
CAPTIONS = ["a red circle", "a blue star", "two green squares", "一个红色的圆"]


def encoder():
    return BagOfNGramsEncoder(8, 4)


def arrays():
    """Four captions with two classes, and pictures of noise."""
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (4, 16, 16, 3), "uint8")
    return {"text": np.array(CAPTIONS), "class_id": np.arange(4) % 2}, pictures


def losses_and_gradients(model):
    """Losses and gradients of the first batch of `arrays`.

    All noise comes from NumPy: what `keras.random` draws from a seed differs
    from backend to backend.
    """
    pipeline = backend.pipeline()
    batches = pipeline.as_dataset(*arrays())
    batches = model.batches(batches)
    data = keras.tree.map_structure(ops.convert_to_tensor, next(iter(batches)))
    draws = itertools.count()

    def drawn(name):
        def draw(shape, *arguments, seed=None, **kwargs):
            random = np.random.default_rng(next(draws))
            if name == "normal":
                values = random.standard_normal(shape)
            elif name == "uniform":
                low, high = arguments or (0.0, 1.0)
                values = random.uniform(low, high, shape)
            else:
                values = random.integers(*arguments, shape)
            dtype = "int32" if name == "randint" else "float32"
            return ops.convert_to_tensor(values.astype(dtype))

        return draw

    names = ("normal", "uniform", "randint")
    kept = {name: getattr(keras.random, name) for name in names}
    variables = model.variables_by_network()
    # On JAX a step finds the values of all variables in a scope.
    scope = [*model.variables, *model.optimizer.variables]
    try:
        for name in names:
            setattr(keras.random, name, drawn(name))
        if keras.backend.backend() == "jax":
            import jax

            def compute(values):
                with keras.StatelessScope(zip(scope, values)):
                    found = backend.loss_gradients(model, data, variables)
                return found[0], found[2]

            # One compilation is cheaper than one of each operation.
            found = jax.jit(compute)([v.value for v in scope])
        else:
            losses, _, gradients = backend.loss_gradients(
                model, data, variables
            )
            found = losses, gradients
    finally:
        for name in names:
            setattr(keras.random, name, kept[name])
    losses, gradients = found
    result = {f"{k}-loss": ops.convert_to_numpy(v) for k, v in losses.items()}
    for name, some in gradients.items():
        for number, gradient in enumerate(some):
            key = f"{name}-{number:03d}"
            result[key] = ops.convert_to_numpy(gradient)
    return result


def two_epochs(batches):
    """Captions, classes and pictures of two passes, as arrays."""
    elements = [element for _ in range(2) for element in batches]
    return {
        "text": np.array(
            [t for x, _ in elements for t in np.asarray(x["text"]).tolist()],
            "S",
        ),
        "class_id": np.concatenate([x["class_id"] for x, _ in elements]),
        "pictures": np.concatenate([y for _, y in elements]),
    }
