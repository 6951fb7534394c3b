import json

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def draw(tmp_path):
    """Writes a picture of one gray level with a white left edge."""

    def write(name, level=100, size=(40, 40)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((size[1], size[0], 3), level, "uint8")
        pixels[:, : size[0] // 4] = 255
        Image.fromarray(pixels).save(path)
        return path

    return write


@pytest.fixture
def folder(tmp_path, draw):
    """24 pictures of 6 classes in `captions.jsonl`; the level is 10 * i."""
    rows = []
    for i in range(24):
        draw(f"images/{i:02}.png", 10 * i)
        rows.append(
            {
                "image": f"images/{i:02}.png",
                "captions": [f"picture {i}", f"number {i}", f"no. {i}"],
                "class": f"class {i // 4}",
                "class_id": 10 + i // 4,
            }
        )
    lines = [json.dumps(row) for row in rows]
    (tmp_path / "captions.jsonl").write_text("\n".join(lines))
    return tmp_path
