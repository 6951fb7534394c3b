import http.server
import os
import socket
import tarfile
import threading
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_t2i import text
from keras_t2i.text import resolve

URL = "https://hub.example/encoder/1"


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a cached module must not need the network")

    monkeypatch.setattr(socket, "create_connection", refuse)


def test_first_family_from_the_hub_cache(modules, hub_cache, no_network):
    encoder = text.HubTextEncoder(
        hub_cache(URL, modules["encoder"]),
        preprocessor=hub_cache(URL + "p", modules["preprocessor"]),
    )
    table = np.asarray(tf.random.stateless_normal([40, 4], [1, 2]))
    features = encoder.encode(["ab", "c"])
    # The preprocessor has a length of its own.
    assert encoder.max_length == 6
    assert features.words.shape == (2, 6, 4)
    np.testing.assert_allclose(features.sentence[0], table[1] + table[2], 1e-6)
    np.testing.assert_allclose(features.words[1, 0], table[3], 1e-6)
    np.testing.assert_array_equal(features.mask.sum(axis=1), [2, 1])
    assert encoder.frozen and not encoder.weights


def test_second_family_from_the_hub_cache(modules, hub_cache, no_network):
    encoder = text.get(hub_cache(URL, modules["strings"]))
    features = encoder.encode("abc")
    np.testing.assert_allclose(features.sentence, [[6, 8, 10]])
    np.testing.assert_allclose(features.words, [[[6, 8, 10]]])
    np.testing.assert_allclose(features.mask, [[1]])
    assert (encoder.max_length, encoder.word_width) == (1, 3)


def test_signature_only_module(modules):
    encoder = text.HubTextEncoder(modules["signature"])
    np.testing.assert_allclose(encoder.encode(["abc"]).sentence, [[6, 8, 10]])


def test_tokenize_in_a_pipeline_equals_encode(modules):
    strings = ["abc", "b", "xyzzy", "ac"]
    for encoder in (
        text.HubTextEncoder(modules["encoder"], modules["packing"], False, 7),
        text.HubTextEncoder(modules["strings"]),
    ):
        dataset = tf.data.Dataset.from_tensor_slices(
            ({"text": strings}, np.zeros(4))
        ).batch(2)
        dataset = dataset.map(lambda x, y: (encoder.tokenize(x["text"]), y))
        expected = encoder.encode(strings, batch_size=3)
        for i, (tokens, _) in enumerate(dataset):
            features = encoder(tokens)
            rows = slice(2 * i, 2 * i + 2)
            np.testing.assert_allclose(
                features.sentence, expected.sentence[rows], 1e-6
            )
            np.testing.assert_allclose(features.mask, expected.mask[rows])
            # Static, so that a compiled step is compiled once.
            assert features.words.shape[1] == encoder.max_length


def test_serialized_by_handle(modules, tmp_path):
    encoder = text.HubTextEncoder(
        modules["encoder"], modules["packing"], max_length=5
    )
    config = keras.saving.serialize_keras_object(encoder)
    # TensorFlow runs a SavedModel like a program.
    with pytest.raises(ValueError, match="encoder that.*safe_mode=False"):
        keras.saving.deserialize_keras_object(config)
    again = keras.saving.deserialize_keras_object(config, safe_mode=False)
    assert again.max_length == 5
    assert again.fingerprint == encoder.fingerprint
    np.testing.assert_array_equal(
        again.encode("ab").words, encoder.encode("ab").words
    )


def test_fingerprint_tells_length_and_module(modules):
    def fingerprint(name, **options):
        return text.HubTextEncoder(modules[name], **options).fingerprint

    packing = modules["packing"]
    prints = {
        fingerprint("encoder", preprocessor=packing),
        fingerprint("encoder", preprocessor=packing, max_length=9),
        fingerprint("strings"),
        fingerprint("signature"),
    }
    assert len(prints) == 4


def test_fine_tuning_moves_and_saves_the_module(modules, tmp_path):
    def make():
        encoder = text.HubTextEncoder(
            modules["encoder"], modules["packing"], trainable=True
        )
        tokens = {
            name: keras.Input([32], dtype="int32", name=name)
            for name in ("input_word_ids", "input_mask", "input_type_ids")
        }
        return encoder, keras.Model(tokens, encoder(tokens).sentence)

    encoder, model = make()
    tokens = encoder.tokenize(["abc", "d"])
    before = model(tokens, training=False)
    assert len(model.trainable_variables) == 1 and not encoder.frozen
    # `training` reaches the module: this one then negates.
    np.testing.assert_allclose(model(tokens, training=True), -before, 1e-6)
    model.compile(keras.optimizers.SGD(0.1), loss="mse")
    model.fit(tokens, np.ones([2, 4]), verbose=0)
    after = model(tokens, training=False)
    assert np.abs(after - before).max() > 1e-3
    model.save_weights(tmp_path / "m.weights.h5")
    _, fresh = make()
    np.testing.assert_allclose(fresh(tokens, training=False), before, 1e-6)
    fresh.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_allclose(fresh(tokens, training=False), after, 1e-6)


def test_frozen_module_loads_inside_a_distribution_strategy(modules):
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        encoder = text.HubTextEncoder(modules["strings"])
    np.testing.assert_allclose(encoder.encode("abc").sentence, [[6, 8, 10]])


def test_downloads_and_ignores_an_abandoned_lock(modules, hub_cache, tmp_path):
    archive = tmp_path / "m.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(modules["strings"], ".")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(archive.read_bytes())

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    handle = f"http://127.0.0.1:{server.server_port}/strings/1"
    lock = hub_cache(handle, tmp_path / "not_there_yet")
    link = next(hub_cache.folder.iterdir())
    link.unlink()
    lock = link.with_name(link.name + ".lock")
    lock.write_text("host.0123")
    os.utime(lock, (time.time() - 3600,) * 2)
    try:
        encoder = text.HubTextEncoder(handle)
    finally:
        server.shutdown()
        server.server_close()
    np.testing.assert_allclose(encoder.encode("abc").sentence, [[6, 8, 10]])
    assert (link / "saved_model.pb").exists() and not lock.exists()


def test_handle_that_never_answers(hub_cache, monkeypatch):
    monkeypatch.setattr(resolve, "PROBE_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        handle = f"http://127.0.0.1:{server.getsockname()[1]}/m/1"
        with pytest.raises(FileNotFoundError) as error:
            text.HubTextEncoder(handle)
    for part in (handle, str(hub_cache.folder), "'minilm'"):
        assert part in str(error.value)


def test_handle_that_refuses(hub_cache):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(FileNotFoundError, match="cannot be downloaded"):
        text.HubTextEncoder(f"http://127.0.0.1:{port}/m/1")


def test_folder_without_a_saved_model(tmp_path):
    with pytest.raises(FileNotFoundError, match="saved_model.pb"):
        text.get(str(tmp_path / "nothing"))


def test_exports_from_strings_to_features(modules, tmp_path):
    encoder = text.HubTextEncoder(modules["encoder"], modules["packing"])
    archive = keras.export.ExportArchive()
    archive.track(encoder)
    archive.add_endpoint(
        "serve",
        lambda strings: encoder(encoder.tokenize(strings)).sentence,
        [tf.TensorSpec([None], tf.string)],
    )
    archive.write_out(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(tmp_path / "served")
    np.testing.assert_allclose(
        served.serve(tf.constant(["abc", "d"])),
        encoder.encode(["abc", "d"]).sentence,
        1e-6,
    )


def test_damaged_saved_model(modules, tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"\x12\x34 not a protobuf")
    with pytest.raises(ValueError, match="damaged"):
        text.HubTextEncoder(tmp_path)


def test_module_of_neither_family(modules):
    with pytest.raises(ValueError, match="known family"):
        text.HubTextEncoder(modules["encoder"])  # It needs a preprocessor.


def test_warns_once_of_unknown_and_long_text(modules, recwarn):
    encoder = text.HubTextEncoder(
        modules["encoder"], modules["packing"], max_length=6
    )
    encoder.encode(["abc", "abcd"])
    assert not recwarn
    encoder.encode(["ab", "一朵红花"])
    (warning,) = recwarn
    assert "1 of 2 texts" in str(warning.message)
    assert "multilingual" in str(warning.message)
    assert "bag_of_ngrams" in str(warning.message)
    encoder.encode(["一朵红花"])
    assert len(recwarn) == 1
    encoder.encode(["abcde"])
    assert "max_length=6" in str(recwarn[-1].message)


@pytest.mark.parametrize("spec", [3, ["minilm"]])
def test_get_refuses_what_is_no_encoder(spec):
    with pytest.raises(ValueError, match="Received"):
        text.get(spec)


def test_encode_refuses_what_is_no_string(modules):
    encoder = text.HubTextEncoder(modules["strings"])
    with pytest.raises(ValueError, match="strings.*Received: 3"):
        encoder.encode(["a", 3])
    assert encoder.encode([]).sentence.shape == (0, 3)
