"""From an uploaded file to the pictures of its pages, by a process that may do next to nothing (`converter`)."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, cast

from django.conf import settings

from kyc.documents import formats
from kyc.documents.errors import DocumentRefused

PROGRAM: Final = Path(__file__).with_name("converter.py")
# Of processor time; a slow machine's wall clock has twice as many.
SECONDS: Final = 20
MEMORY_BYTES: Final = 1024 * 1024 * 1024
# No camera and no page is so long; a 50,000-pixel picture is refused by its header.
LONGEST_SIDE: Final = 20_000
MEGA: Final = 1_000_000
# More than the most pages of the largest kind: what says more was taken over by its file.
MOST_OUTPUT: Final = 200 * MEGA


@dataclass(frozen=True, slots=True)
class Picture:
    """One page as it is stored and shown. `content` is PNG, or JPEG where the page is a photograph."""

    content: bytes
    media_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Converted:
    """`media_type` and `sha256` (hex) are those of what was uploaded."""

    media_type: str
    sha256: str
    size: int
    pages: tuple[Picture, ...]


def maximum_bytes() -> int:
    return int(settings.KYC_DOCUMENT_MAX_MB) * MEGA


def convert(content: bytes) -> Converted:
    """The pages of a PDF, or the one picture. Raises DocumentRefused with the reason."""
    if len(content) > maximum_bytes():
        raise DocumentRefused("too_large")
    media_type = formats.recognise(content)
    pages = _pages(content, media_type)
    return Converted(media_type, hashlib.sha256(content).hexdigest(), len(content), tuple(pages))


def _pages(content: bytes, media_type: str) -> list[Picture]:
    asked = {
        "kind": media_type,
        "pixels": settings.KYC_DOCUMENT_MAX_MEGAPIXELS * MEGA,
        "side": LONGEST_SIDE,
        "pages": settings.KYC_DOCUMENT_MAX_PAGES,
        "seconds": SECONDS,
        "memory_bytes": MEMORY_BYTES,
    }
    ended, output = _run([sys.executable, "-I", str(PROGRAM), json.dumps(asked)], content)
    # Ended by a limit, or by what the file did to the program: in either case it isn't shown to anybody.
    if ended != 0:
        raise DocumentRefused("too_complex" if ended < 0 else "damaged")
    try:
        return _read(output)
    except (ValueError, KeyError, TypeError):
        raise DocumentRefused("damaged") from None


def _run(command: list[str], content: bytes) -> tuple[int, bytes]:
    """How the program ended, and what it said. It is killed for taking too long, and for saying too much."""
    with subprocess.Popen(  # noqa: S603 - our own program, and no shell
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/"
    ) as process:
        stdin, stdout = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
        late = threading.Timer(2 * SECONDS, process.kill)
        feeding = threading.Thread(target=_feed, args=(stdin, content), daemon=True)
        late.start()
        feeding.start()
        try:
            output = stdout.read(MOST_OUTPUT + 1)
            if len(output) > MOST_OUTPUT:
                process.kill()
            process.wait()
        finally:
            late.cancel()
            feeding.join()
    return process.returncode, output


def _feed(pipe: IO[bytes], content: bytes) -> None:
    """A program that has heard enough closes its end."""
    with suppress(BrokenPipeError), pipe:
        pipe.write(content)


def _read(output: bytes) -> list[Picture]:
    """Lines of JSON, each followed by its picture. The program read an enemy's file: nothing is taken on trust."""
    pages, at = [], 0
    while at < len(output):
        line, _, _ = output[at : at + 1000].partition(b"\n")
        told: dict[str, Any] = json.loads(line)
        if "refused" in told:
            raise DocumentRefused(told["refused"])
        at += len(line) + 1
        picture = output[at : at + int(told["bytes"])]
        at += len(picture)
        pages.append(Picture(picture, _kind_of(picture), int(told["width"]), int(told["height"])))
    if not pages:
        raise ValueError("no picture")
    return pages


def _kind_of(picture: bytes) -> str:
    """Raises ValueError for what isn't just a picture."""
    try:
        kind = formats.recognise(picture)
    except DocumentRefused:
        kind = ""
    if kind not in (formats.PNG, formats.JPEG):
        raise ValueError("not a picture")
    return kind
