"""A face drawn from ellipses, which face detectors take for one."""

import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFilter

SKIN, HAIR, WALL = (224, 172, 138), (60, 40, 25), (110, 130, 150)


def drawn_face(size, skin=SKIN):
    """uint8 [size, size, 3], a face from the front that fills most of it."""
    scale = size / 64  # Drawn at four times the size of 256 units.
    sheet = Image.new("RGB", (4 * size, 4 * size), WALL)
    draw = ImageDraw.Draw(sheet)

    def ellipse(x, y, wide, high, color):
        box = (x - wide, y - high, x + wide, y + high)
        draw.ellipse([scale * side for side in box], fill=color)

    def shade(share, color=skin):
        return tuple(min(255, int(share * level)) for level in color)

    neck = (100, 190, 156, 256)
    draw.rectangle([scale * side for side in neck], fill=shade(0.8))
    ellipse(128, 110, 74, 88, HAIR)
    for x, y, wide, high in ((128, 132, 60, 80), (66, 135, 8, 16), (190, 135, 8, 16)):
        ellipse(x, y, wide, high, skin)
    ellipse(128, 62, 52, 22, HAIR)
    sheet = sheet.filter(ImageFilter.GaussianBlur(3 * scale))
    draw = ImageDraw.Draw(sheet)
    for x in (102, 154):
        ellipse(x, 118, 17, 11, shade(0.82))
        ellipse(x, 119, 14, 7, (245, 245, 245))
        ellipse(x, 119, 6, 6, (20, 15, 10))
        brow = [scale * side for side in (x - 18, 94, x + 18, 120)]
        draw.arc(brow, 205, 335, HAIR, round(5 * scale))
    ellipse(128, 146, 12, 16, shade(0.93))
    ellipse(128, 142, 8, 16, shade(1.06))
    for x in (121, 135):
        ellipse(x, 158, 4, 2.5, shade(0.5))
    ellipse(128, 182, 24, 8, (176, 80, 80))
    lips = [scale * side for side in (104, 181, 152, 181)]
    draw.line(lips, (90, 30, 30), round(2 * scale))
    sheet = sheet.filter(ImageFilter.GaussianBlur(1.2 * scale))
    return np.asarray(sheet.resize((size, size), Image.Resampling.LANCZOS))
