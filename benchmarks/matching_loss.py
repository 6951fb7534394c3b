"""The word loss of DAMSM: all pairs at once against a loop over captions.

The loop is the usual way to write it: for each caption, cut to its own length,
the scores with all pictures of the batch. The time counts the loss with its
gradients for regions and words.
"""

import numpy as np
import tensorflow as tf
import timing

from keras_t2i import losses

BATCH, REGIONS, WORDS, WIDTH = 32, 64, 24, 256
GAMMA1, GAMMA2, GAMMA3 = 4.0, 5.0, 10.0


def vectorised(regions, words, lengths, class_ids):
    mask = tf.sequence_mask(lengths, words.shape[1], tf.float32)
    return losses.word_matching_loss(
        regions, words, mask, class_ids, GAMMA1, GAMMA2, GAMMA3
    )


def by_caption(regions, words, lengths, class_ids):
    count = len(lengths)
    columns = []
    for i in range(count):
        own = words[i : i + 1, : lengths[i]]  # [1, T_i, D]
        own = tf.repeat(own, count, axis=0)
        similarity = tf.matmul(regions, own, transpose_b=True)  # [B, N, T_i]
        attention = tf.nn.softmax(GAMMA1 * tf.nn.softmax(similarity), axis=1)
        context = tf.matmul(attention, regions, transpose_a=True)
        cosine = tf.reduce_sum(
            tf.nn.l2_normalize(context, -1) * tf.nn.l2_normalize(own, -1), -1
        )
        columns.append(tf.reduce_logsumexp(GAMMA2 * cosine, axis=-1))
    logits = GAMMA3 * tf.stack(columns, axis=1)
    return losses.pair_matching_loss(logits, class_ids)


def with_gradients(loss, regions, words, lengths, class_ids):
    with tf.GradientTape() as tape:
        tape.watch([regions, words])
        value = loss(regions, words, lengths, class_ids)
    return value, *tape.gradient(value, [regions, words])


def main():
    random = np.random.default_rng(0)

    def normal(*shape):
        scale = WIDTH**-0.25
        return tf.constant(scale * random.normal(size=shape), tf.float32)

    lengths = random.integers(WORDS // 2, WORDS + 1, BATCH)
    regions, words = normal(BATCH, REGIONS, WIDTH), normal(BATCH, WORDS, WIDTH)

    def call(loss):
        return with_gradients(loss, regions, words, lengths, np.arange(BATCH))

    candidates = {
        "ours": tf.function(lambda: call(vectorised)),
        "compiled loop": tf.function(lambda: call(by_caption)),
        "loop": lambda: call(by_caption),
    }
    ours, *others = (f()[0].numpy() for f in candidates.values())
    np.testing.assert_allclose(others, ours, rtol=1e-4)
    seconds = timing.interleaved(candidates, rounds=10)
    rows = [
        ("loop over captions", seconds["loop"], seconds["ours"]),
        ("the same, compiled", seconds["compiled loop"], seconds["ours"]),
    ]
    timing.print_table(rows, "at least 10x")


if __name__ == "__main__":
    main()
