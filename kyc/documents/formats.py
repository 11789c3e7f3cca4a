"""What a file is, by its content alone, and whether it is that and nothing else."""

from __future__ import annotations

import re
import struct
from typing import Final

from kyc.documents.errors import DocumentRefused

PDF: Final = "application/pdf"
JPEG: Final = "image/jpeg"
PNG: Final = "image/png"

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PNG_CHUNK_BYTES: Final = 12  # length, type and checksum of a chunk
_OTHERS: Final[tuple[tuple[bytes, str], ...]] = (
    (b"MZ", "program"),
    (b"\x7fELF", "program"),
    (b"\xfe\xed\xfa", "program"),
    (b"\xcf\xfa\xed\xfe", "program"),
    (b"\xca\xfe\xba\xbe", "program"),
    (b"#!", "program"),
    (b"PK", "archive"),
    (b"Rar!", "archive"),
    (b"7z\xbc\xaf\x27\x1c", "archive"),
    (b"\x1f\x8b", "archive"),
    (b"\xd0\xcf\x11\xe0", "archive"),
    (b"GIF8", "other_picture"),
    (b"II*\0", "other_picture"),
    (b"MM\0*", "other_picture"),
    (b"BM", "other_picture"),
    (b"RIFF", "other_picture"),
    (b"\xff\x0a", "other_picture"),
    (b"\0\0\0\x0cJXL", "other_picture"),
)
# What a browser or an interpreter would run, wherever it stands; in a picture's random bytes none comes by chance.
_RUNNABLE: Final = re.compile(rb"<script|<!doctype html|<html[\s>]|<\?php|javascript:", re.IGNORECASE)
_ZIP_END: Final = b"PK\x05\x06"
# A ZIP's end record stands within so many bytes of a file's end.
_ZIP_TAIL: Final = 65_557


def recognise(content: bytes) -> str:
    """PDF, JPEG or PNG. Raises DocumentRefused for anything else, and for what is something else as well."""
    if not content:
        raise DocumentRefused("empty")
    if content.startswith(b"%PDF-"):
        _check_pdf_end(content)
        kind = PDF
    elif content.startswith(b"\xff\xd8\xff"):
        _check_jpeg_end(content)
        kind = JPEG
    elif content.startswith(_PNG_SIGNATURE):
        _check_png_end(content)
        kind = PNG
    else:
        raise DocumentRefused(_what_it_is_instead(content))
    if _ZIP_END in content[-_ZIP_TAIL:] or (kind != PDF and b"%PDF-" in content):
        raise DocumentRefused("two_formats")
    # A PDF's own scripts are found in its objects; here it's what other programs would see in the file.
    if _RUNNABLE.search(content if kind != PDF else content[:1024]):
        raise DocumentRefused("two_formats")
    return kind


def _what_it_is_instead(content: bytes) -> str:
    head = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n\0").lower()
    if head.startswith(b"<"):
        return "web_page"
    for signature, code in _OTHERS:
        if content.startswith(signature):
            return code
    if content[4:8] == b"ftyp":
        return "other_picture"
    return "two_formats" if b"%PDF-" in content[:1024] else "not_a_document"


def _check_pdf_end(content: bytes) -> None:
    end = content.rfind(b"%%EOF")
    if end < 0:
        raise DocumentRefused("damaged")
    if content[end + 5 :].strip(b"\0\t\n\f\r \x1a"):
        raise DocumentRefused("something_after")


def _check_png_end(content: bytes) -> None:
    """Walk the chunks to IEND, which must be the file's last."""
    at = len(_PNG_SIGNATURE)
    while at + _PNG_CHUNK_BYTES <= len(content):
        length, name = struct.unpack(">I4s", content[at : at + 8])
        at += _PNG_CHUNK_BYTES + length
        if name == b"acTL":
            raise DocumentRefused("animated")
        if name == b"IEND":
            if content[at:]:
                raise DocumentRefused("something_after")
            if length or at > len(content):
                break
            return
    raise DocumentRefused("damaged")


def _check_jpeg_end(content: bytes) -> None:
    """Find the picture's end. Cameras put further pictures and padding behind it; anything else is refused."""
    rest = content[_jpeg_end(content) :].strip(b"\0")
    # Preview and brightness pictures of today's phones; they go with the re-encoding like everything that isn't shown.
    if rest and not rest.startswith(b"\xff\xd8\xff"):
        raise DocumentRefused("something_after")


def _jpeg_end(content: bytes) -> int:
    """The offset just after the first picture's end marker (ITU-T T.81, B.1.1). Raises DocumentRefused."""
    at = 2
    while (at := content.find(b"\xff", at)) >= 0 and at + 1 < len(content):
        marker = content[at + 1]
        if marker == 0xD9:
            return at + 2
        if marker == 0xFF:
            at += 1
        elif marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD8:
            at += 2
        else:
            at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    raise DocumentRefused("damaged")
