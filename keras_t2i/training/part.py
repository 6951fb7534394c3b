"""Callbacks of a `fit` that trains a part of its model first."""

import keras


class Followers(keras.callbacks.Callback):
    """Tells callbacks of the whole model about the training of a part.

    Only those with an attribute `whole` are told: what they do makes sense
    for a part too. There they find the model that `fit` was called on; its
    variables are what a checkpoint holds.

    Args:
        whole: that model.
        callbacks: its callbacks, or None.
    """

    def __init__(self, whole, callbacks):
        super().__init__()
        self.callbacks = [c for c in callbacks or [] if hasattr(c, "whole")]
        for callback in self.callbacks:
            callback.whole = whole

    def on_train_begin(self, logs=None):
        for callback in self.callbacks:
            callback.set_model(self.model)
            callback.set_params(self.params)
            callback.on_train_begin(logs)

    def on_train_batch_end(self, batch, logs=None):
        for callback in self.callbacks:
            callback.on_train_batch_end(batch, logs)

    def on_train_end(self, logs=None):
        for callback in self.callbacks:
            callback.on_train_end(logs)
