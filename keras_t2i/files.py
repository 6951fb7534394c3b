"""Writing files so that a failure never costs what is already on disk."""

import contextlib
import fcntl
import os
import pathlib
import tempfile
import warnings


@contextlib.contextmanager
def atomic_write(path):
    """Yields a temporary path beside `path`; renames it over `path` on success.

    The new content is synced to disk before the rename, so after a crash, a
    kill or a full disk `path` holds either its old content or all of the new.

    Args:
        path: where the file shall end up; its folder is made if needed.

    Yields:
        `pathlib.Path` with the suffix of `path` (some writers look at it).
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent
    )
    os.close(handle)
    temporary = pathlib.Path(name)
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        # mkstemp makes files private; give what an ordinary open() would give.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        os.replace(temporary, path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def lock(folder):
    """Takes a folder for this process alone.

    The lock is the kernel's and on the open file, so it goes with the process
    however that ends; the file `.lock` stays and means nothing by itself.

    Args:
        folder: made if needed.

    Returns:
        An open file. Closing it, also by `with`, gives the folder back.

    Raises:
        ValueError: if another process, or another training in this one, has
            the folder.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    file = open(folder / ".lock", "ab+", buffering=0)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().decode("utf-8", "replace") or "unknown"
        file.close()
        raise ValueError(
            f"Another training is running in {folder} (process {holder}). "
            "Wait until it ends, stop it, or choose another folder."
        ) from None
    except OSError as error:
        warnings.warn(
            f"{folder} cannot be locked ({error}). See to it that no other "
            "training runs there."
        )
    with contextlib.suppress(OSError):  # A full disk: the lock holds anyway.
        file.truncate(0)
        file.write(str(os.getpid()).encode())
    return file


def sync_folder(folder):
    """Makes renames inside `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder):
    """Makes `folder` and all that is in it survive a power cut."""
    for path, _, names in os.walk(folder, topdown=False):
        for name in names:
            sync_folder(os.path.join(path, name))  # A file is opened alike.
        sync_folder(path)


def cache_folder(beside=None):
    """A folder for computed files that can be made again.

    Args:
        beside: a folder that the files belong to. Used when it is writable.

    Returns:
        `beside/.keras_t2i`, else `$KERAS_T2I_CACHE`, else
        `~/.cache/keras_t2i`, made if needed.
    """
    if beside is not None and os.access(beside, os.W_OK):
        folder = pathlib.Path(beside) / ".keras_t2i"
    else:
        folder = pathlib.Path(
            os.environ.get("KERAS_T2I_CACHE", "~/.cache/keras_t2i")
        ).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def shipped(name):
    """Path of something that comes with keras_t2i, in `saved_models/`.

    Args:
        name: path inside `saved_models/`, such as `"text/minilm_l6_v2"`.

    Raises:
        FileNotFoundError: if this installation lacks it.
    """
    path = pathlib.Path(__file__).parent / "saved_models" / name
    if not path.exists():
        raise FileNotFoundError(
            f"{name!r} should have come with keras_t2i, but there is no"
            f" {path}. Install keras_t2i again, or run it from a complete"
            " clone of the repository."
        )
    return path
