"""Texts read inside a graph are those that the editor reads."""

import numpy as np
import pytest
import tensorflow as tf
from tests.models.face_editor import parts

from keras_t2i.export.reading import Reader

TEXTS = (
    "Smiling, no glasses",
    "5no glasses black-hair  a beard",
    "眼镜，微笑 不要胡子",
    "not smiling smiling",
    "gray hair and black hair",
    "no_glasses_",
    "a man_ 大眼睛ABCДж İ K カタ",
    " SMILE’s don’t wear glasses",
    "smiling\u3000black\u00a0hair\x1cglasses\x01\x02",
    "glasses " * 1000,
    b"smiling \xff\xfe glasses",
    "smiling, young, beard, black hair, no glasses",
)
REFUSED = ("big eyes", "x" * 8000, "black hair, blond hair")


@pytest.fixture(scope="module")
def editor():
    model = parts.editor(encoder_steps=1)
    model.collect([[caption] for caption in parts.CAPTIONS])
    return model


@pytest.fixture(scope="module")
def read(editor):
    spec = [tf.TensorSpec([None], tf.string)]
    reader = tf.function(Reader(editor), input_signature=spec)

    def call(texts):
        texts = tf.strings.unicode_transcode(list(texts), "UTF-8", "UTF-8")
        return reader(texts)

    return call


def test_codes_are_those_of_the_editor(editor, read):
    found = read(TEXTS)
    for row, text in enumerate(TEXTS):
        codes, rest = editor.codes(text)
        signs = found.signs[row].numpy()
        assert found.error[row].numpy() == b""
        assert found.rest[row].numpy().decode() == ", ".join(rest)
        assert list(signs[signs != 0.0]) == [sign for _, sign in codes]
        for words, (code, _) in zip(found.words[row], codes):
            mine = editor.text_encoder({"words": words[None]}).sentence
            np.testing.assert_allclose(mine, code, atol=1e-6)


def test_what_the_editor_refuses_has_an_error(editor, read):
    found = read(REFUSED)
    for row, text in enumerate(REFUSED):
        with pytest.raises(ValueError) as refused:
            editor.codes(text)
        told = found.error[row].numpy().decode()
        assert told.split(". ")[-1][:40] in str(refused.value)
