"""Editing by voice: a recording or the microphone to text, without a network.

Needs `keras-t2i[voice]`.
"""

from keras_t2i.voice.hearing import ask
from keras_t2i.voice.hearing import hear
from keras_t2i.voice.recognizer import NotUnderstood
from keras_t2i.voice.recognizer import Transcript
from keras_t2i.voice.recognizer import transcribe
from keras_t2i.voice.recordings import read_wav
from keras_t2i.voice.recordings import record

__all__ = [
    "NotUnderstood",
    "Transcript",
    "ask",
    "hear",
    "read_wav",
    "record",
    "transcribe",
]
