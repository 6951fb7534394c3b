"""The training step against the usual Keras GAN step, on equal networks.

The usual step (as in the DCGAN example of Keras) draws pictures twice: once
for the discriminator's update, once more for the generator's. `updates=
"simultaneous"` takes both gradients from one forward pass. Both keep the
moving average of the generator; R1 is off in both.
"""

import numpy as np
import tensorflow as tf
import timing
from keras import ops

from keras_t2i import losses
from keras_t2i import models
from keras_t2i.models.gan_cls import objective
from keras_t2i.training.ema import update_average

BATCH = 32
SIZE = 64
ROWS = {
    "compact": {},
    "compact, GAN-INT": {"interpolate": True},
    "reed2016, width 32": {
        "variant": "reed2016",
        "generator_width": 32,
        "discriminator_width": 32,
    },
}

# Terms that the usual step below does not have.
PLAIN = {
    "interpolate": False,
    "realism_weight": 0.0,
    "mode_seeking_weight": 0.0,
    "text_noise": 0.0,
    "augment": (),
}


class UsualGANCLS(models.GANCLS):
    """GANCLS with two forward passes of the generator a step."""

    def train_step(self, data):
        batch = self._unpack(data)
        images, sentence = batch["images"], batch["features"].sentence
        variables = self.variables_by_network()
        members = self.optimizer.members

        drawn = self.draw_for(sentence)
        with tf.GradientTape() as tape:
            real = self.trunk(images, training=True)
            fake = self.judge(self.trunk(drawn, training=True), sentence)
            loss = self.discriminator_loss(real, fake, sentence, batch)
        found = variables["discriminator"]
        members["discriminator"].apply(tape.gradient(loss, found), found)

        asked = sentence
        if self.settings["interpolate"]:
            between = objective.interpolated_sentences(sentence)
            asked = ops.concatenate([sentence, between])
        with tf.GradientTape() as tape:
            drawn = self.draw_for(asked)
            fake = self.judge(self.trunk(drawn, training=True), asked)
            generator_loss = losses.gan_cls_generator_loss(fake)
        found = variables["generator"]
        members["generator"].apply(tape.gradient(generator_loss, found), found)

        update_average(self.generator_ema, self.generator, self.ema_decay)
        self.optimizer.iterations.assign_add(1)
        return {"discriminator_loss": loss, "generator_loss": generator_loss}

    def draw_for(self, sentence):
        latents = self.draw_noise((ops.shape(sentence)[0], self.latent_width))
        return self.generator([latents, sentence], training=True)

    def discriminator_loss(self, real, fake, sentence, batch):
        if self.settings["wrong_pairs"] == "all":
            return losses.gan_cls_matrix_discriminator_loss(
                self.head([real, sentence], all_pairs=True, training=True),
                losses.other_class(batch["class_id"]),
                fake,
            )
        wrong = self.judge_wrong(real, sentence, batch["class_id"])
        return losses.gan_cls_discriminator_loss(
            self.judge(real, sentence), wrong, fake
        )


def step(cls, settings):
    """A compiled training step on one fixed batch."""
    model = cls(
        image_size=SIZE,
        text_encoder="bag_of_ngrams",
        **{"interpolate": False, "updates": "simultaneous", **settings},
        r1_weight=0.0,
    )
    random = np.random.default_rng(0)
    width = model.text_encoder.sentence_width
    x = {
        "sentence": random.normal(size=(BATCH, width)).astype("float32"),
        "class_id": np.arange(BATCH),
    }
    y = random.integers(0, 256, (BATCH, SIZE, SIZE, 3), "uint8")
    data = tf.nest.map_structure(tf.constant, (x, y))
    compiled = tf.function(model.train_step)
    return lambda: compiled(data)["generator_loss"].numpy()


def main():
    rows = []
    for label, settings in ROWS.items():
        candidates = {
            "usual": step(UsualGANCLS, settings),
            "ours": step(models.GANCLS, settings),
        }
        seconds = timing.interleaved(candidates, rounds=15)
        rows.append((label, seconds["usual"], seconds["ours"]))
    timing.print_table(rows, "at least 1.15x")


if __name__ == "__main__":
    main()
