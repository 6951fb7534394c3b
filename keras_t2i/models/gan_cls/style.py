"""Style transfer by inverting the generator (Reed et al. 2016, section 4.4)."""

import keras
from keras import layers

from keras_t2i.models.gan_cls import networks


def style_encoder(image_size, latent_width, width=64):
    """Picture -> latents, by strided convolutions (methods, section 6.4).

    Returns:
        `keras.Model` from float [B, H, W, 3] in [-1, 1] to float32 [B, Z].
    """
    images = keras.Input((image_size, image_size, 3), name="images")
    x = images
    for index in range(networks.up_samplings(image_size)):
        x = networks.conv(width * min(2**index, 8), 4, 2)(x)
        x = networks.leaky_relu(networks.batch_norm(x) if index else x)
    x = layers.Flatten()(x)
    latents = layers.Dense(latent_width, dtype="float32")(x)
    return keras.Model(images, latents, name="style_encoder")


def drawn_pictures(draw, sentence, latent_width, batch_size, seed=0):
    """Endless dataset of what a generator draws, with the latents as labels.

    Args:
        draw: callable from (latents [B, Z], sentence [B, S]) to float
            pictures [B, H, W, 3].
        sentence: float32 NumPy array [N, S] of captions.
        latent_width: Z.
        batch_size: B.
        seed: seed of captions and latents.

    Returns:
        `tf.data.Dataset` of (pictures, latents).
    """
    import tensorflow as tf

    # 0.02 of noise on the text, so that S does not read it off the picture.
    spread = 0.02

    def pair(step):
        key = tf.stack([tf.cast(seed, tf.int64), step])
        rows = tf.random.stateless_uniform(
            [batch_size], key, maxval=len(sentence), dtype=tf.int32
        )
        latents = tf.random.stateless_normal([batch_size, latent_width], key)
        text = tf.gather(tf.constant(sentence), rows)
        text += spread * tf.random.stateless_normal(tf.shape(text), key + 1)
        return draw(latents, text), latents

    return tf.data.Dataset.counter().map(pair).prefetch(1)
