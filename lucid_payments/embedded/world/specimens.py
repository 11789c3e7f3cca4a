"""Papers of people who don't exist, drawn so that nobody takes one for real."""

from __future__ import annotations

import hashlib
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from kyc.documents.converting import Converted, Picture

SIZE = (1_000, 640)
_PAPER, _INK, _FAINT = (250, 248, 240), (40, 44, 60), (205, 196, 180)


def paper(title: str, lines: list[str]) -> Converted:
    """One page with this title and these lines, as an upload of it would have been kept."""
    image = Image.new("RGB", SIZE, _PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((8, 8, SIZE[0] - 9, SIZE[1] - 9), outline=_INK, width=3)
    for row in range(3):
        draw.text((60, 150 + 160 * row), "SPECIMEN · INVENTED", font=ImageFont.load_default(84), fill=_FAINT)
    draw.text((40, 32), title, font=ImageFont.load_default(44), fill=_INK)
    draw.rectangle((40, 120, 270, 420), outline=_INK, width=2)
    draw.ellipse((105, 170, 205, 280), outline=_INK, width=2)
    draw.arc((75, 290, 235, 480), 180, 360, fill=_INK, width=2)
    for number, line in enumerate(lines):
        draw.text((310, 124 + 52 * number), line, font=ImageFont.load_default(32), fill=_INK)
    kept = BytesIO()
    image.save(kept, "PNG", optimize=False)
    content = kept.getvalue()
    picture = Picture(content, "image/png", *SIZE)
    return Converted("image/png", hashlib.sha256(content).hexdigest(), len(content), (picture,))
