"""The training step against the usual Keras GAN step, on equal networks.

The usual step (as in the DCGAN example of Keras) draws pictures twice: once
for the discriminator's update, once more for the generator's. `updates=
"simultaneous"` takes both gradients from one forward pass. Everything else is
the same work on both sides: noise on the text, augmentation, wrong pairs, both
judgements, mode seeking, lazy R1, optimizers, the generator's moving average
and its statistics.
"""

import numpy as np
import tensorflow as tf
import timing
from keras import ops

from keras_t2i import losses
from keras_t2i import models
from keras_t2i.models.gan_cls import objective
from keras_t2i.training import backend
from keras_t2i.training.ema import update_average

BATCH = 32
SIZE = 64
# R1 is due every 16th step and the statistics of the average every 8th, once
# the first 100 steps are made.
STEPS = 16
MADE_BEFORE = 112
ROWS = {
    "default": {},
    "default, GAN-INT": {"interpolate": True},
    "reed2016, width 32": {
        "variant": "reed2016",
        "interpolate": False,
        "generator_width": 32,
        "discriminator_width": 32,
    },
}


class UsualGANCLS(models.GANCLS):
    """GANCLS with two forward passes of the generator a step."""

    def train_step(self, data):
        batch = self._unpack(data)
        s = self.settings
        variables = self.variables_by_network()
        members = self.optimizer.members
        sentence = self.noisy(batch["features"].sentence)
        asked = losses.twice(sentence) if s["mode_seeking_weight"] else sentence

        drawn, _ = self.draw_for(asked)
        with tf.GradientTape() as tape:
            loss = self.discriminator_loss(batch, sentence, drawn, asked)
        found = variables["discriminator"]
        members["discriminator"].apply(tape.gradient(loss, found), found)

        count = ops.shape(asked)[0]
        if s["interpolate"]:
            between = objective.interpolated_sentences(sentence)
            asked = ops.concatenate([asked, between])
        with tf.GradientTape() as tape:
            drawn, latents = self.draw_for(asked)
            generator_loss = self.generator_loss(drawn, latents, asked, count)
        found = variables["generator"]
        members["generator"].apply(tape.gradient(generator_loss, found), found)

        update_average(self.generator_ema, self.generator, self.ema_decay)
        backend.when(
            self._statistics_are_due(), lambda: self.refresh_averages(batch), []
        )
        self.optimizer.iterations.assign_add(1)
        return {"discriminator_loss": loss, "generator_loss": generator_loss}

    def draw_for(self, sentence):
        latents = self.draw_noise((ops.shape(sentence)[0], self.latent_width))
        return self.generator([latents, sentence], training=True), latents

    def discriminator_loss(self, batch, sentence, drawn, asked):
        s = self.settings
        images = self.augment(batch["images"])
        real = self.trunk(images, training=True)
        drawn = self.augment(drawn)
        fake = self.trunk(drawn, training=True)
        fake_logits = self.judge(fake, asked)
        if s["wrong_pairs"] == "all":
            loss = losses.gan_cls_matrix_discriminator_loss(
                self.head([real, sentence], all_pairs=True, training=True),
                losses.other_class(batch["class_id"]),
                fake_logits,
            )
        else:
            loss = losses.gan_cls_discriminator_loss(
                self.judge(real, sentence),
                self.judge_wrong(real, sentence, batch["class_id"]),
                fake_logits,
            )
        if s["realism_weight"]:
            loss += s["realism_weight"] * losses.gan_discriminator_loss(
                self.judge(real, None), self.judge(fake, None)
            )
        if s["coarse_weight"]:
            loss += s["coarse_weight"] * losses.gan_discriminator_loss(
                self.coarse(images, training=True),
                self.coarse(drawn, training=True),
            )
            loss += self.r1_penalty(
                lambda x: self.coarse(x, training=True), images
            )
        return loss + self.r1_penalty(
            lambda x: self.judge(self.trunk(x, training=True), sentence), images
        )

    def generator_loss(self, drawn, latents, asked, count):
        s = self.settings
        shown = self.augment(drawn)
        fake = self.trunk(shown, training=True)
        loss = losses.gan_cls_generator_loss(self.judge(fake, asked))
        if s["realism_weight"]:
            loss += s["realism_weight"] * losses.gan_cls_generator_loss(
                self.judge(fake, None)
            )
        if s["coarse_weight"]:
            loss += s["coarse_weight"] * losses.gan_cls_generator_loss(
                self.coarse(shown, training=True)
            )
        if s["mode_seeking_weight"]:
            loss += s["mode_seeking_weight"] * losses.mode_seeking_loss(
                ops.split(drawn[:count], 2), ops.split(latents[:count], 2)
            )
        return loss


def steps(cls, settings):
    """`STEPS` compiled training steps on one fixed batch, as one call."""
    model = cls(
        image_size=SIZE,
        text_encoder="bag_of_ngrams",
        **{"updates": "simultaneous", **settings},
    )
    model.optimizer.iterations.assign(MADE_BEFORE)
    random = np.random.default_rng(0)
    width = model.text_encoder.sentence_width
    x = {
        "sentence": random.normal(size=(BATCH, width)).astype("float32"),
        "class_id": np.arange(BATCH),
    }
    y = random.integers(0, 256, (BATCH, SIZE, SIZE, 3), "uint8")
    data = tf.nest.map_structure(tf.constant, (x, y))
    compiled = tf.function(model.train_step)

    def call():
        for _ in range(STEPS):
            logs = compiled(data)
        logs["generator_loss"].numpy()

    return call


def compared(baseline, ours, settings, rounds):
    """Medians of a step of two classes: pairs of wall and CPU seconds."""
    candidates = {
        "baseline": steps(baseline, settings),
        "ours": steps(ours, settings),
    }
    seconds = timing.interleaved(candidates, rounds, warm_up=1)
    return [[s / STEPS for s in both] for both in seconds.values()]


def main():
    rows = [
        (label, *compared(UsualGANCLS, models.GANCLS, settings, rounds=3))
        for label, settings in ROWS.items()
    ]
    timing.print_table(rows, "at least 1.15x")


if __name__ == "__main__":
    main()
