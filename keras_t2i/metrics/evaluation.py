"""One protocol for all methods: the same captions, one judge, named scores."""

import numpy as np

from keras_t2i.metrics import distances
from keras_t2i.metrics.retrieval import r_precision
from keras_t2i.metrics.score import Score
from keras_t2i.pictures import resized

# Captions whose pictures are drawn and looked at together.
_PART = 256
# Pictures, of each kind, whose features the kernel distance compares.
_SAMPLE = 5000


def evaluate(
    model, dataset, judge, extractor=None, num_captions=1000, seed=0, split=""
):
    """Scores of a text-to-image model on captions of real pictures.

    The model draws one picture for each of `num_captions` captions, drawn
    without replacement from those of `dataset`; `seed` alone decides which,
    so every model is asked for the same. A judge that had no part in the
    training says whether they show what the captions say:

    - `r_precision`: the own caption against 99 of other classes;
      `r_precision_real` is the same of the real pictures that the captions
      belong to, which no generator is expected to beat honestly;
    - `frechet_distance` and `kernel_distance` to all real pictures of
      `dataset`, in the features of the extractor;
    - `cmd`: the cross-model distance, in the features of the judge.

    Pictures are drawn, read and looked at part by part. Of every caption the
    judge's codes are kept, for the R-precision; of all pictures only the means
    and covariances of their features, and those of a random 5,000 of each
    kind, for the kernel distance.

    Args:
        model: with `generate`, such as any `keras_t2i` text-to-image model.
        dataset: from `keras_t2i.data.load(..., training=False)`.
        judge: `Judge`; never the matcher that trained the generator.
        extractor: `Judge` or `ApplicationsExtractor`; None takes the judge.
        num_captions: captions, at least 100.
        seed: of the choice of captions and of the latents.
        split: name of the data for the scores, such as "validation".

    Returns:
        dict of name -> `Score`.

    Raises:
        ValueError: if `dataset` has fewer captions than asked for, or too few
            of other classes.
    """
    _check_order(dataset)
    extractor = extractor or judge
    rows, captions = chosen_captions(dataset.source, num_captions, seed)
    class_ids = np.asarray(dataset.source.class_ids)[rows]
    texts = judge.embed_text(captions)

    real = _Seen(len(dataset.source), seed)
    shown = np.zeros_like(texts)
    for start, images in _parts_of(dataset):
        codes = real.see(images, judge, extractor)
        here = np.flatnonzero((rows >= start) & (rows < start + len(images)))
        shown[here] = codes[rows[here] - start]
    drawn = _Seen(num_captions, seed)
    drawn_codes = np.zeros_like(texts)
    for start in range(0, num_captions, _PART):
        part = slice(start, start + _PART)
        # Another seed, for rows of equal number have equal latents.
        images = model.generate(captions[part], seed=seed + start)
        drawn_codes[part] = drawn.see(images, judge, extractor)

    values = {
        "r_precision": (judge, r_precision(drawn_codes, texts, class_ids)),
        "r_precision_real": (judge, r_precision(shown, texts, class_ids)),
        "frechet_distance": (
            extractor,
            distances.frechet_distance_of_statistics(
                drawn.features, real.features
            ),
        ),
        "kernel_distance": (
            extractor,
            distances.kernel_distance(drawn.sample, real.sample),
        ),
        "cmd": (
            judge,
            distances.cmd_of_statistics(
                drawn.codes, distances.statistics_of(distances.unit(texts)), real.codes
            ),
        ),
    }
    size = images.shape[1]
    return {
        name: Score(
            float(value),
            name,
            len(captions),
            split,
            network.name,
            network.resize(size),
        )
        for name, (network, value) in values.items()
    }


class _Seen:
    """What is kept of pictures that come part by part.

    Args:
        count: how many will come.
        seed: of the sample.
    """

    def __init__(self, count, seed):
        self.count = 0
        self.codes = self.features = None
        kept = np.random.default_rng(seed).permutation(count)[:_SAMPLE]
        self._kept = np.sort(kept)
        self._sample = []

    def see(self, images, judge, extractor):
        """Takes pictures in; returns the codes [B, D] that the judge gives."""
        codes = judge.embed_images(images)
        features = codes
        if extractor is not judge:
            features = extractor.embed_images(images)
        if self.codes is None:
            self.codes = distances.FeatureStatistics(codes.shape[1])
            self.features = distances.FeatureStatistics(features.shape[1])
        self.codes.update(distances.unit(codes))
        self.features.update(features)
        first, last = np.searchsorted(
            self._kept, [self.count, self.count + len(images)]
        )
        self._sample.append(features[self._kept[first:last] - self.count])
        self.count += len(images)
        return codes

    @property
    def sample(self):
        """Features [n, D] of at most `_SAMPLE` pictures."""
        return np.concatenate(self._sample)


def chosen_captions(source, count, seed=0):
    """Captions to be drawn, without replacement, with the pictures they tell of.

    Args:
        source: `source` of a dataset from `keras_t2i.data.load`.
        count: number of captions.
        seed: of the choice.

    Returns:
        int array [count], rows of the pictures; list of captions.

    Raises:
        ValueError: if there are not as many.
    """
    pairs = [(i, t) for i, texts in enumerate(source.texts) for t in texts]
    if len(pairs) < count:
        raise ValueError(
            f"The data holds {len(pairs)} captions. Received: "
            f"num_captions={count}. Ask for fewer, or take more data."
        )
    chosen = np.random.default_rng(seed).choice(len(pairs), count, replace=False)
    rows, captions = zip(*(pairs[i] for i in chosen))
    return np.array(rows), list(captions)


class Judge:
    """A trained `ImageTextMatcher` as judge and as extractor of features.

    Args:
        matcher: `keras_t2i.models.ImageTextMatcher`, trained on data that the
            generator's own matcher did not see.
        name: what its scores call it. Scores of judges of different names
            cannot be compared, so let the name change with the weights.
    """

    def __init__(self, matcher, name):
        self.matcher = matcher
        self.name = name

    def embed_images(self, images):
        """Unit rows [N, D] of uint8 [N, H, W, 3] of any size."""
        return self.matcher.embed_images(
            resized(images, self.matcher.image_size)
        )

    def embed_text(self, captions):
        """Unit rows [N, D] of N captions."""
        return self.matcher.embed_text(captions)

    def resize(self, size):
        """How pictures of `size` are brought to the matcher's, in words."""
        return _resize_name(size, self.matcher.image_size)


class ApplicationsExtractor:
    """Features of a network of `keras.applications`, pooled over positions.

    Args:
        name: of the network, such as "InceptionV3".
        weights: "imagenet", taken from the cache of Keras or downloaded; a
            path; or None for random ones.

    Raises:
        ValueError: for an unknown name, or weights that cannot be had.
    """

    def __init__(self, name, weights="imagenet"):
        # Scores that need no network do not wait for Keras.
        from keras_t2i import applications

        self.network, self.size, self.preprocess = applications.load(
            name, weights, pooling="avg"
        )
        self.name = f"{name} {weights or 'random'}"

    def embed_images(self, images):
        """Features [N, D] of uint8 [N, H, W, 3] of any size."""
        features = []
        for start in range(0, len(images), 32):
            part = resized(images[start : start + 32], self.size)
            inputs = self.preprocess(part.astype("float32"))
            features.append(np.asarray(self.network(inputs, training=False)))
        return np.concatenate(features)

    def resize(self, size):
        """How pictures of `size` are brought to the network's, in words."""
        return _resize_name(size, self.size)


def _resize_name(given, wanted):
    return "none" if given == wanted else f"bilinear {given} to {wanted}"


def _check_order(dataset):
    if dataset.facts()["training"]:
        raise ValueError(
            "Every picture of the data is needed once, in order. Load it with "
            "training=False."
        )


def _parts_of(dataset):
    """Yields pictures of a dataset, and the row of the first of them."""
    start = 0
    for _, images in dataset:
        yield start, np.asarray(images)
        start += len(images)
