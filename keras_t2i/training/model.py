"""The training step that every method shares."""

import contextlib
import random

import keras
from keras import ops

from keras_t2i.text import TextFeatures
from keras_t2i.training import backend
from keras_t2i.training import resume
from keras_t2i.training.augment import check_policies
from keras_t2i.training.augment import diff_augment
from keras_t2i.training.early_warnings import warn_of_emulation
from keras_t2i.training.ema import warmed_up
from keras_t2i.training.gradients import input_gradient
from keras_t2i.training.guard import Guard
from keras_t2i.training.guard import GuardedStep
from keras_t2i.training.optimizer import AdversarialOptimizer
from keras_t2i.training.part import Followers
from keras_t2i.training.replicas import ReplicaSeedGenerator
from keras_t2i.training.replicas import own_statistics
from keras_t2i.training.replicas import synchronize_statistics

UPDATES = ("simultaneous", "alternating")


class AdversarialModel(keras.Model):
    """A model of several networks, each moved by a loss of its own.

    A method subclasses this and says four things:

    - `build_networks()` makes the networks for `self.image_size`;
    - `networks()` returns a dict of network name -> list of layers whose
      variables the loss of that name moves;
    - `averaged()` returns pairs (network, its moving average);
    - `losses(batch)` returns a dict of network name -> scalar, and a dict of
      further scalars for the log.

    `batch` is a dict with `images` float32 [B, H, W, C] in [-1, 1], `features`
    (`TextFeatures`) and `class_id` int [B]. All losses come from one forward
    pass; each network then gets the gradient of its own loss alone.

    It trains on TensorFlow and on JAX (`KERAS_BACKEND=jax`) from the same
    losses. Made under the scope of a `tf.distribute` strategy, it shares each
    batch among the replicas: losses and logs are means over the global batch,
    every replica draws noise of its own, and batch normalisation sees the
    global batch (`synchronized=True`; in the R1 penalty that of its replica).
    What compares the samples of a batch with each other, such as wrong pairs,
    contrastive losses and minibatch deviation, compares those of one replica.

    Args:
        image_size: height and width in pixels; None takes it from the first
            dataset.
        text_encoder: `keras_t2i.text.TextEncoder`; None for a model without
            captions, whose batches have None as `features`.
        updates: "simultaneous" computes every gradient at the same weights
            from one forward pass; "alternating" updates the networks in the
            order of `networks()`, each from a forward pass of its own with
            fresh noise, as the papers do.
        ema_decay: decay of the generator's moving average, in [0, 1); it
            starts lower, see `training.ema.warmed_up`.
        augment: DiffAugment policies, some of "color", "translation",
            "cutout".
        r1_weight: weight gamma of the R1 penalty gamma / 2 * |grad D(x)|^2 on
            real pictures (Mescheder et al. 2018); 0 turns it off.
        r1_interval: steps between two penalties; each then counts that many
            times (lazy regularization, Karras et al. 2020).
        seed: seed of the first weights and of all noise in training.
    """

    # Whether `features` need words and mask, beside the sentence.
    uses_words = False
    # Whether a step that is not finite changes nothing; `fit` sets it.
    guarded = False

    def __init__(
        self,
        image_size,
        text_encoder,
        *,
        updates="simultaneous",
        ema_decay=0.999,
        augment=(),
        r1_weight=0.0,
        r1_interval=16,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if updates not in UPDATES:
            raise ValueError(
                f"`updates` must be one of {UPDATES}. Received: {updates!r}"
            )
        if not 0.0 <= ema_decay < 1.0:
            raise ValueError(
                f"`ema_decay` must lie in [0, 1). Received: {ema_decay}"
            )
        if r1_weight < 0.0:
            raise ValueError(
                f"`r1_weight` must be at least 0. Received: {r1_weight}"
            )
        if r1_interval < 1:
            raise ValueError(
                f"`r1_interval` must be at least 1. Received: {r1_interval}"
            )
        self.image_size = image_size
        self.text_encoder = text_encoder
        self.updates = updates
        self.ema_decay = ema_decay
        self.augment_policies = check_policies(augment)
        self.r1_weight = r1_weight
        self.r1_interval = r1_interval
        self.seed = seed
        self.seed_generator = ReplicaSeedGenerator(seed)

    # What a method says about itself.

    def build_networks(self):
        raise NotImplementedError

    def networks(self):
        raise NotImplementedError

    def averaged(self):
        raise NotImplementedError

    def losses(self, batch):
        raise NotImplementedError

    def refresh_averages(self, batch):
        """Runs the averages with `training=True`, for their statistics.

        Only where they have batch normalisation; see `training.ema`.
        """

    # Building and compiling.

    def build_for(self, image_size):
        """Makes networks, averages and optimizer slots, once.

        Args:
            image_size: height and width of the pictures in pixels.

        Raises:
            ValueError: if the model was built for another size.
        """
        if self.image_size is not None and self.image_size != image_size:
            raise ValueError(
                f"The model is for pictures of {self.image_size} x "
                f"{self.image_size}; the data holds {image_size} x "
                f"{image_size}. Load the data with `image_size="
                f"{self.image_size}`, or make the model with `image_size="
                f"{image_size}`."
            )
        if self.built:
            return
        self.image_size = image_size
        with backend.scope_of(self), self.own_defaults():
            self.build_networks()
            self.optimizer.build(self.variables_by_network())
            synchronize_statistics(self._flatten_layers())
        # On JAX Keras would trace `call` for a layer without weights that
        # was not called yet.
        for layer in self._flatten_layers():
            layer.built = True

    def _maybe_symbolic_build(self, *args, **kwargs):
        # Under a strategy Keras would take a first batch for this, although
        # `build_for` has built everything; several workers fail in it.
        pass

    def build_from(self, dataset):
        """Makes what `build_for` makes, for the pictures of a dataset.

        Args:
            dataset: from `pipeline.as_dataset`.

        Raises:
            ValueError: as `build_for`.
        """
        self.build_for(backend.pipeline().picture_size(dataset))

    @contextlib.contextmanager
    def own_defaults(self):
        """Layers made inside have the dtype policy and seed of this model."""
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.dtype_policy)
        try:
            with seeded(self.seed):
                yield
        finally:
            keras.config.set_dtype_policy(policy)

    def variables_by_network(self):
        """Dict of network name -> its trainable variables."""
        return {
            name: [v for layer in layers for v in layer.trainable_variables]
            for name, layers in self.networks().items()
        }

    def compile(self, optimizer, jit_compile=None, **kwargs):
        """Sets the optimizers. The constructor calls this with the variant's.

        Args:
            optimizer: dict of network name -> optimizer, or an
                `AdversarialOptimizer`.
            jit_compile: None compiles with XLA on JAX and where there is a
                GPU. On CPUs it made the step of TensorFlow slower, so there
                it is off.
            **kwargs: `run_eagerly` and `steps_per_execution` as in Keras.
        """
        if not isinstance(optimizer, AdversarialOptimizer):
            if not isinstance(optimizer, dict):
                raise ValueError(
                    "`optimizer` must be a dict of network name -> optimizer. "
                    f"Received: {optimizer!r}"
                )
            optimizer = AdversarialOptimizer(optimizer)
        if self.dtype_policy.compute_dtype == "float16":
            optimizer.members = _loss_scaled(optimizer.members)
        if jit_compile is None:
            jit_compile = "auto" if backend.prefers_xla() else False
        super().compile(
            optimizer=optimizer,
            jit_compile=jit_compile,
            # Keras would wrap the whole; every member has its own scale.
            auto_scale_loss=False,
            **kwargs,
        )
        if self.built:
            optimizer.build(self.variables_by_network())

    # Keras leaves the states of seed generators out of its files; without
    # them a loaded model would repeat the noise of its first steps.
    def save_own_variables(self, store):
        state = self.seed_generator.state
        store["seed"] = ops.convert_to_numpy(state.value)

    def load_own_variables(self, store):
        self.seed_generator.state.assign(store["seed"])

    def get_compile_config(self):
        return {"optimizer": keras.saving.serialize_keras_object(self.optimizer)}

    def compile_from_config(self, config):
        self.compile(keras.saving.deserialize_keras_object(config["optimizer"]))

    # Training.

    def fit(self, x=None, y=None, batch_size=None, epochs=1, **kwargs):
        """Trains on captioned pictures. Arguments beyond these are Keras's.

        Args:
            x: a `tf.data.Dataset` of (captions, pictures) as
                `keras_t2i.data.load` gives (on JAX the `data.Batches` that it
                gives there); or captions as a list or array of N strings, or
                a dict of `text` and `class_id`.
            y: uint8 [N, H, W, 3], with captions in `x`.
            batch_size: with captions in `x`; default 64.
            epochs: passes over the data.

        Returns:
            `keras.callbacks.History`.

        Raises:
            ValueError: if the data has another form or picture size.

        With a `training.Checkpoint(..., resume=True)` among the callbacks,
        `epochs` counts those made before too.
        """
        pipeline = backend.pipeline()
        warn_of_emulation(self.compute_dtype)
        if kwargs.get("validation_data") is not None:
            raise ValueError(
                "The losses of a GAN say nothing on other data, so `fit` takes "
                "no `validation_data`. Compare generated pictures instead."
            )
        dataset = pipeline.as_dataset(x, y, batch_size, self.step)
        self.build_from(dataset)
        backend.check_batch(self, dataset)
        self.stop_training = False
        with resume.going_on(self, dataset, kwargs) as dataset:
            before = self.train_before(x, y, batch_size, **kwargs)
            if self.stop_training:
                return before
            dataset = self.batches(dataset, kwargs.get("verbose") != 0)
            self._guard(kwargs["callbacks"])
            # The dataset is shuffled already; Keras warns unless told so.
            return super().fit(
                pipeline.for_fit(dataset), epochs=epochs, shuffle=False, **kwargs
            )

    def _guard(self, callbacks):
        # The guard of the whole also watches a part.
        parts = [c.callbacks for c in callbacks if isinstance(c, Followers)]
        guarded = any(isinstance(c, Guard) for c in sum(parts, callbacks))
        if guarded != self.guarded:
            self.guarded = guarded
            self.train_function = None  # Keras compiles the step again.

    @property
    def step(self):
        """Training steps made so far, in all calls of `fit` together."""
        return backend.steps_made(self)

    def train_before(self, x, y, batch_size, callbacks=None, **kwargs):
        """Trains what `fit` needs before its first step; by default nothing.

        Arguments are those of `fit`, and `stop_training` says that `fit` shall
        stop here. Of the callbacks only those with an attribute `whole` are
        asked, see `training.part.Followers`.

        Returns:
            `keras.callbacks.History`, or None.
        """

    def all_optimizers(self):
        """The optimizers whose state a checkpoint holds."""
        return [self.optimizer]

    def batches(self, dataset, progress=False):
        """What `train_step` takes.

        Args:
            dataset: from `pipeline.as_dataset`.
            progress: whether a bar shows how far the captions are.
        """
        return backend.pipeline().with_features(
            dataset, self.text_encoder, self.uses_words, progress
        )

    def evaluate(self, *args, **kwargs):
        """Always raises: losses of a GAN say nothing on other data."""
        raise ValueError(
            "A model has no `evaluate`, for the losses of a GAN say nothing on "
            "other data. Pictures are judged by `keras_t2i.metrics.evaluate`, "
            "or by the command `keras-t2i evaluate`."
        )

    def predict(self, *args, **kwargs):
        """Always raises: a model takes text, by methods of its own."""
        raise ValueError(
            "A model has no `predict`. Pictures are drawn by `generate(text)`; "
            "an ImageTextMatcher has `similarity(text, images)`, `retrieve`, "
            "`embed_text` and `embed_images`."
        )

    def train_step(self, *arguments):
        """One step, called by `fit` in the way of the backend."""
        return backend.train_step(self, *arguments)

    def update(self, data):
        """Moves every network by its own loss on one batch.

        Args:
            data: (x, pictures) from `fit`.

        Returns:
            dict of scalars: the logs and the losses.
        """
        variables = self.variables_by_network()
        if self.updates == "simultaneous":
            rounds = [variables]
        else:
            rounds = [{name: some} for name, some in variables.items()]
        guarded = GuardedStep(self)
        logs, losses = {}, {}
        for moving in rounds:
            # Every gradient before any update: they share their weights.
            found, some_logs, gradients = backend.loss_gradients(
                self, data, moving
            )
            guarded.check({name: found[name] for name in moving}, gradients)
            for name, some in moving.items():
                guarded.move(name, gradients[name], some)
                losses[f"{name}_loss"] = found[name]
            logs.update(some_logs)
        guarded.update_averages(
            warmed_up(self.ema_decay, self.optimizer.iterations)
        )
        backend.when(
            ops.logical_and(
                self._statistics_are_due(), ops.equal(guarded.found, 0)
            ),
            lambda: self.refresh_averages(self._unpack(data)),
            self.non_trainable_variables,
        )
        guarded.finish(logs)
        self.optimizer.iterations.assign_add(1)
        return {**logs, **losses}

    def _statistics_are_due(self):
        # Averages move slowly, except at first.
        step = self.optimizer.iterations
        return ops.logical_or(step < 100, ops.equal(step % 8, 0))

    def _unpack(self, data):
        x, y = data
        if self.text_encoder is None:
            features = None
        elif "tokens" in x:
            features = self.text_encoder(x["tokens"], training=True)
        else:
            features = TextFeatures(x["sentence"], x.get("words"), x.get("mask"))
        images = ops.cast(y, "float32") / 127.5 - 1.0
        return {
            "images": images,
            "features": features,
            "class_id": x["class_id"],
        }

    # What losses are made of.

    def draw_noise(self, shape):
        """Standard normal noise of training; a new draw at every call."""
        return keras.random.normal(shape, seed=self.seed_generator)

    def augment(self, images):
        """DiffAugment with the policies of this model; a new draw a call."""
        return diff_augment(images, self.augment_policies, self.seed_generator)

    def r1_penalty(self, discriminate, images):
        """Lazy R1: gamma / 2 * E |grad_x D(x)|^2, every `r1_interval` steps.

        Args:
            discriminate: callable from pictures to logits [B].
            images: real pictures, float [B, H, W, C].

        Returns:
            Scalar, already multiplied by the interval; 0 between.
        """
        if not self.r1_weight:
            return 0.0

        def penalty():
            with own_statistics(self._flatten_layers()):
                gradient = input_gradient(discriminate, images)
            square = ops.sum(ops.square(gradient), axis=(1, 2, 3))
            scale = 0.5 * self.r1_weight * self.r1_interval
            return scale * ops.mean(ops.cast(square, "float32"))

        due = ops.equal(self.optimizer.iterations % self.r1_interval, 0)
        return ops.cond(due, penalty, lambda: ops.zeros((), "float32"))


@contextlib.contextmanager
def seeded(seed):
    """First weights made inside depend on the seed alone."""
    state = random.getstate()
    # Initializers without a seed draw theirs from Python's generator.
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def _loss_scaled(members):
    scaled = keras.optimizers.LossScaleOptimizer
    return {
        key: member if isinstance(member, scaled) else scaled(member)
        for key, member in members.items()
    }
