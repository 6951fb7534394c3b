"""From a TF Hub handle to a folder on this machine, without long waits."""

import hashlib
import os
import pathlib
import shutil
import socket
import threading
import time
import urllib.request

# An unreachable handle must be reported within 10 s.
PROBE_SECONDS = 8
# A download that gets no byte for so long has failed.
_STALL_SECONDS = 60
# TensorFlow Hub's own measure of an abandoned lock; it waits for it to pass.
_STALE_LOCK_SECONDS = 600


def resolve(handle):
    """Returns the folder that holds the SavedModel of `handle`.

    A local folder is returned as it is. A module that is already in TF Hub's
    cache folder (`$TFHUB_CACHE_DIR`, in a sub-folder named by the SHA-1 of the
    handle) is used without any network access. Anything else is probed, then
    downloaded by TensorFlow Hub into that cache.

    Args:
        handle: URL of a TF Hub module, or path of a SavedModel.

    Raises:
        FileNotFoundError: if there is no such folder, or if the URL does not
            answer within 10 seconds.
    """
    handle = os.fspath(handle)
    if "://" not in handle:
        folder = pathlib.Path(handle).expanduser()
        if not (folder / "saved_model.pb").is_file():
            raise FileNotFoundError(
                f"{handle!r} is not a SavedModel: there is no file"
                f" {folder / 'saved_model.pb'}. Give the folder of a"
                " SavedModel, the URL of a TF Hub module, or 'minilm' for the"
                " encoder that comes with keras_t2i."
            )
        return str(folder)
    cached = cache_folder() / hashlib.sha1(handle.encode()).hexdigest()
    if cached.is_dir() and any(cached.iterdir()):
        return str(cached)
    try:
        _within(PROBE_SECONDS, _probe, handle)
        _remove_stale_lock(cached)
        return _download(handle)
    except Exception as error:
        raise FileNotFoundError(
            f"The TF Hub module {handle!r} cannot be downloaded"
            f" ({type(error).__name__}: {error}), and it is not in the cache"
            f" folder {cache_folder()}: put the unpacked SavedModel into"
            f" {cached}, or set TFHUB_CACHE_DIR to a folder that has it. The"
            " encoder 'minilm' comes with keras_t2i and needs no network."
        ) from error


def cache_folder():
    """Where TensorFlow Hub keeps what it downloaded."""
    from tensorflow_hub import resolver

    return pathlib.Path(resolver.tfhub_cache_dir(use_temp=True))


def _within(seconds, function, *args):
    """Runs a function, and raises TimeoutError if it takes too long.

    A name look-up cannot be interrupted, so it is left to a daemon thread.
    """
    outcome = []

    def run():
        try:
            function(*args)
        except Exception as error:
            outcome.append(error)
        else:
            outcome.append(None)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        raise TimeoutError(f"no answer within {seconds} s")
    if outcome[0] is not None:
        raise outcome[0]


def _probe(handle):
    """Raises unless the module answers."""
    if handle.startswith(("http://", "https://")):
        separator = "&" if "?" in handle else "?"
        url = f"{handle}{separator}tf-hub-format=compressed"
        urllib.request.urlopen(url, timeout=PROBE_SECONDS).close()
    else:
        import tensorflow as tf

        tf.io.gfile.stat(handle)


def _download(handle):
    import tensorflow_hub as hub

    timeout = socket.getdefaulttimeout()
    # TensorFlow Hub sets none, so a stalled download would hang for ever.
    socket.setdefaulttimeout(_STALL_SECONDS)
    try:
        return hub.resolve(handle)
    finally:
        socket.setdefaulttimeout(timeout)


def _remove_stale_lock(cached):
    """Removes the lock of a download that was killed long ago."""
    lock = cached.with_name(cached.name + ".lock")
    parts = list(cached.parent.glob(f"{cached.name}.*.tmp"))
    inside = [file for part in parts for file in part.rglob("*")]
    times = [p.stat().st_mtime for p in [lock, *parts, *inside] if p.exists()]
    if lock.exists() and time.time() - max(times) > _STALE_LOCK_SECONDS:
        lock.unlink(missing_ok=True)
        for part in parts:
            shutil.rmtree(part, ignore_errors=True)
