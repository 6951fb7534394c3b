import json

import pytest

from keras_t2i import models
from keras_t2i.cli.main import main
from tests import tiny

STEPS = 6


def train_arguments(config, out, *more):
    argv = ["train", "gan_cls", "--config", str(config), "--out", str(out)]
    return [*argv, *more]


@pytest.fixture(scope="session")
def config(tmp_path_factory):
    """Settings of a run that takes seconds."""
    path = tmp_path_factory.mktemp("config") / "tiny.json"
    settings = {
        "data": "shapes",
        "steps": STEPS,
        "batch_size": 8,
        "image_size": 16,
        "checkpoint_every": 2,
        "sample_every": 4,
        "text_encoder": "bag_of_ngrams",
        "generator_width": 4,
        "discriminator_width": 4,
    }
    path.write_text(json.dumps(settings))
    return path


@pytest.fixture(scope="session", autouse=True)
def features_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_T2I_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def without_compilation():
    """`test_train_matcher.py` trains compiled steps of another method."""
    with tiny.eagerly(models.GANCLS):
        yield


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory, config, features_cache):
    """Folder of a run of `STEPS` steps that nothing interrupted."""
    out = tmp_path_factory.mktemp("finished") / "run"
    assert main(train_arguments(config, out)) == 0
    return out
