"""From a recording or the microphone to confirmed text."""

import os

from keras_t2i.voice import recordings
from keras_t2i.voice.recognizer import NotUnderstood
from keras_t2i.voice.recognizer import transcribe


def hear(source, phrases, confirm=None, recognizer=None):
    """Text of speech, once it is confirmed.

    Args:
        source: path of a WAV file; `(audio, rate)` as `transcribe` takes
            them; or None for five seconds of the microphone.
        phrases: iterable of str, the words and phrases that the editor
            understands, such as "black hair" and "smiling".
        confirm: function of the text that was heard; returns the text to go
            on with, corrected or not, or nothing to stop. None takes the text
            as it is: show it before something is done by it. `ask` asks at
            the terminal.
        recognizer: function of (audio, rate) that returns a str, in the place
            of pocketsphinx. It gets float32 [samples] at 16,000 a second.

    Returns:
        str.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: if there is nothing to hear, it was not understood, not
            confirmed, or something that is needed is not installed.

    Example:

    ```python
    text = keras_t2i.voice.hear("clip.wav", phrases, confirm=keras_t2i.voice.ask)
    editor.edit(photo, text)
    ```
    """
    if source is None:
        audio, rate = recordings.record()
    elif isinstance(source, (str, os.PathLike)):
        audio, rate = recordings.read_wav(source)
    else:
        audio, rate = source
    if recognizer is None:
        text = transcribe(audio, rate, phrases).text
    else:
        text = recognizer(recordings.check(audio, rate), recordings.RATE)
    if not text:
        raise NotUnderstood("Nothing was understood. Say it again, or write it.")
    if confirm is not None:
        text = confirm(text)
    if not text:
        raise ValueError("Nothing was confirmed, so nothing was changed.")
    return text


def ask(text):
    """Asks at the terminal whether a text was meant.

    Args:
        text: what was heard.

    Returns:
        The text, the one typed in its place, or "" for no.

    Raises:
        ValueError: if nobody can answer.
    """
    print(f'Heard: "{text}"')
    try:
        answer = input("Enter to go on, n to stop, or what you meant: ").strip()
    except EOFError:
        raise ValueError(
            f"Nobody is there to confirm {text!r}. Run it in a terminal, or "
            "give the text in writing."
        ) from None
    if answer.lower() in ("n", "no"):
        return ""
    return text if answer.lower() in ("", "y", "yes") else answer
