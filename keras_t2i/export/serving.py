"""A folder that TensorFlow Serving serves: words in, PNG pictures out."""

import contextlib
import os
import pathlib
import re
import shutil
import tempfile

import keras
import numpy as np

from keras_t2i import files

# Of TF Text, which the stock server has beside TensorFlow's own; newer ones
# begin with "TFText>".
_TEXT_OPS = frozenset(
    "CaseFoldUTF8 ConstrainedSequence FastBertNormalize"
    " FastWordpieceTokenizeWithOffsets FindSourceOffsets MaxSpanningTree"
    " NormalizeUTF8 NormalizeUTF8WithOffsetsMap PhraseTokenize"
    " RegexSplitWithOffsets RougeL SentenceFragments SentenceFragmentsV2"
    " SentencepieceDetokenizeOp SentencepieceIdToStringOp SentencepieceOp"
    " SentencepieceStringToIdOp SentencepieceTokenizeOp"
    " SentencepieceTokenizeWithOffsetsOp SentencepieceVocabSizeOp"
    " SplitMergeTokenizeWithOffsets TokenizerFromLogits"
    " UnicodeScriptTokenizeWithOffsets WhitespaceTokenizeWithOffsets"
    " WordpieceTokenizeWithOffsets".split()
)
# Variables of more go into several files, as places that keep exports limit the
# size of a file: 30 MB in `saved_models/`.
_FILE_BYTES = 20_000_000
# They call back into this process.
_PYTHON_OPS = frozenset(("EagerPyFunc", "PyFunc", "PyFuncStateless"))


def to_serving(model, dir, version=None):
    """Exports a model for TensorFlow Serving.

    Writes the folder `dir/VERSION`, whole or not at all, so that a running
    server may watch `dir`; and beside it, where they are missing,
    `models.config`, `batching.config` and `compose.yaml`. The server's name
    for the model is that of the folder. What is written is loaded again, and
    must draw the picture that the model draws.

    Signatures of a text-to-image model, of B texts (at most 64):

    - `serving_default`: `text` string [B], `seed` int64 [B] and `truncation`
      float32 [B] give `image_bytes` string [B], PNG files;
    - `text`: `text` alone gives `image_bytes` and the `seed` [B] that was
      drawn for each;
    - `generate`: as `serving_default`, but gives `images`, uint8
      [B, H, W, 3].

    Row i is what `model.generate(text[i], seed[i], truncation[i])` gives. All
    signatures also give `error`, string [B]: "" for a picture; else what is
    wrong with the row, which then has no picture, while all others have
    theirs. A `StyleGAN2` has the same signatures without `text`, and `seed`
    (of `seed` alone) in the place of that of the texts.

    A `TextFaceEditor` has `edit`, which is `serving_default` too:
    `image_bytes` string [B], PNG or JPEG files, `text` string [B] and
    `strength` float32 [B] give `image_bytes` and `before_bytes`, PNG files
    after and before the edit, `similarity` float32 [B] if the editor has
    `features`, and `rest` string [B], the words that were not understood. Its
    `generate` gives `images` and `before`, uint8 [B, H, W, 3], instead of the
    files. A picture may be of any size; the middle square of it is taken for
    a face that is in place: nothing looks for one, EXIF data do not turn it,
    and the latents are those of the encoder, as with `steps=0`.

    The folder needs TensorFlow and, if its text encoder does, TF Text; it does
    not need this package. Weights that came from a preset are stored in
    float16, which they are numbers of; all are in files of at most 20 MB.

    Args:
        model: a text-to-image model, a `StyleGAN2` or a `TextFaceEditor` that
            was trained or loaded.
        dir: folder of the model, made if needed.
        version: whole number from 1 on; None takes the next one.

    Returns:
        `pathlib.Path` of the version folder.

    Raises:
        ValueError: for another kind of model, one without networks, an editor
            of whole captions or without an `encoder`, a version that exists,
            a text encoder that cannot be exported, or ops that the stock
            server does not have.
        OSError: if the folder cannot be written.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "Exports need TensorFlow: save the model, set "
            "KERAS_BACKEND=tensorflow, and load it there. "
            f"Received: KERAS_BACKEND={keras.backend.backend()}"
        )
    dir = pathlib.Path(dir)
    name = _server_name(dir)
    folder = dir / str(_version(dir, version))
    import tensorflow as tf

    from keras_t2i.export import server
    from keras_t2i.export.signatures import signatures

    served = signatures(model)
    with _whole_or_not_at_all(folder) as temporary:
        tf.saved_model.save(
            served.module, str(temporary), served.functions, _in_files()
        )
        _check_ops(temporary)
        _check_pictures(model, temporary, served)
        server.write_warmup(temporary, name, served)
    for path, text in server.settings(name).items():
        if not (dir / path).exists():  # It may have been edited.
            with files.atomic_write(dir / path) as temporary:
                temporary.write_text(text, "utf-8")
    return folder


def _server_name(dir):
    name = dir.resolve().name
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", name):
        raise ValueError(
            "The folder's name becomes the server's name for the model: use "
            f"letters of English, digits, '-', '_' and '.'. Received: {name!r}"
        )
    return name


def _version(dir, version):
    if dir.exists() and not dir.is_dir():
        raise ValueError(f"This is a file, not a folder. Received: {dir}")
    if version is None:
        entries = dir.iterdir() if dir.exists() else ()
        names = [p.name for p in entries if p.name.isdecimal()]
        return 1 + max(map(int, names), default=0)
    whole = isinstance(version, int) and not isinstance(version, bool)
    if not whole or version < 1:
        raise ValueError(
            "`version` must be a whole number of at least 1. "
            f"Received: {version!r}"
        )
    if (dir / str(version)).exists():
        raise ValueError(
            f"{dir / str(version)} exists, and a server may be using it. "
            "Leave out `version` to get the next one, or remove that folder."
        )
    return version


@contextlib.contextmanager
def _whole_or_not_at_all(folder):
    """Yields a folder beside `folder`; renames it to that on success."""
    import tensorflow as tf

    folder.parent.mkdir(parents=True, exist_ok=True)
    # A server looks at folders named by numbers only.
    temporary = pathlib.Path(
        tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent)
    )
    try:
        yield temporary
        files.sync_tree(temporary)
        # mkdtemp makes folders private; the server is another user.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o777 & ~mask)
        os.rename(temporary, folder)
        files.sync_folder(folder.parent)
    except (OSError, tf.errors.OpError) as error:
        raise OSError(
            f"The export to {folder} failed, and nothing of it was left "
            f"there. Is the disk full? {type(error).__name__}: {error}"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _in_files():
    """Options of `tf.saved_model.save`: files of at most `_FILE_BYTES`."""
    import tensorflow as tf

    policy = tf.train.experimental.MaxShardSizePolicy(_FILE_BYTES)
    return tf.saved_model.SaveOptions(experimental_sharding_callback=policy)


def _check_ops(folder):
    """Raises ValueError for ops that the stock server does not have."""
    import tensorflow as tf
    from tensorflow.core.protobuf import saved_model_pb2

    known = set(dir(tf.raw_ops)) - _PYTHON_OPS | _TEXT_OPS
    saved = saved_model_pb2.SavedModel.FromString(
        (folder / "saved_model.pb").read_bytes()
    )
    graph = saved.meta_graphs[0].graph_def
    library = graph.library.function
    known.update(function.signature.name for function in library)
    used = {
        node.op
        for nodes in (graph.node, *(f.node_def for f in library))
        for node in nodes
    }
    unknown = {op for op in used - known if not op.startswith("TFText>")}
    if unknown:
        raise ValueError(
            "The stock TensorFlow Serving does not have all ops that the model"
            " is made of, so it could not load it. Use another text encoder. "
            f"Received: {sorted(unknown)}"
        )


def _check_pictures(model, folder, served):
    """Raises ValueError if the SavedModel draws another picture."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    found = loaded.signatures["generate"](**served.rows("generate"))
    found = found["images"].numpy().astype(int)
    difference = np.max(np.abs(found - served.expected))
    if difference > 1:
        raise ValueError(
            "The exported model draws another picture than the model (up to "
            f"{difference} of 255 levels). Its text encoder may tokenize "
            "differently inside a graph. Received: "
            f"{type(model.text_encoder).__name__}"
        )
