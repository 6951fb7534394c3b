"""The training step that every method shares."""

import contextlib
import random

import keras
from keras import ops

from keras_t2i.text import TextFeatures
from keras_t2i.training.augment import check_policies
from keras_t2i.training.augment import diff_augment
from keras_t2i.training.ema import update_average
from keras_t2i.training.gradients import input_gradient
from keras_t2i.training.optimizer import AdversarialOptimizer

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

    Args:
        image_size: height and width in pixels; None takes it from the first
            dataset.
        text_encoder: `keras_t2i.text.TextEncoder`.
        updates: "simultaneous" computes every gradient at the same weights
            from one forward pass; "alternating" updates the networks in the
            order of `networks()`, each from a forward pass of its own with
            fresh noise, as the papers do.
        ema_decay: decay of the generator's moving average, in [0, 1).
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
        self.seed_generator = keras.random.SeedGenerator(seed)

    # What a method says about itself.

    def build_networks(self):
        raise NotImplementedError

    def networks(self):
        raise NotImplementedError

    def averaged(self):
        raise NotImplementedError

    def losses(self, batch):
        raise NotImplementedError

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
        with self.own_defaults():
            self.build_networks()
        self.built = True
        self.optimizer.build(self.variables_by_network())

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
            jit_compile: None compiles with XLA where there is a GPU. On CPUs
                XLA made the step slower, so there it is off.
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
            jit_compile = "auto" if _has_gpu() else False
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
                `keras_t2i.data.load` gives; or captions as a list or array of
                N strings, or a dict of `text` and `class_id`.
            y: uint8 [N, H, W, 3], with captions in `x`.
            batch_size: with captions in `x`; default 64.
            epochs: passes over the data.

        Returns:
            `keras.callbacks.History`.

        Raises:
            ValueError: if the data has another form or picture size.
        """
        from keras_t2i.training import pipeline

        if kwargs.get("validation_data") is not None:
            raise ValueError(
                "The losses of a GAN say nothing on other data, so `fit` takes "
                "no `validation_data`. Compare generated pictures instead."
            )
        step = int(self.optimizer.iterations)
        dataset = pipeline.as_dataset(x, y, batch_size, step)
        self.build_for(pipeline.picture_size(dataset))
        dataset = pipeline.with_features(
            dataset,
            self.text_encoder,
            self.uses_words,
            progress=kwargs.get("verbose") != 0,
        )
        # The dataset is shuffled already; Keras warns unless told so.
        return super().fit(dataset, epochs=epochs, shuffle=False, **kwargs)

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

    def train_step(self, data):
        """One step on (x, y) from `fit`; returns the losses and logs."""
        import tensorflow as tf

        variables = self.variables_by_network()
        members = self.optimizer.members
        all_losses = {}
        if self.updates == "simultaneous":
            with tf.GradientTape(persistent=True) as tape:
                losses, logs = self.losses(self._unpack(data))
                scaled = {
                    name: members[name].scale_loss(loss)
                    for name, loss in losses.items()
                }
            # Every gradient before any update: they share their weights.
            gradients = {
                name: tape.gradient(scaled[name], variables[name])
                for name in members
            }
            for name, member in members.items():
                member.apply(gradients[name], variables[name])
            all_losses = losses
        else:
            logs = {}
            for name in variables:
                member = members[name]
                with tf.GradientTape() as tape:
                    losses, some_logs = self.losses(self._unpack(data))
                    scaled = member.scale_loss(losses[name])
                member.apply(
                    tape.gradient(scaled, variables[name]), variables[name]
                )
                all_losses[name] = losses[name]
                logs.update(some_logs)
        for network, average in self.averaged():
            update_average(average, network, self.ema_decay)
        self.optimizer.iterations.assign_add(1)
        logs.update({f"{k}_loss": v for k, v in all_losses.items()})
        return logs

    def _unpack(self, data):
        x, y = data
        if "tokens" in x:
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


def _has_gpu():
    if keras.backend.backend() != "tensorflow":
        return True
    import tensorflow as tf

    return bool(tf.config.list_logical_devices("GPU"))
