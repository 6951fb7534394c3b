"""Whether pictures show what their captions say."""

import numpy as np

from keras_t2i.metrics.distances import unit


def r_precision(images, texts, class_ids, num_captions=100, seed=0):
    """R-precision: how often a picture's own caption fits it best.

    Each picture is compared, by cosine, with its own caption and with
    captions of other classes, drawn at random (Xu et al. 2018, section 4).
    If others fit equally well, the success is shared among them, so that
    embeddings that know nothing score at chance, 1 / `num_captions`.

    Args:
        images: float [N, D], embeddings of pictures.
        texts: float [N, D], embeddings of the captions that they show.
        class_ids: integers [N]. Give `arange(N)` where there are no classes:
            captions of all other pictures are then drawn from.
        num_captions: captions for each picture, its own among them.
        seed: of the draw.

    Returns:
        float in [0, 1].

    Raises:
        ValueError: if the shapes do not fit, or there are too few captions
            of other classes.
    """
    images, texts = unit(images), unit(texts)
    class_ids = np.asarray(class_ids)
    if images.shape != texts.shape or class_ids.shape != images.shape[:1]:
        raise ValueError(
            "Give one picture, one text and one class a row. Received shapes: "
            f"images {images.shape}, texts {texts.shape}, class_ids "
            f"{class_ids.shape}"
        )
    if num_captions < 2:
        raise ValueError(
            f"`num_captions` must be at least 2. Received: {num_captions}"
        )
    rows_by_class = {
        each: np.flatnonzero(class_ids != each) for each in np.unique(class_ids)
    }
    fewest = min((len(rows) for rows in rows_by_class.values()), default=0)
    if fewest < num_captions - 1:
        raise ValueError(
            f"Each picture needs {num_captions - 1} captions of other classes. "
            f"Received: only {fewest}. Judge more pictures, or lower "
            "`num_captions`."
        )
    random = np.random.default_rng(seed)
    total = 0.0
    for image, own, each in zip(images, texts, class_ids):
        others = random.choice(
            rows_by_class[each], num_captions - 1, replace=False
        )
        # One product for all: equal captions get bit-equal cosines.
        cosines = np.sum(np.vstack([own, texts[others]]) * image, axis=1)
        if cosines[0] == cosines.max():
            total += 1.0 / np.count_nonzero(cosines == cosines[0])
    return total / len(images)
