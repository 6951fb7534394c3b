import hashlib
import json
import zipfile

import numpy as np
import pytest

from keras_t2i.training import checkpoint
from tests import tiny


class Touches:
    """Pickled, it makes a file when it is loaded."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.fixture
def saved(tmp_path):
    model = tiny.LinearGAN()
    return model, checkpoint.save(model, tmp_path / "checkpoints")


def replace_first(folder, content):
    """Puts another member into `variables.npz`, with a fitting checksum."""
    path = folder / "variables.npz"
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    members[next(iter(members))] = content
    with zipfile.ZipFile(path, "w") as file:
        for name, member in members.items():
            file.writestr(name, member)
    state = json.loads((folder / "state.json").read_text())
    state["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "state.json").write_text(json.dumps(state))


def test_pickled_objects_are_not_loaded(saved, tmp_path):
    model, folder = saved
    hostile = np.array([Touches(tmp_path / "touched")], object)
    np.save(tmp_path / "x.npy", hostile)
    replace_first(folder, (tmp_path / "x.npy").read_bytes())
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        checkpoint.restore(model, folder.parent)
    assert not (tmp_path / "touched").exists()


def test_huge_shapes_are_not_allocated(saved, tmp_path):
    model, folder = saved
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (%d,), }"
    header = (header % 10**15).ljust(117) + b"\n"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    replace_first(folder, content)
    with pytest.raises((ValueError, MemoryError)):
        checkpoint.restore(model, folder.parent)
