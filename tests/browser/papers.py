"""Invented papers as pictures: nobody's face, and a name that nobody has."""

from __future__ import annotations

import hashlib
import io
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from kyc.documents.converting import Converted, Picture
from tests.kyc import desk

SIZE = (900, 600)
INK, PAPER, SHADE = "#1c2f3f", "#eef3ea", "#c3d2c5"


@cache
def passport(name: str = desk.NAME) -> Converted:
    """Two pages: the one with the data, and an empty one."""
    return _converted(_page(list((desk.DECLARED | {"full_name": name}).items())), _page([("page", "3")]))


@cache
def bill(name: str = desk.NAME) -> Converted:
    return _converted(
        _page([("invoice for water", "2026"), ("to", name), ("street", desk.DECLARED["street"])])
    )


def _page(lines: list[tuple[str, str]]) -> bytes:
    picture = Image.new("RGB", SIZE, PAPER)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, SIZE[0], 70), fill=SHADE)
    draw.text((30, 18), "SPECIMEN, NO DOCUMENT", font=ImageFont.load_default(30), fill=INK)
    draw.ellipse((60, 130, 220, 300), fill=SHADE)
    draw.rectangle((40, 310, 240, 450), fill=SHADE)
    for number, (name, value) in enumerate(lines[:10]):
        draw.text((290, 95 + 48 * number), name.replace("_", " "), font=ImageFont.load_default(14), fill=INK)
        draw.text((290, 112 + 48 * number), value, font=ImageFont.load_default(22), fill=INK)
    kept = io.BytesIO()
    picture.save(kept, "PNG")
    return kept.getvalue()


def _converted(*pages: bytes) -> Converted:
    whole = b"".join(pages)
    pictures = tuple(Picture(page, "image/png", *SIZE) for page in pages)
    return Converted("application/pdf", hashlib.sha256(whole).hexdigest(), len(whole), pictures)
