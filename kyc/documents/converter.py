"""Turns one untrusted file into pictures of its pages: a program of its own, started for one file by `converting`.

    python -I converter.py '{"kind": …, "pixels": …, …}' < file > pages

It imports nothing of ours and gets no environment. Before it looks at the file it gives up what a file could misuse:
new file descriptors, and so files and sockets; new processes; more memory and time than it was given.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

REFUSED: Final = "refused"
NOBODY: Final = 65534
# Longest side of a stored picture: fine print on a page of A4 is read well at that.
LONGEST_SIDE: Final = 2200
SMALLEST_SIDE: Final = 200
# A4 at this is about as long as a picture may be.
DOTS_PER_INCH: Final = 180
MOST_OBJECTS: Final = 100_000
# A picture of a page of text is smaller as PNG; where it isn't, it is a photograph.
PNG_UP_TO: Final = 1_000_000
JPEG_QUALITY: Final = 88

# What a PDF's dictionaries may not hold, by key and by the name under /S, /Subtype or /Type.
_KEYS: Final = {
    "/JS": "javascript",
    "/JavaScript": "javascript",
    "/EmbeddedFiles": "embedded_files",
    "/EF": "embedded_files",
    "/Collection": "embedded_files",
    "/XFA": "active_form",
    "/RichMediaContent": "multimedia",
    "/RichMediaSettings": "multimedia",
}
_NAMES: Final = {
    "/JavaScript": "javascript",
    "/Launch": "launch",
    "/GoToE": "launch",
    "/GoToR": "launch",
    "/ImportData": "launch",
    "/SubmitForm": "launch",
    "/EmbeddedFile": "embedded_files",
    "/FileAttachment": "embedded_files",
    "/RichMedia": "multimedia",
    "/Movie": "multimedia",
    "/Sound": "multimedia",
    "/Screen": "multimedia",
    "/Rendition": "multimedia",
    "/3D": "multimedia",
}


class Refusal(Exception):
    """`args[0]` is a code of `errors.WORDS`."""


def main() -> None:
    asked: dict[str, Any] = json.loads(sys.argv[1])
    content = sys.stdin.buffer.read()
    _import_for(asked["kind"])
    give_up(asked)
    try:
        pages = list(pictures(content, asked))
    except Refusal as refusal:
        _tell({REFUSED: refusal.args[0]})
        return
    except MemoryError:
        _tell({REFUSED: "too_complex"})
        return
    for page in pages:
        picture = page.pop("picture")
        _tell({**page, "bytes": len(picture)})
        sys.stdout.buffer.write(picture)


def give_up(asked: dict[str, Any]) -> None:
    """For good: hard limits aren't raised again by an ordinary user, which root becomes first."""
    if os.geteuid() == 0:
        # A root that may not even do this is none.
        with suppress(OSError):
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
    for what, limit in (
        (resource.RLIMIT_AS, asked["memory_bytes"]),
        (resource.RLIMIT_CPU, asked["seconds"]),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        # The three that are open stay; no file and no socket is opened any more.
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(what, (limit, limit))


def pictures(content: bytes, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each page's `picture`, `width` and `height`. Raises Refusal."""
    if asked["kind"] == "application/pdf":
        check_objects(content)
        yield from _pages_of_pdf(content, asked)
    else:
        yield _plain(content, asked)


def check_objects(content: bytes) -> None:
    """Walk every object of a PDF, whether a page shows it or not. Raises Refusal for whatever acts."""
    import pikepdf

    try:
        pdf = pikepdf.open(io.BytesIO(content), attempt_recovery=False, suppress_warnings=True)
    except pikepdf.PasswordError:
        raise Refusal("encrypted") from None
    except (pikepdf.PdfError, RuntimeError, ValueError):
        # To decrypt, the library wants a device that can't be opened here.
        raise Refusal("encrypted" if b"/Encrypt" in content else "damaged") from None
    with pdf:
        if pdf.is_encrypted:
            raise Refusal("encrypted")
        if len(pdf.pages) == 0:
            raise Refusal("no_pages")
        if len(pdf.objects) > MOST_OBJECTS:
            raise Refusal("too_complex")
        try:
            for item in (pdf.trailer, *pdf.objects):
                _check_object(item)
        except (pikepdf.PdfError, RuntimeError, ValueError):
            raise Refusal("damaged") from None


def _check_object(item: Any) -> None:
    import pikepdf

    waiting, seen = [item], 0
    while waiting:
        found = waiting.pop()
        seen += 1
        if seen > MOST_OBJECTS:
            raise Refusal("too_complex")
        if isinstance(found, pikepdf.Array):
            waiting += (child for child in found if not _is_elsewhere(child))
        elif isinstance(found, pikepdf.Dictionary | pikepdf.Stream):
            for key in found.keys():  # noqa: SIM118 - pikepdf's objects iterate over something else
                if key in _KEYS:
                    raise Refusal(_KEYS[key])
                child = found.get(key)
                if key in ("/S", "/Subtype", "/Type") and str(child) in _NAMES:
                    raise Refusal(_NAMES[str(child)])
                if not _is_elsewhere(child):
                    waiting.append(child)


def _is_elsewhere(child: Any) -> bool:
    """What a reference leads to is in the list of objects itself."""
    return bool(getattr(child, "is_indirect", False))


def _pages_of_pdf(content: bytes, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    import pypdfium2

    try:
        pdf = pypdfium2.PdfDocument(content)
        count = len(pdf)
    except pypdfium2.PdfiumError:
        raise Refusal("damaged") from None
    if count > asked["pages"]:
        raise Refusal("too_many_pages")
    # What was filled into a plain form is drawn, too; the library has no script engine.
    pdf.init_forms()
    for number in range(count):
        try:
            page = pdf[number]
            longest = max(page.get_size())
            scale = min(DOTS_PER_INCH / 72, LONGEST_SIDE / longest) if longest > 0 else 1
            picture = page.render(scale=scale).to_pil().convert("RGB")
            page.close()
        except (pypdfium2.PdfiumError, ValueError):
            raise Refusal("damaged") from None
        yield _encoded(picture)


def _plain(content: bytes, asked: dict[str, Any]) -> dict[str, Any]:
    """The picture alone, upright, without anything that the camera wrote beside it."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    # Ours comes first, and says what is wrong.
    Image.MAX_IMAGE_PIXELS = None
    try:
        picture = Image.open(
            io.BytesIO(content), formats=["JPEG" if asked["kind"] == "image/jpeg" else "PNG"]
        )
        width, height = picture.size
        if width * height > asked["pixels"] or max(width, height) > asked["side"]:
            raise Refusal("too_many_pixels")
        if min(width, height) < SMALLEST_SIDE:
            raise Refusal("too_small")
        if getattr(picture, "is_animated", False) and picture.format != "JPEG":
            raise Refusal("animated")
        # A camera's picture is decoded no larger than it is kept: a fraction of the memory.
        picture.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
        picture.load()
        upright = _without_transparency(ImageOps.exif_transpose(picture))
        upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError):
        raise Refusal("damaged") from None
    return _encoded(Image.frombytes("RGB", upright.size, upright.tobytes()))


def _without_transparency(picture: Any) -> Any:
    """On white, as paper: what is written black on nothing stays readable."""
    from PIL import Image

    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layered = picture.convert("RGBA")
    paper = Image.new("RGBA", layered.size, "white")
    return Image.alpha_composite(paper, layered).convert("RGB")


def _encoded(picture: Any) -> dict[str, Any]:
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=6)
    if out.tell() > PNG_UP_TO:
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=JPEG_QUALITY)
    return {"picture": out.getvalue(), "width": picture.width, "height": picture.height}


def _import_for(kind: str) -> None:
    """Everything that is needed, while files can still be opened."""
    from PIL import Image, ImageOps, JpegImagePlugin, PngImagePlugin, TiffImagePlugin  # noqa: F401

    Image.preinit()
    if kind == "application/pdf":
        import pikepdf  # noqa: F401
        import pypdfium2

        pypdfium2.PdfDocument.new().close()


def _tell(line: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(line).encode() + b"\n")


if __name__ == "__main__":
    # Whatever goes wrong says nothing about the file: the parent knows that it went wrong.
    try:
        main()
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001
        os._exit(1)
