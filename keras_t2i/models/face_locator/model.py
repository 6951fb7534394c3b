"""FaceLocator: whether a picture shows a face, and where."""

import functools

import keras
import numpy as np
from keras import layers
from keras import ops

from keras_t2i import losses
from keras_t2i.data.face_scenes import COLUMNS
from keras_t2i.models.face_features.networks import residual_trunk
from keras_t2i.models.face_locator.variants import VARIANTS
from keras_t2i.models.face_locator.variants import check
from keras_t2i.models.preset_model import PresetModel
from keras_t2i.training import backend

# Above this score there is a face.
_SURE = 0.5
# A score, x, y and side.
_NUM_OUTPUTS = 4
# Of the frame, in parts of it: squares are told from there.
_MIDDLE = 0.5


@keras.saving.register_keras_serializable("keras_t2i")
class FaceLocator(PresetModel):
    """Finds the face in a picture, for a camera that is being pointed.

    A convolutional network says how surely there is a face, by binary cross
    entropy, and the square around it, by the mean absolute error in parts of
    its side; a picture without a face says nothing of a square. The square is
    that of the pictures of aligned faces that an editor takes.

    Args:
        image_size: height and width in pixels, 16 or a further power of two.
            None takes it from the first dataset.
        variant: named settings: "default".
        **settings: any setting of the variant, to change it: `width`,
            channels of the first map; `place_weight` of the error of the
            square; `learning_rate`, `beta_1`, `weight_decay` of Adam;
            `decay_steps`, in which the rate falls to 0 along a cosine, or
            None; `seed` as in `keras_t2i.training.AdversarialModel`.

    Example:

    ```python
    scenes = keras_t2i.data.face_scenes("faces/", others=["flowers/"])
    locator = keras_t2i.models.FaceLocator()
    locator.fit(scenes, epochs=5)
    score, x, y, side = locator.locate(picture)[0]
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
        return {"locator": adam}

    # Networks.

    def build_networks(self):
        images = keras.Input(
            (self.image_size, self.image_size, 3), name="images"
        )
        x = residual_trunk(images, self.settings["width"])[-1]
        # What is seen where says where the face is.
        x = layers.Dense(_NUM_OUTPUTS, dtype="float32")(layers.Flatten()(x))
        self.locator = keras.Model(images, x, name="locator")

    def networks(self):
        return {"locator": [self.locator]}

    def averaged(self):
        return []

    def preset_networks(self):
        return {"locator": self.locator}

    def found(self, images):
        """What `locate` gives, of a tensor.

        Args:
            images: [B, H, W, 3] in [-1, 1].

        Returns:
            float32 tensor [B, 4].
        """
        seen = self.locator(images, training=False)
        # Not cut apart: GPUs of phones do not cut what has two dimensions.
        score = ops.convert_to_tensor([1.0, 0.0, 0.0, 0.0])
        return score * ops.sigmoid(seen) + (1.0 - score) * (seen + _MIDDLE)

    # Objective.

    def fit(self, x=None, y=None, batch_size=None, epochs=1, **kwargs):
        """Trains on scenes. Arguments beyond these are Keras's.

        Args:
            x: what `keras_t2i.data.face_scenes` gives; or a dict of
                `attributes`, float [N, 4]: 1 with a face, else 0; and x, y
                and side of its square in parts of the frame.
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
        x = data[0]
        if x.get("attributes") is None or x["attributes"].shape[-1] != 4:
            raise ValueError(
                "FaceLocator learns from scenes with the place of the face: "
                "give it what `keras_t2i.data.face_scenes` gives, or arrays "
                f"with `attributes` [N, 4] of {COLUMNS}."
            )
        return {**super()._unpack(data), "attributes": x["attributes"]}

    def losses(self, batch):
        shown = ops.cast(batch["attributes"], "float32")
        face, place = shown[:, 0], shown[:, 1:]
        seen = self.locator(batch["images"], training=True)
        score_loss = ops.mean(losses.binary_cross_entropy(seen[:, 0], face))
        # Without a face the side is 0, and the error counts for nothing.
        side = ops.where(face > 0.0, place[:, 2], 1.0)
        error = ops.mean(ops.abs(_place(seen) - place), axis=-1) / side
        place_loss = ops.sum(face * error) / ops.maximum(ops.sum(face), 1.0)
        loss = score_loss + self.settings["place_weight"] * place_loss
        logs = {"score_loss": score_loss, "place_loss": place_loss}
        return {"locator": loss}, logs

    # Use.

    def locate(self, images, batch_size=64):
        """Whether pictures show a face, and where.

        Args:
            images: uint8 [B, H, W, 3], or one picture [H, W, 3], of the
                model's size.
            batch_size: pictures looked at together.

        Returns:
            float32 NumPy array [B, 4]: the probability of a face, were half
            of all pictures of one; and x and y of the middle and the side of
            its square, in parts of the frame. The square means nothing where
            the probability is low.

        Raises:
            ValueError: for pictures of another size or type, or a model that
                was neither trained nor loaded.
        """
        images = self.scaled_pictures(images)
        return np.concatenate(
            [
                np.asarray(self._look(images[i : i + batch_size]))
                for i in range(0, len(images), batch_size)
            ]
        )

    @functools.cached_property
    def _look(self):
        return backend.compiled(self.found, self.locator)

    def held_out(self, dataset):
        """How well faces of a dataset are found.

        Args:
            dataset: from `keras_t2i.data.face_scenes(..., training=False)`,
                of faces that were not learned.

        Returns:
            dict of `recall`, the share of the faces whose score is above 0.5;
            `false_alarms`, that of the scenes without a face; and of the
            faces found `center_error`, the median distance of the centers,
            and `side_error`, the median difference of the sides, both in
            parts of the true side.
        """
        truth = dataset.source.attributes
        images = np.concatenate([np.asarray(y) for _, y in dataset])
        seen = self.locate(images)
        face, sure = truth[:, 0] > 0.0, seen[:, 0] > _SURE
        found, place = seen[face & sure], truth[face & sure]
        away = np.linalg.norm(found[:, 1:3] - place[:, 1:3], axis=-1)
        wider = np.abs(found[:, 3] - place[:, 3])
        return {
            "recall": float(np.mean(sure[face])),
            "false_alarms": float(np.mean(sure[~face])),
            "center_error": float(np.median(away / place[:, 3])),
            "side_error": float(np.median(wider / place[:, 3])),
        }


def _place(seen):
    """x, y and side [B, 3] as the network says them: from the middle."""
    return seen[:, 1:] + _MIDDLE
