"""Features of frozen encoders, computed once and kept on disk."""

import contextlib
import fcntl
import functools
import hashlib
import os
import pathlib
import threading
import warnings

import keras
import numpy as np

from keras_t2i import files
from keras_t2i.text.encoder import TextFeatures
from keras_t2i.text.encoder import as_strings

_FILES = ("index", "sentence.f32", "words.f16")
# A record of the index: which caption, where its words start, how many.
_RECORD = np.dtype([("key", "V16"), ("start", "<i8"), ("count", "<i8")])


def feature_lookup(source, encoder, words=False, progress=True):
    """The way from the captions of a data set to their features.

    Args:
        source: `data.pipeline.CaptionedPictures`, whose captions are computed
            beforehand, unless its shards hold features of the same encoder;
            or None.
        encoder: a frozen `TextEncoder`.
        words: whether words are needed as well as sentences.
        progress: whether a bar shows how far the captions are.

    Returns:
        Function of a list or array of captions, as `FeatureCache.lookup`.
    """
    packed = getattr(source, "features", None)
    if packed is not None and packed.serves(encoder, words):
        return functools.partial(packed.lookup, words=words)
    if packed is not None:
        has, needs = ("with" if w else "without" for w in (packed.words, words))
        warnings.warn(
            f"The shards in {source.folder} hold features of the text encoder "
            f"{packed.name!r} ({has} words), and the model needs those of its "
            f"{type(encoder).__name__} ({needs} words): they are computed."
        )
    folder = files.cache_folder(getattr(source, "folder", None))
    cache = FeatureCache(encoder, folder, words)
    if source is not None:
        cache.precompute(source.captions, progress)
    return cache.lookup


class FeatureCache:
    """Looks up features of captions, and computes each of them only once.

    Three files in `folder/<encoder.fingerprint>/`, all of them append-only
    and memory-mapped: `index`, `sentence.f32` and, with words, `words.f16`
    (words are kept as float16: half the disk for no visible difference).
    Several threads and processes may use one folder at the same time. A
    record of the index is written after the data it points to, so whatever a
    killed process left half-written is dropped by the next one. Where the
    disk is full, a warning says so, and what is missing is computed whenever
    it is looked up.

    Args:
        encoder: a frozen `TextEncoder`.
        folder: where the files go; `files.cache_folder()` if None.
        words: whether word features are kept as well as sentence features.

    Raises:
        ValueError: if `encoder` is not frozen.

    Example:

    ```python
    cache = FeatureCache(encoder, folder="flowers/.keras_t2i")
    cache.precompute(captions)
    cache.lookup(["a red flower"])  # float32 [1, 384]
    ```
    """

    def __init__(self, encoder, folder=None, words=False):
        if not encoder.frozen:
            raise ValueError(
                "Features can be cached only for an encoder that training"
                " does not change. Received: a"
                f" {type(encoder).__name__} with frozen=False. Compute its"
                " features inside the training step."
            )
        self.encoder = encoder
        self.words = words
        folder = pathlib.Path(folder or files.cache_folder())
        self.folder = folder / encoder.fingerprint / (
            "words" if words else "sentences"
        )
        self._rows = {}
        self._word_count = 0
        self._writable = True
        self._lock = threading.Lock()
        with self._lock, self._unless_full():
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._locked_files():
                self._read_index()

    def __len__(self):
        return len(self._rows)

    def precompute(self, captions, progress=True):
        """Computes what is missing of `captions`.

        Args:
            captions: sequence of str or bytes.
            progress: whether a progress bar with the time left is shown.
        """
        missing = self._missing(_digests(as_strings(captions)))
        bar = None
        if progress and missing:
            bar = keras.utils.Progbar(len(missing), unit_name="caption")
        # Captions of about one length are encoded together, without padding.
        missing = sorted(missing.items(), key=lambda item: len(item[1]))
        for start in range(0, len(missing), 1024):
            self._compute(dict(missing[start : start + 1024]))
            if not self._writable:
                break
            if bar:
                bar.update(min(start + 1024, len(missing)))

    def lookup(self, strings):
        """Features of a batch of strings, in their order.

        Args:
            strings: list or array of B str or bytes.

        Returns:
            float32 `[B, S]`; with `words=True` a `TextFeatures` of float32
            `[B, S]`, `[B, T, W]` and `[B, T]`.
        """
        digests = _digests(as_strings(strings))
        missing = self._missing(digests)
        if missing and self._writable:
            self._compute(missing)
            missing = self._missing(digests)
        if missing:
            return self._encoded([s for _, s in digests])
        rows = [self._rows[key] for key, _ in digests]
        if not rows:
            empty = self.encoder.encode([])
            return empty if self.words else empty.sentence
        sentence = np.array(self._sentence[[row for row, _, _ in rows]])
        if not self.words:
            return sentence
        length = self.encoder.max_length
        words = np.zeros(
            [len(rows), length, self.encoder.word_width], "float32"
        )
        mask = np.zeros([len(rows), length], "float32")
        for i, (_, start, count) in enumerate(rows):
            words[i, :count] = self._words[start : start + count]
            mask[i, :count] = 1
        return TextFeatures(sentence, words, mask)

    def _encoded(self, strings):
        """What `lookup` gives for UTF-8 bytes, without the files."""
        features = self.encoder.encode(strings)
        if not self.words:
            return features.sentence
        words = features.words * features.mask[..., None]
        return features._replace(words=words.astype("<f2").astype("float32"))

    @contextlib.contextmanager
    def _unless_full(self):
        """Writing inside may fail; then the files are given up."""
        try:
            yield
        except OSError as error:
            self._writable = False
            warnings.warn(
                f"Features of captions cannot be kept in {self.folder} "
                f"({error}). They are computed anew at every step, which is "
                "slow. Make room there, and start again.",
                stacklevel=4,
            )

    def _missing(self, digests):
        return {key: s for key, s in digests if key not in self._rows}

    def _compute(self, missing):
        """Encodes {digest: string} and appends the features."""
        with self._lock:
            # Another thread may have been here since.
            missing = {k: s for k, s in missing.items() if k not in self._rows}
            if not missing:
                return
            features = self.encoder.encode(list(missing.values()))
            with self._unless_full(), self._locked_files():
                # So may another process.
                self._read_index()
                new = [
                    i for i, key in enumerate(missing) if key not in self._rows
                ]
                self._append(list(missing), features, new)
                self._read_index()

    def _append(self, keys, features, new):
        records = np.zeros(len(new), _RECORD)
        words, start = [], self._word_count
        for record, i in zip(records, new):
            record["key"] = keys[i]
            if self.words:
                words.append(features.words[i][features.mask[i] > 0])
                record["start"], record["count"] = start, len(words[-1])
                start += len(words[-1])
        self._write("sentence.f32", features.sentence[new].astype("<f4"))
        if words:
            self._write("words.f16", np.concatenate(words).astype("<f2"))
        self._write("index", records)

    def _write(self, name, array):
        with open(self.folder / name, "ab") as file:
            file.write(array.tobytes())
            file.flush()
            # The index must not reach the disk before what it points to.
            os.fsync(file.fileno())

    def _read_index(self):
        """Takes in what is new on disk; call with the files locked."""
        sentence_bytes = 4 * self.encoder.sentence_width
        word_bytes = 2 * self.encoder.word_width
        sizes = {name: _size(self.folder / name) for name in _FILES}
        count = min(
            sizes["index"] // _RECORD.itemsize,
            sizes["sentence.f32"] // sentence_bytes,
        )
        known = len(self._rows)
        if count < known:
            # Somebody deleted the files.
            self._rows, self._word_count, known = {}, 0, 0
        records = np.fromfile(
            self.folder / "index",
            _RECORD,
            count - known,
            offset=known * _RECORD.itemsize,
        )
        ends = records["start"] + records["count"]
        complete = ends <= sizes["words.f16"] // word_bytes
        if not complete.all():
            records = records[: int(np.argmin(complete))]
            ends = ends[: len(records)]
        count = known + len(records)
        self._word_count = int(ends.max(initial=self._word_count))
        # A process that was killed while it wrote leaves an unfinished tail.
        wanted = {
            "index": count * _RECORD.itemsize,
            "sentence.f32": count * sentence_bytes,
            "words.f16": self._word_count * word_bytes,
        }
        for name, size in wanted.items():
            if sizes[name] > size:
                os.truncate(self.folder / name, size)
        if count:
            self._sentence = np.memmap(
                self.folder / "sentence.f32",
                "<f4",
                "r",
                shape=(count, self.encoder.sentence_width),
            )
        if self._word_count:
            self._words = np.memmap(
                self.folder / "words.f16",
                "<f2",
                "r",
                shape=(self._word_count, self.encoder.word_width),
            )
        # The rows come last: a thread that finds one can use the maps above.
        for i, r in enumerate(records, known):
            row = (i, int(r["start"]), int(r["count"]))
            self._rows[r["key"].tobytes()] = row

    def _locked_files(self):
        return _FileLock(self.folder / "lock")


class _FileLock:
    """Only one process at a time is inside `with`; a kill releases it."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        self.file = open(self.path, "a")
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *_):
        self.file.close()


def _digests(strings):
    return [(hashlib.blake2b(s, digest_size=16).digest(), s) for s in strings]


def _size(path):
    path.touch()
    return path.stat().st_size

