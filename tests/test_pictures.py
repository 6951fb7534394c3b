import io
import zlib

import numpy as np
import pytest
from PIL import Image

from keras_t2i import pictures


def gradient(size=(16, 12)):
    levels = np.linspace(0, 255, size[0] * size[1]).astype("uint8")
    return levels.reshape(size[1], size[0])


def corners():
    """Red at the top left, blue at the bottom right, else black."""
    pixels = np.zeros((16, 24, 3), "uint8")
    pixels[:8, :8, 0] = 255
    pixels[8:, 16:, 2] = 255
    return pixels


@pytest.mark.parametrize(
    "suffix", [".png", ".bmp", ".tif", ".ppm", ".gif", ".webp", ".jpg"]
)
def test_reads_format(tmp_path, suffix):
    path = tmp_path / f"picture{suffix}"
    exact = {".webp": {"lossless": True}, ".jpg": {"subsampling": 0}}
    Image.fromarray(corners()).save(path, **exact.get(suffix, {}))
    picture = pictures.read(path)
    assert picture.dtype == np.uint8 and picture.shape == (16, 24, 3)
    tolerance = 40 if suffix == ".jpg" else 0
    np.testing.assert_allclose(
        picture.astype(int), corners().astype(int), atol=tolerance
    )
    assert pictures.header_size(path) == (24, 16)


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "CMYK", "YCbCr"])
def test_converts_mode(tmp_path, mode):
    white = np.where(gradient() > 127, 255, 0).astype("uint8")
    suffix = ".tif" if mode in ("CMYK", "YCbCr") else ".png"
    image = Image.fromarray(white).convert("RGB").convert(mode)
    image.save(tmp_path / f"a{suffix}")
    picture = pictures.read(tmp_path / f"a{suffix}")
    np.testing.assert_allclose(
        picture.astype(int), np.stack([white] * 3, -1).astype(int), atol=1
    )


def test_cmyk_jpeg(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg")
    picture = pictures.read(tmp_path / "a.jpg")
    np.testing.assert_allclose(picture[4, 4], [255, 0, 0], atol=8)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_are_scaled_not_clipped(tmp_path, suffix):
    deep = Image.fromarray(gradient().astype("uint16") * 257)
    deep.save(tmp_path / f"a{suffix}")
    picture = pictures.read(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(picture[..., 1], gradient())


def test_float_levels(tmp_path):
    Image.fromarray(gradient().astype("float32") / 255).save(tmp_path / "a.tif")
    picture = pictures.read(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture[..., 0], gradient())


def test_transparent_becomes_white(tmp_path):
    image = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    image.putpixel((0, 0), (255, 0, 0, 255))
    image.putpixel((1, 0), (255, 0, 0, 128))
    image.save(tmp_path / "a.png")
    palette = Image.new("P", (4, 4), 3)
    palette.putpalette([0, 0, 0] * 3 + [9, 9, 9])
    palette.save(tmp_path / "b.png", transparency=3)
    picture = pictures.read(tmp_path / "a.png")
    np.testing.assert_array_equal(picture[0, 0], [255, 0, 0])
    np.testing.assert_allclose(picture[0, 1], [255, 127, 127], atol=1)
    np.testing.assert_array_equal(picture[3, 3], [255, 255, 255])
    assert pictures.read(tmp_path / "b.png").min() == 255


def test_exif_rotation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # The camera was turned: rotate by 90 degrees.
    Image.fromarray(corners()).save(tmp_path / "a.png", exif=exif)
    picture = pictures.read(tmp_path / "a.png")
    assert picture.shape == (24, 16, 3)
    np.testing.assert_array_equal(picture[0, 15], [255, 0, 0])


def test_reads_file_objects_and_large_jpegs_smaller():
    file = io.BytesIO()
    Image.fromarray(corners()).resize((960, 640)).save(file, "JPEG")
    small = pictures.read(file, at_least=100)
    assert small.shape == (160, 240, 3)
    assert small[10, 10, 0] > 200 and small[150, 230, 2] > 200


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "empty"),
        (b"hello", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "not a picture"),
    ],
)
def test_errors_name_the_file(tmp_path, content, message):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    for read in (pictures.read, pictures.header_size):
        with pytest.raises(ValueError, match=f"{message}.*a.jpg"):
            read(path)


def test_damaged_missing_and_too_large(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), "uint8")
    Image.fromarray(noise).save(tmp_path / "a.jpg")
    with pytest.raises(ValueError, match="max_pixels=4000"):
        pictures.read(tmp_path / "a.jpg", max_pixels=4000)
    content = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="damaged.*a.jpg"):
        pictures.read(tmp_path / "a.jpg")
    with pytest.raises(FileNotFoundError, match="b.jpg"):
        pictures.read(tmp_path / "b.jpg")
    with pytest.raises(ValueError, match="folder"):
        pictures.read(tmp_path)


@pytest.mark.parametrize("side", [8_000, 12_000, 60_000, 2**31 - 1])
def test_a_bomb_is_refused_before_decoding(tmp_path, side):
    file = io.BytesIO()
    Image.new("L", (9, 9)).save(file, "PNG")
    content = bytearray(file.getvalue())
    # The header of PNG: from byte 16 on width and height, then a CRC.
    content[16:24] = 2 * side.to_bytes(4, "big")
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    (tmp_path / "bomb.png").write_bytes(content)
    for read in (pictures.read, pictures.header_size):
        with pytest.raises(ValueError, match="pixels.*bomb.png"):
            read(tmp_path / "bomb.png")


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_first_frame_of_an_animation_whatever_the_name(tmp_path, suffix):
    frames = [Image.fromarray(corners()), Image.new("RGB", (24, 16), "white")]
    path = tmp_path / f"a{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
    path = path.rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(pictures.read(path), corners())


def test_save_png(tmp_path):
    path = tmp_path / "new" / "a.png"
    pictures.save_png(path, corners())
    np.testing.assert_array_equal(pictures.read(path), corners())
    with pytest.raises(TypeError):
        pictures.save_png(path, np.zeros((2, 2, 7), "uint8"))
    np.testing.assert_array_equal(pictures.read(path), corners())
    assert [file.name for file in path.parent.iterdir()] == ["a.png"]


def test_grid_places_pictures():
    images = np.stack([np.full((8, 10, 3), 40 * i, "uint8") for i in range(5)])
    sheet = pictures.grid(images, 3, scale=2)
    assert sheet.shape == (2 * (16 + 2) + 2, 3 * (20 + 2) + 2, 3)
    for i in range(5):
        y, x = 2 + i // 3 * 18, 2 + i % 3 * 22
        assert (sheet[y : y + 16, x : x + 20] == 40 * i).all()
    assert (sheet[20:, 46:] == 255).all()


@pytest.mark.parametrize("count", [6, 2])
def test_grid_writes_captions(count):
    images = np.full((6, 64, 64, 3), 255, "uint8")
    captions = ["", "a flower with " + 20 * "long", "一朵红色的花" * 20, "d"]
    captions = (captions * 2)[:count]
    plain = pictures.grid(images, 3)
    sheet = pictures.grid(images, 3, captions)
    assert sheet.shape[1] == plain.shape[1]
    assert sheet.shape[0] > plain.shape[0]
    assert sheet.min() < 100
    # Nothing is written into the pictures or beside them.
    assert (sheet[:, :2] == 255).all()


def test_grid_errors():
    images = np.zeros((6, 8, 8, 3), "uint8")
    with pytest.raises(ValueError, match="float32 of shape"):
        pictures.grid(images.astype("float32"), 2)
    with pytest.raises(ValueError, match="6.*3.*Received: 4 captions"):
        pictures.grid(images, 2, ["a"] * 4)
    with pytest.raises(ValueError, match="at least one"):
        pictures.grid(images[:0], 2)


def test_overlay_lights_what_weighs_most():
    white = np.full((16, 24, 3), 200, "uint8")
    weights = np.zeros((4, 4))
    weights[0, 3] = 0.01  # The scale does not matter.
    found = pictures.overlay(white, weights)
    assert found.shape == white.shape and found.dtype == np.uint8
    assert np.all(found[0, -1] == 200)
    assert np.all(found[8:] == 40) and np.all(found[:, :8] == 40)
    np.testing.assert_array_equal(pictures.overlay(white, 5 * weights), found)
    np.testing.assert_array_equal(pictures.overlay(white, 0 * weights), 40)
