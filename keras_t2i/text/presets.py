"""Text encoders by name."""

from keras_t2i.text.bilstm import BiLSTMTextEncoder
from keras_t2i.text.char_cnn_rnn import CharCNNRNNTextEncoder
from keras_t2i.text.encoder import TextEncoder
from keras_t2i.text.fofe import FOFETextEncoder
from keras_t2i.text.hub import HubTextEncoder
from keras_t2i.text.ngrams import BagOfNGramsEncoder
from keras_t2i.text.reader import CaptionReader


def get(spec=None):
    """Returns a text encoder.

    Args:
        spec: None or `"minilm"` for the encoder that comes with keras_t2i;
            `"bag_of_ngrams"`, `"bilstm"`, `"char_cnn_rnn"` or, for faces,
            `"fofe"` and `"reader"` (which has no weights) for a new one of
            these; any other string for `HubTextEncoder(spec)`; a
            `TextEncoder` for itself.

    Raises:
        ValueError: for anything else.
        FileNotFoundError: for a handle that cannot be found.
    """
    if isinstance(spec, TextEncoder):
        return spec
    if spec is None:
        return HubTextEncoder()
    if spec == "bag_of_ngrams":
        return BagOfNGramsEncoder()
    if spec == "bilstm":
        return BiLSTMTextEncoder()
    if spec == "char_cnn_rnn":
        return CharCNNRNNTextEncoder()
    if spec == "fofe":
        return FOFETextEncoder()
    if spec == "reader":
        return CaptionReader()
    if isinstance(spec, str):
        return HubTextEncoder(spec)
    raise ValueError(
        "A text encoder is None, a name, the handle of a TF Hub module, or a"
        f" keras_t2i.text.TextEncoder. Received: {spec!r}"
    )
