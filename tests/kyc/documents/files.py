"""Files of every kind, good and bad, made here: nothing in them is anybody's."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import pikepdf
from PIL import Image, ImageDraw, PngImagePlugin

PLACE = (52.0, 31.0, 12.0)


def picture(width: int = 640, height: int = 400) -> Image.Image:
    drawn = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(drawn)
    draw.rectangle((20, 20, width // 2, height // 2), fill="navy")
    draw.text((40, height - 60), "SPECIMEN P1234567", fill="black")
    return drawn


@cache
def png(width: int = 640, height: int = 400) -> bytes:
    return _saved(picture(width, height), "PNG")


@cache
def jpeg(width: int = 640, height: int = 400) -> bytes:
    return _saved(picture(width, height), "JPEG")


@cache
def jpeg_with_a_place() -> bytes:
    """As a telephone writes it: turned, with where and with what it was taken."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Canary Cameras"
    exif.get_ifd(0x8825).update({1: "N", 2: PLACE, 3: "E", 4: (13.0, 24.0, 18.0)})
    return _saved(picture(), "JPEG", exif=exif.tobytes(), comment=b"canary comment")


@cache
def png_with_words() -> bytes:
    words = PngImagePlugin.PngInfo()
    words.add_text("Author", "Canary Author")
    return _saved(picture(), "PNG", pnginfo=words)


@cache
def pdf(pages: int = 1, change: Callable[[Any], None] | None = None, **saved: Any) -> bytes:
    """A plain one with some text on each page; `change` makes it worse."""
    made = pikepdf.new()
    font = made.make_indirect(
        pikepdf.Dictionary(
            Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica
        )
    )
    for number in range(pages):
        page = made.add_blank_page(page_size=(595, 842))
        page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
        page.Contents = made.make_stream(f"BT /F1 40 Tf 60 700 Td (SPECIMEN {number + 1}) Tj ET".encode())
    if change is not None:
        change(made)
    out = io.BytesIO()
    made.save(out, **saved)
    return out.getvalue()


def _action(**entries: Any) -> Callable[[Any], None]:
    def change(made: Any) -> None:
        made.Root.OpenAction = pikepdf.Dictionary(**entries)

    return change


def _attached(made: Any) -> None:
    made.attachments["program.exe"] = pikepdf.AttachedFileSpec(  # type: ignore[call-arg]  # all others have defaults
        made, b"MZ\x90"
    )


def _form(made: Any) -> None:
    made.Root.AcroForm = pikepdf.Dictionary(XFA=made.make_stream(b"<xdp/>"), Fields=pikepdf.Array())


def _annotation(subtype: str) -> Callable[[Any], None]:
    def change(made: Any) -> None:
        note = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot, Subtype=pikepdf.Name(subtype), Rect=pikepdf.Array([0, 0, 9, 9])
        )
        made.pages[0].Annots = pikepdf.Array([note])

    return change


def _unreachable_script(made: Any) -> None:
    """In an object that nothing leads to: another program may find a way."""
    made.Root.Hidden = made.make_indirect(
        pikepdf.Dictionary(Deep=pikepdf.Array([pikepdf.Dictionary(S=pikepdf.Name("/JavaScript"))]))
    )


def _saved(drawn: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    drawn.save(out, kind, **options)
    return out.getvalue()


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_that_says(width: int, height: int) -> bytes:
    """A few bytes that claim to be a picture of that size, and would unpack to its first gigabytes."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("evil.js", "alert(1)")
    return out.getvalue()


def _commented(content: bytes, comment: bytes) -> bytes:
    """A JPEG with one more comment, just after its beginning."""
    return content[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + content[2:]


def _animated() -> bytes:
    out = io.BytesIO()
    picture().save(out, "PNG", save_all=True, append_images=[picture().rotate(90)])
    return out.getvalue()


ELF = b"\x7fELF" + bytes(60)
EXE = b"MZ\x90\0" + bytes(60)
# What is refused, by which reason.
BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "empty"),
    "text": (lambda: b"just words", "not_a_document"),
    "a Windows program, renamed": (lambda: EXE, "program"),
    "a Linux program, renamed": (lambda: ELF, "program"),
    "a shell script": (lambda: b"#!/bin/sh\nrm -rf /", "program"),
    "a ZIP archive": (archive, "archive"),
    "a web page": (lambda: b"<html><script>alert(1)</script>", "web_page"),
    "SVG": (lambda: b'<?xml version="1.0"?><svg onload="alert(1)"/>', "web_page"),
    "SVG after blanks": (lambda: b"\xef\xbb\xbf  \n<svg/>", "web_page"),
    "GIF": (lambda: _saved(picture(), "GIF"), "other_picture"),
    "TIFF": (lambda: _saved(picture(), "TIFF"), "other_picture"),
    "WEBP": (lambda: _saved(picture(), "WEBP"), "other_picture"),
    "animated PNG": (_animated, "animated"),
    "PNG and ZIP": (lambda: png() + archive(), "something_after"),
    "JPEG and ZIP": (lambda: jpeg() + archive(), "something_after"),
    "JPEG and ZIP behind a second picture": (lambda: jpeg() + jpeg() + archive(), "two_formats"),
    "PDF and ZIP": (lambda: pdf() + archive(), "something_after"),
    "ZIP and PDF": (lambda: archive() + pdf(), "archive"),
    "PDF behind other words": (lambda: b"words\n" + pdf(), "two_formats"),
    "JPEG and PDF": (lambda: _commented(jpeg(), b"%PDF-1.4 trailer"), "two_formats"),
    "JPEG and web page": (lambda: _commented(jpeg(), b"--><script>alert(1)</script>"), "two_formats"),
    "JPEG and PHP": (lambda: _commented(jpeg(), b"<?php system($_GET[0]); ?>"), "two_formats"),
    "PNG and a program": (lambda: png() + EXE, "something_after"),
    "PNG cut off": (lambda: png()[:-20], "damaged"),
    "PNG with a changed byte": (lambda: png()[:60] + b"\x13\x37" + png()[62:], "damaged"),
    "JPEG cut off": (lambda: jpeg()[:300], "damaged"),
    "PDF cut off": (lambda: pdf()[:200], "damaged"),
    "PDF of nothing": (lambda: b"%PDF-1.7\n%%EOF", "damaged"),
    "a 50,000-pixel PNG": (lambda: png_that_says(50_000, 50_000), "too_many_pixels"),
    "a PNG of one line": (lambda: png_that_says(50_000, 300), "too_many_pixels"),
    "a tiny picture": (lambda: png(40, 40), "too_small"),
    "PDF with JavaScript": (
        lambda: pdf(change=_action(S=pikepdf.Name.JavaScript, JS="app.alert(1)")),
        "javascript",
    ),
    "PDF with a script that nothing leads to": (lambda: pdf(change=_unreachable_script), "javascript"),
    "PDF with a script in packed objects": (
        lambda: pdf(
            change=_unreachable_script, object_stream_mode=pikepdf.ObjectStreamMode.generate, compress_streams=True
        ),
        "javascript",
    ),
    "PDF that launches": (lambda: pdf(change=_action(S=pikepdf.Name.Launch, F="cmd.exe")), "launch"),
    "PDF that opens another": (lambda: pdf(change=_action(S=pikepdf.Name.GoToR, F="other.pdf")), "launch"),
    "PDF with a file inside": (lambda: pdf(change=_attached), "embedded_files"),
    "PDF with a file on a page": (lambda: pdf(change=_annotation("/FileAttachment")), "embedded_files"),
    "PDF with a film": (lambda: pdf(change=_annotation("/RichMedia")), "multimedia"),
    "PDF with XFA": (lambda: pdf(change=_form), "active_form"),
    "PDF with a password": (
        lambda: pdf(encryption=pikepdf.Encryption(owner="owner", user="user")), "encrypted",
    ),
    "PDF with rights": (
        lambda: pdf(encryption=pikepdf.Encryption(owner="owner", user="")), "encrypted",
    ),
    "PDF of too many pages": (lambda: pdf(pages=21), "too_many_pages"),
    "PDF of no page": (lambda: pdf(pages=0), "no_pages"),
}  # fmt: skip
