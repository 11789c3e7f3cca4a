"""A version's file: kept in pieces in the database, so that web, worker and auditor read the same bytes."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from kyc.models import ListFilePart, ListVersion

PIECE: Final = 1_000_000
# Twice OFAC's largest; what is longer isn't looked at.
MAXIMUM: Final = 300_000_000


class FileRefused(Exception):
    """The file isn't taken; the sentence says why, and nothing of it is kept."""


def write(version: ListVersion, pieces: Iterable[bytes]) -> None:
    """Keep what comes as the version's file and note its size and hash. Only inside a transaction.

    Raises FileRefused for an empty one, one above MAXIMUM, and one that is packed.
    """
    digest, size, number = hashlib.sha256(), 0, 0
    for number, piece in enumerate(even(pieces), start=1):
        size += len(piece)
        if size > MAXIMUM:
            raise FileRefused(f"The file has more than {MAXIMUM:,} bytes.")
        if number == 1:
            _refuse_packed(piece)
        digest.update(piece)
        ListFilePart.objects.create(version=version, number=number, data=zlib.compress(piece))
    if not size:
        raise FileRefused("The file is empty.")
    version.size, version.file_sha256 = size, digest.hexdigest()
    version.save(update_fields=["size", "file_sha256"])


def read(version: ListVersion) -> Iterator[bytes]:
    """The file's bytes, a piece at a time."""
    for part in ListFilePart.objects.filter(version=version).order_by("number").iterator(chunk_size=4):
        # What was written had PIECE bytes at most: a row of another making can't unpack into more.
        yield zlib.decompressobj().decompress(bytes(part.data), PIECE)


def even(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of one size."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= PIECE:
            yield bytes(held[:PIECE])
            del held[:PIECE]
    if held:
        yield bytes(held)


def _refuse_packed(beginning: bytes) -> None:
    packed = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"(\xb5/\xfd", b"Rar!")
    if beginning.startswith(packed):
        raise FileRefused("The file is an archive: unpack it first and give the list itself.")
