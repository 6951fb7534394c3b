"""Matching losses of images and texts, as in DAMSM.

Xu, Zhang, Huang, Zhang, Gan, Huang, He: "AttnGAN: Fine-Grained Text to Image
Generation with Attentional Generative Adversarial Networks", CVPR 2018,
section 3.2 and its released code.

J = images, I = captions, N = regions of an image, T = word positions, D =
width of the common space.
"""

from keras import ops

from keras_t2i.losses.scores import NEVER
from keras_t2i.losses.scores import cosine
from keras_t2i.losses.scores import log_sum_exp
from keras_t2i.losses.scores import unit

# From about 40 on, squared sums of exp(gamma1) may overflow in float32.
_SHARPEST = 30.0


def word_region_attention(regions, words, mask, gamma1=4.0):
    """Where in each image each word of each caption looks.

    The similarities s = R e of regions and words are normalized over the
    words of the caption, sharpened by `gamma1` and normalized over regions
    (equations 7 to 9, in the order of the released code).

    Args:
        regions: [J, N, D].
        words: [I, T, D].
        mask: [I, T], nonzero where there is a word.
        gamma1: how sharply a word picks its regions, 0 to 30.

    Returns:
        Pair of similarities and attention, both [J, I, N, T]. Attention sums
        to 1 over N. Positions without a word hold numbers without meaning.
    """
    shape = (-1, regions.shape[1], ops.shape(words)[0], words.shape[1])
    similarity, _, looks = _looks(regions, words, _is_word(mask), gamma1)
    attention = looks / ops.sum(looks, axis=1, keepdims=True)
    return [
        ops.transpose(ops.reshape(x, shape), (0, 2, 1, 3))
        for x in (similarity, attention)
    ]


def word_region_scores(regions, words, mask, gamma1=4.0, gamma2=5.0):
    """How well every caption's words are found in every image.

        R(j, i) = log sum_t exp(gamma2 * cos(c_t, e_t))

    where c_t is the sum of the regions of image j, weighted by the attention
    of word t (equation 10; the code drops the paper's exponent 1 / gamma2).

    Args:
        regions: [J, N, D].
        words: [I, T, D].
        mask: [I, T], nonzero where there is a word. What stands elsewhere in
            `words`, and how much of it there is, does not matter.
        gamma1: how sharply a word picks its regions, 0 to 30.
        gamma2: how much the best words count more than the others.

    Returns:
        [J, I]. A caption without any word scores 0 with every image.
    """
    is_word = _is_word(mask)
    dot, context_square = _contexts(regions, words, is_word, gamma1)
    word_square = ops.sum(ops.square(words), axis=-1)  # [I, T]
    cosines = cosine(dot, context_square * word_square[None])
    return log_sum_exp(gamma2 * cosines, is_word[None])


def word_matching_loss(
    regions, words, mask, class_ids, gamma1=4.0, gamma2=5.0, gamma3=10.0
):
    """Word loss of DAMSM: cross entropy of `word_region_scores`.

    Args:
        regions: [B, N, D].
        words: [B, T, D], of the captions of the same rows.
        mask: [B, T], nonzero where there is a word.
        class_ids: integers [B], see `pair_matching_loss`.
        gamma1, gamma2: see `word_region_scores`.
        gamma3: factor of the scores in the cross entropy.

    Returns:
        Scalar, the sum of both directions; each is log B where all pairs
        score the same.
    """
    scores = word_region_scores(regions, words, mask, gamma1, gamma2)
    return pair_matching_loss(gamma3 * scores, class_ids)


def sentence_matching_loss(images, sentences, class_ids, gamma3=10.0):
    """Sentence loss of DAMSM: cross entropy of the cosines.

    Args:
        images: [B, D].
        sentences: [B, D], of the captions of the same rows.
        class_ids: integers [B], see `pair_matching_loss`.
        gamma3: factor of the cosines in the cross entropy.

    Returns:
        Scalar, the sum of both directions; each is log B where all pairs
        score the same.
    """
    cosines = ops.matmul(unit(images), ops.transpose(unit(sentences)))
    return pair_matching_loss(gamma3 * cosines, class_ids)


def pair_matching_loss(logits, class_ids):
    """Cross entropy of finding the caption of an image, and the reverse.

    Pairs of different rows but one class are neither right nor wrong: they
    are left out of both softmaxes.

    Args:
        logits: [B, B]; entry (j, i) judges image j with caption i, so the
            diagonal holds the matching pairs.
        class_ids: integers [B]. With `arange(B)` nothing is left out.

    Returns:
        Scalar: mean over images plus mean over captions.
    """
    count = ops.shape(logits)[0]
    same_class = ops.equal(class_ids[:, None], class_ids[None, :])
    same_row = ops.eye(count, dtype="bool")
    left_out = ops.logical_and(same_class, ops.logical_not(same_row))
    logits = ops.where(left_out, NEVER, logits)
    matching = ops.diagonal(logits)
    to_caption = ops.logsumexp(logits, axis=1) - matching
    to_image = ops.logsumexp(logits, axis=0) - matching
    return ops.mean(to_caption) + ops.mean(to_image)


def _contexts(regions, words, is_word, gamma1):
    """What the cosine of c_t and e_t needs, up to the length of e_t.

    c_t itself, [J, I, T, D], is never made: with c = R' a its product with e
    is a . s, and its squared length is a' (R R') a. The cosine does not need
    `a` to sum to 1.

    The gradient is written out. Derived op by op it would keep and read twice
    as many tensors of [J, N, I T], which take most of the time and memory.

    Returns:
        Pair of c_t . e_t and |c_t|^2, both [J, I, T].
    """
    width = regions.shape[-1]

    @ops.custom_gradient
    def contexts(regions, words):
        similarity, among_words, looks = _looks(regions, words, is_word, gamma1)
        gram = ops.matmul(regions, ops.transpose(regions, (0, 2, 1)))
        weighted = ops.matmul(gram, looks)
        dot = ops.sum(looks * similarity, axis=1)
        square = ops.sum(looks * weighted, axis=1)

        def gradient(upstream):
            of_dot, of_square = upstream[0][:, None], upstream[1][:, None]
            # Each line goes one step back: looks, gamma1 and the softmax over
            # words, the similarity.
            x = (gamma1 * of_dot) * similarity
            x = (x + (2.0 * gamma1 * of_square) * weighted) * looks
            x = ops.reshape(x, ops.shape(among_words))
            mean = ops.sum(among_words * x, axis=-1, keepdims=True)
            x = ops.reshape(among_words * (x - mean), ops.shape(looks))
            x = ops.reshape(x + of_dot * looks, (-1, ops.shape(looks)[2]))
            of_gram = ops.matmul(
                of_square * looks, ops.transpose(looks, (0, 2, 1))
            )
            of_regions = ops.reshape(
                ops.matmul(x, ops.reshape(words, (-1, width))),
                ops.shape(regions),
            )
            of_words = ops.matmul(
                ops.transpose(x), ops.reshape(regions, (-1, width))
            )
            return (
                of_regions + 2.0 * ops.matmul(of_gram, regions),
                ops.reshape(of_words, ops.shape(words)),
            )

        return ops.stack([dot, square]), gradient

    found = contexts(regions, words)
    shape = (2, -1, ops.shape(words)[0], words.shape[1])
    found = ops.reshape(found, shape)
    return found[0], found[1]


def _looks(regions, words, is_word, gamma1):
    """Similarities, their softmax over words, attention that sums to anything.

    As one matrix product gives them: nothing of that size is transposed.

    Returns:
        [J, N, I T], [J, N, I, T] and [J, N, I T].
    """
    if not 0.0 <= gamma1 <= _SHARPEST:
        raise ValueError(
            f"`gamma1` must lie in 0 to {_SHARPEST}. Received: {gamma1}"
        )
    # One more column of the product keeps what is no word out of the softmax.
    never = ops.where(is_word, 0.0, NEVER)[..., None]
    words = ops.concatenate([words, ops.cast(never, words.dtype)], axis=-1)
    ones = ops.ones_like(regions[..., :1])
    regions = ops.concatenate([regions, ones], axis=-1)
    similarity = ops.tensordot(regions, words, axes=[[2], [2]])
    if words.shape[1] == 1:
        # A softmax over one word, of which `ops.softmax` warns.
        among_words = ops.ones_like(similarity)
    else:
        among_words = ops.softmax(similarity, axis=-1)
    pairs = ops.shape(words)[0] * words.shape[1]
    flat = (-1, regions.shape[1], pairs)
    looks = ops.exp(gamma1 * ops.reshape(among_words, flat))
    return ops.reshape(similarity, flat), among_words, looks


def _is_word(mask):
    return ops.not_equal(mask, 0)
