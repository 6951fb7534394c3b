"""What the backends of Keras do differently, under the same names.

`backend_tensorflow` and `backend_jax` hold one set of functions each; all
other code of the training is one for both.
"""

import keras

if keras.backend.backend() == "tensorflow":
    from keras_t2i.training.backend_tensorflow import *  # noqa: F403
elif keras.backend.backend() == "jax":
    from keras_t2i.training.backend_jax import *  # noqa: F403
else:
    raise ImportError(
        "keras_t2i trains on TensorFlow and on JAX. Set KERAS_BACKEND to one "
        f"of them. Received: KERAS_BACKEND={keras.backend.backend()}"
    )
