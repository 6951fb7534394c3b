"""Features of frozen encoders, computed once and kept on disk."""

import fcntl
import hashlib
import pathlib
import threading

import keras
import numpy as np

from keras_t2i import files
from keras_t2i.text.encoder import TextFeatures
from keras_t2i.text.encoder import as_strings

# A record of the index: which caption, where its words start, how many.
_RECORD = np.dtype([("key", "V16"), ("start", "<i8"), ("count", "<i8")])


class FeatureCache:
    """Looks up features of captions, and computes each of them only once.

    Three files in `folder/<encoder.fingerprint>/`, all of them append-only
    and memory-mapped: `index`, `sentence.f32` and, with words, `words.f16`
    (words are kept as float16: half the disk for no visible difference).
    Several threads and processes may use one folder at the same time. A
    record of the index is written after the data it points to, so whatever a
    killed process left half-written is dropped by the next one.

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
        self.folder.mkdir(parents=True, exist_ok=True)
        self._rows = {}
        self._lock = threading.Lock()
        with self._lock, self._locked_files():
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
        missing = list(missing.items())
        # The longest captions come last: a step of equal lengths is faster.
        missing.sort(key=lambda item: len(item[1]))
        for start in range(0, len(missing), 1024):
            self._compute(dict(missing[start : start + 1024]))
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
        if missing:
            self._compute(missing)
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
            with self._locked_files():
                # So may another process.
                self._read_index()
                new = [
                    i for i, key in enumerate(missing) if key not in self._rows
                ]
                self._append(list(missing), features, new)
                self._read_index()

    def _append(self, keys, features, new):
        with open(self.folder / "sentence.f32", "ab") as file:
            file.write(features.sentence[new].astype("<f4").tobytes())
        records = np.zeros(len(new), _RECORD)
        start = self._word_count
        with open(self.folder / "words.f16", "ab") as file:
            for record, i in zip(records, new):
                record["key"] = keys[i]
                if self.words:
                    used = features.words[i][features.mask[i] > 0]
                    file.write(used.astype("<f2").tobytes())
                    record["start"], record["count"] = start, len(used)
                    start += len(used)
        with open(self.folder / "index", "ab") as file:
            file.write(records.tobytes())

    def _read_index(self):
        """Takes in what is on disk; call with the files locked."""
        sentence_bytes = 4 * self.encoder.sentence_width
        word_bytes = 2 * self.encoder.word_width
        sizes = {
            name: _size(self.folder / name)
            for name in ("index", "sentence.f32", "words.f16")
        }
        count = min(
            sizes["index"] // _RECORD.itemsize,
            sizes["sentence.f32"] // sentence_bytes,
        )
        records = np.fromfile(self.folder / "index", _RECORD, count)
        ends = records["start"] + records["count"]
        complete = ends <= sizes["words.f16"] // word_bytes
        if not complete.all():
            count = int(np.argmin(complete))
            records, ends = records[:count], ends[:count]
        self._word_count = int(ends.max(initial=0))
        # A process that was killed while it wrote leaves an unfinished tail.
        wanted = {
            "index": count * _RECORD.itemsize,
            "sentence.f32": count * sentence_bytes,
            "words.f16": self._word_count * word_bytes,
        }
        for name, size in wanted.items():
            if sizes[name] > size:
                with open(self.folder / name, "r+b") as file:
                    file.truncate(size)
        if count:
            self._sentence = _memmap(
                self.folder / "sentence.f32", "<f4", count,
                self.encoder.sentence_width,
            )
        if self._word_count:
            self._words = _memmap(
                self.folder / "words.f16", "<f2", self._word_count,
                self.encoder.word_width,
            )
        # The rows come last: a reader that finds one can use the maps above.
        self._rows = {
            r["key"].tobytes(): (i, int(r["start"]), int(r["count"]))
            for i, r in enumerate(records)
        }

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


def _memmap(path, dtype, rows, width):
    return np.memmap(path, dtype, "r", shape=(rows, width))
