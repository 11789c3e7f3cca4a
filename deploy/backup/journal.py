"""The signer's journal, piece by piece as it grows: always copied after the database's log, so never older than it.

A line is on the signer's disk before its signature is in the database. The journal copied after the log therefore
knows every signature that the log knows, and a restore finds what the database lost, never the other way round.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from deploy.backup.age import Identity, Recipients
from deploy.backup.errors import BackupError, one_clear_line
from deploy.backup.store import Store
from payouts.tron.signing.journal import GENESIS, chained_digest

PLACE: Final = "journal"
# <life>-<first byte>-<byte after the last>-<digest of its last line>: a journal begun anew is another life.
_NAME: Final = re.compile(r"(\d{4})-(\d{14})-(\d{14})-([0-9a-f]{64})")
_DIGEST_LENGTH: Final = 64
# More than any line of it: a transaction's bytes in hex and what they say.
_LONGEST_LINE: Final = 1 << 16
_KEEP_WHOLE: Final = 2


@dataclass(frozen=True, order=True)
class Piece:
    """Bytes `start` to `end` of the journal, whole lines; `head` is the digest of the last."""

    life: int
    start: int
    end: int
    head: str

    @property
    def name(self) -> str:
        return f"{self.life:04}-{self.start:014}-{self.end:014}-{self.head}"


def ship(store: Store, key: Recipients, journal: Path, *, whole: bool = False) -> int:
    """Encrypt the lines that are new, or all; answers how many bytes that made.

    A journal that doesn't go on where the last piece ended is another one, which the signer locks itself for: it is
    copied as such, and the one before stays. Raises BackupError for one that isn't chained.
    """
    pieces = _pieces(store)
    last = max(pieces, key=lambda piece: (piece.life, piece.end), default=Piece(1, 0, 0, GENESIS))
    with one_clear_line(journal):
        if not journal.exists():
            return 0
        with open(journal, "rb") as opened:
            if _digest_before(opened, last.end) != last.head:
                last = Piece(last.life + 1, 0, 0, GENESIS)
            start, head = (0, GENESIS) if whole else (last.end, last.head)
            opened.seek(start)
            content = opened.read()
    content = content[: content.rfind(b"\n") + 1]
    piece = Piece(last.life, start, start + len(content), _chained(content, head, journal))
    if not content or piece in pieces:
        return 0
    return store.put(PLACE, piece.name, [content], key)


def forget(store: Store) -> None:
    """Remove the pieces that a newer whole copy of the same life holds; two whole ones stay."""
    pieces = _pieces(store)
    for life in {piece.life for piece in pieces}:
        wholes = sorted(piece for piece in pieces if piece.life == life and piece.start == 0)[-_KEEP_WHOLE:]
        if len(wholes) < _KEEP_WHOLE:
            continue
        for piece in pieces:
            if piece.life == life and piece.end <= wholes[0].end and piece not in wholes:
                store.remove(PLACE, piece.name)


def put_together(store: Store, identity: Identity) -> bytes:
    """The newest journal there is, whatever moment the database is restored to. Raises BackupError."""
    pieces = _pieces(store)
    if not pieces:
        return b""
    life = max(piece.life for piece in pieces)
    content, end = b"", 0
    while True:
        following = [piece for piece in pieces if piece.life == life and piece.start <= end < piece.end]
        if not following:
            break
        piece = max(following, key=lambda piece: piece.end)
        with identity.opened(store.path(PLACE, piece.name)) as plain:
            content = content[: piece.start] + plain.read()
        end = piece.end
    if end < max(piece.end for piece in pieces if piece.life == life):
        raise BackupError(f"A piece of the signer's journal is missing, from byte {end} on.")
    _chained(content, GENESIS, store.folder / PLACE)
    return content


def _pieces(store: Store) -> list[Piece]:
    found = [_NAME.fullmatch(name) for name in store.names(PLACE)]
    return [Piece(int(m[1]), int(m[2]), int(m[3]), m[4]) for m in found if m]


def _digest_before(journal: IO[bytes], end: int) -> str:
    """The digest of the line that ends there; empty if none does."""
    if end == 0:
        return GENESIS
    begin = max(0, end - _LONGEST_LINE)
    journal.seek(begin)
    lines = journal.read(end - begin).splitlines(keepends=True)
    if not lines or begin + sum(map(len, lines)) < end or not lines[-1].endswith(b"\n"):
        return ""
    return lines[-1][:_DIGEST_LENGTH].decode("ascii", "replace")


def _chained(content: bytes, head: str, journal: Path) -> str:
    """The last line's digest; raises BackupError where a line doesn't follow from the one before."""
    for number, line in enumerate(content.splitlines(), 1):
        head = chained_digest(head, line[_DIGEST_LENGTH + 1 :])
        if line[:_DIGEST_LENGTH].decode("ascii", "replace") != head:
            raise BackupError(
                f"The journal in {journal} is broken: line {number} of what is new isn't chained."
            )
    return head
