"""FaceFeatures: which attributes a face has, and whose face it is."""

import functools

import keras
import numpy as np
from keras import ops

from keras_t2i import losses
from keras_t2i.metrics import recognition as metrics
from keras_t2i.models.face_features import networks
from keras_t2i.models.face_features.variants import VARIANTS
from keras_t2i.models.face_features.variants import check
from keras_t2i.models.preset_model import PresetModel
from keras_t2i.training import backend


@keras.saving.register_keras_serializable("keras_t2i")
class FaceFeatures(PresetModel):
    """Sees attributes and persons in pictures of aligned faces.

    One convolutional network with two heads. That of the attributes learns
    by binary cross entropy, with the log odds of each attribute in the
    training pictures added to its logits (logit adjustment, Menon et al.
    2021): without them, the logits are of a world in which an attribute is
    as frequent as its absence, and a rare one is not overlooked. That of the
    identity learns by telling the persons of the training pictures apart
    (CosFace, Wang et al. 2018).

    Args:
        image_size: height and width in pixels, 16 or a further power of two.
            None takes it from the first dataset.
        variant: named settings: "default", for training editors and for
            inversion; "judge", another network, for measuring alone: train it
            on other persons (`fold` of `keras_t2i.data.load`).
        **settings: any setting of the variant, to change it:

            - `attribute_names` (A strings), `attribute_rates` (shares of the
              pictures that have each) and `num_identities` (largest
              `class_id` + 1) are read from the first dataset unless given.
            - `architecture`: "residual" or "pooled"; `width`: channels of its
              first map; `identity_width`: E; `dropout` before the heads.
            - `attribute_weight`, `identity_weight` of the two losses;
              `identity_scale`, `identity_margin` as in
              `keras_t2i.losses.cosine_margin_loss`.
            - `learning_rate`, `beta_1`, `weight_decay` of Adam; `decay_steps`,
              in which the rate falls to 0 along a cosine, or None; `augment`,
              `seed` as in `keras_t2i.training.AdversarialModel`.

    Example:

    ```python
    faces = keras_t2i.data.load("faces/", image_size=64, attributes=True)
    features = keras_t2i.models.FaceFeatures()
    features.fit(faces, epochs=15)
    features.attributes(images)[:, features.attribute_names.index("Smiling")]
    features.similarity(before, after)
    ```
    """

    variants = VARIANTS
    check_settings = staticmethod(check)

    def __init__(self, image_size=None, variant="default", **settings):
        super().__init__(image_size, variant, **settings)

    def optimizers(self):
        s = self.settings
        rate = s["learning_rate"]
        if s["decay_steps"] is not None:
            rate = keras.optimizers.schedules.CosineDecay(
                rate, s["decay_steps"]
            )
        adam = keras.optimizers.Adam(
            rate, beta_1=s["beta_1"], weight_decay=s["weight_decay"] or None
        )
        return {"features": adam}

    @property
    def attribute_names(self):
        """Tuple of A strings."""
        return tuple(self.settings["attribute_names"])

    # Networks.

    def build_for(self, image_size):
        # Before the first dataset it is not known what to look for.
        if self.attribute_names:
            super().build_for(image_size)

    def build_from(self, dataset):
        if not self.attribute_names:
            self.settings.update(_facts_of(dataset.source))
        super().build_from(dataset)

    def build_networks(self):
        s = self.settings
        self.trunk = networks.trunk(self.image_size, s)
        self.heads = networks.heads(
            self.trunk.outputs[-1].shape[-1],
            len(self.attribute_names),
            s["identity_width"],
        )
        self.classes = networks.CosineClasses(
            max(1, s["num_identities"]), dtype="float32"
        )
        self.classes.build((None, s["identity_width"]))

    def networks(self):
        return {"features": [self.trunk, self.heads, self.classes]}

    def averaged(self):
        return []

    def preset_networks(self):
        return {"trunk": self.trunk, "heads": self.heads}

    @functools.cached_property
    def attribute_network(self):
        """`keras.Model`: [B, H, W, 3] in [-1, 1] -> logits [B, A]."""
        return self._with_heads(0, "attribute_network")

    @functools.cached_property
    def identity_network(self):
        """`keras.Model`: [B, H, W, 3] in [-1, 1] -> unit vectors [B, E]."""
        return self._with_heads(1, "identity_network")

    @functools.cached_property
    def perceptual_network(self):
        """`keras.Model`: [B, H, W, 3] in [-1, 1] -> list of [B, h, w, C].

        From half of the size down to 4 x 4. The vector of every place has
        length 1, as in LPIPS (Zhang et al. 2018).
        """
        self.check_built()
        maps = [
            keras.layers.UnitNormalization(dtype="float32")(x)
            for x in self.trunk.outputs
        ]
        return keras.Model(
            self.trunk.inputs[0], maps, name="perceptual_network"
        )

    def _with_heads(self, number, name):
        self.check_built()
        seen = self.heads(self.trunk.outputs[-1])
        return keras.Model(self.trunk.inputs[0], seen[number], name=name)

    # Objective.

    def fit(self, x=None, y=None, batch_size=None, epochs=1, **kwargs):
        """Trains on faces. Arguments beyond these are Keras's.

        Args:
            x: what `keras_t2i.data.load(..., attributes=True)` gives; or a
                dict of `attributes` (0 or 1, [N, A]) and `class_id` (the
                number of each person, int [N]), for a model that was made
                with `attribute_names`, `attribute_rates`, `num_identities`.
            y: uint8 [N, H, W, 3], with arrays in `x`.
            batch_size: for arrays; default 64.
            epochs: passes over the data.

        Returns:
            `keras.callbacks.History`.

        Raises:
            ValueError: if the data has another form or picture size.
        """
        if isinstance(x, dict) and y is not None:
            x = {"text": [""] * len(y), **x}
        return super().fit(x, y, batch_size, epochs, **kwargs)

    def _unpack(self, data):
        return {**super()._unpack(data), "attributes": data[0]["attributes"]}

    def losses(self, batch):
        s = self.settings
        last = self.trunk(self.augment(batch["images"]), training=True)[-1]
        if s["dropout"]:
            last = keras.random.dropout(
                last, s["dropout"], seed=self.seed_generator
            )
        logits, identity = self.heads(last, training=True)
        rates = np.array(s["attribute_rates"], "float32")
        shown = ops.cast(batch["attributes"], "float32")
        logits = logits + np.log(rates / (1.0 - rates))
        attribute_loss = ops.mean(losses.binary_cross_entropy(logits, shown))
        cosines = self.classes(identity)
        identity_loss = losses.cosine_margin_loss(
            cosines,
            batch["class_id"],
            s["identity_scale"],
            s["identity_margin"],
        )
        logs = {
            "attribute_loss": attribute_loss,
            "identity_loss": identity_loss,
        }
        loss = s["attribute_weight"] * attribute_loss
        return {"features": loss + s["identity_weight"] * identity_loss}, logs

    # Use.

    def attributes(self, images, batch_size=64):
        """Which attributes faces have.

        Args:
            images: uint8 [B, H, W, 3], or one picture [H, W, 3], of the
                model's size.
            batch_size: pictures looked at together.

        Returns:
            float32 NumPy array [B, A], columns as in `attribute_names`:
            probabilities, were each attribute as frequent as its absence.

        Raises:
            ValueError: for pictures of another size or type, or a model that
                was neither trained nor loaded.
        """
        logits = self._seen(images, batch_size)[0]
        return np.asarray(ops.sigmoid(logits))

    def identity(self, images, batch_size=64):
        """Vectors that are near each other for pictures of one person.

        Args:
            images, batch_size: as in `attributes`.

        Returns:
            float32 NumPy array [B, E], rows of length 1.
        """
        return self._seen(images, batch_size)[1]

    def similarity(self, first, second):
        """How much two pictures look like one person.

        Args:
            first, second: uint8 [B, H, W, 3], or one picture each.

        Returns:
            float32 NumPy array [B] of cosines in [-1, 1].
        """
        return np.sum(self.identity(first) * self.identity(second), axis=-1)

    def recognition(self, dataset):
        """How well attributes and persons of a dataset are recognized.

        Args:
            dataset: from `keras_t2i.data.load(..., attributes=True,
                training=False)`, with the attributes that were learned, of
                persons who were not.

        Returns:
            dict of dicts of numbers. For each attribute that some pictures
            have and some lack: `accuracy` (with the rates of training taken
            into account), `majority` (of the more frequent answer),
            `balanced` (mean of the accuracies on pictures with and without
            it), and `count` of those with it. `mean` has the means over the
            attributes. `verification` is about all pairs of pictures of one
            person, and as many random pairs of two: `auc`, and `accuracy` at
            the best threshold of the other half of the pairs.

        Raises:
            ValueError: if the attributes are not those that were learned.
        """
        source = dataset.source
        if tuple(source.attribute_names or ()) != self.attribute_names:
            raise ValueError(
                f"The model knows the attributes {self.attribute_names}. "
                f"Received a dataset with {source.attribute_names}"
            )
        images = np.concatenate([np.asarray(y) for _, y in dataset])
        logits, identity = self._seen(images, 64)
        rates = np.array(self.settings["attribute_rates"])
        scores = metrics.attribute_accuracy(
            logits,
            np.log(rates / (1.0 - rates)),
            source.attributes,
            self.attribute_names,
        )
        return {
            **scores,
            "verification": metrics.verification(identity, source.class_ids),
        }

    def _seen(self, images, batch_size):
        """Logits [B, A] and unit vectors [B, E], NumPy arrays."""
        images = self.scaled_pictures(images)
        parts = [
            self._look(images[i : i + batch_size])
            for i in range(0, len(images), batch_size)
        ]
        return [np.concatenate(list(map(np.asarray, x))) for x in zip(*parts)]

    @functools.cached_property
    def _look(self):
        network = keras.Model(
            self.trunk.inputs[0], self.heads(self.trunk.outputs[-1])
        )
        return backend.compiled(
            lambda images: network(images, training=False), network
        )


def _facts_of(source):
    """The settings that a dataset decides on.

    Raises:
        ValueError: if it knows of no attributes.
    """
    if getattr(source, "attributes", None) is None:
        raise ValueError(
            "FaceFeatures learns from the attributes of faces. Load them with "
            "`keras_t2i.data.load(..., attributes=True)`, or make the model "
            "with `attribute_names`, `attribute_rates` and `num_identities`."
        )
    # None is certain: a head that has seen no example still has a rate.
    rates = (source.attributes.sum(axis=0) + 1.0) / (len(source) + 2.0)
    return {
        "attribute_names": list(source.attribute_names),
        "attribute_rates": [round(float(rate), 6) for rate in rates],
        "num_identities": int(source.class_ids.max()) + 1,
    }
