import pytest


@pytest.fixture(scope="session", autouse=True)
def cache_of_its_own(tmp_path_factory):
    """Keeps what tests compute out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_T2I_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
