"""The signer's caps as people move them: a file beside its journal, outside the database that they guard against.

One line a change, chained as the journal's lines are: `<digest> <JSON>`. The last line counts; without a file the
settings do. A file that was altered stops signing. A last line without its end was never answered for: it is cut
off by the next change.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from payouts.tron.signing.caps import SigningCaps
from payouts.tron.signing.errors import JournalError
from payouts.tron.signing.journal import GENESIS, chained_digest


@dataclass(frozen=True, slots=True)
class CapsChange:
    """One change: when (UTC milliseconds), to what (USDT base units), by whom and why."""

    seq: int
    time_ms: int
    daily: int
    hourly: int
    by: str
    reason: str


class Ceiling:
    """The file of changes; `initial` is what the settings say, for as long as there is no change."""

    def __init__(self, path: Path, initial: SigningCaps) -> None:
        self.path = path
        self.initial = initial

    @classmethod
    def beside(cls, journal: Path, initial: SigningCaps) -> Ceiling:
        """The one that belongs to this journal."""
        return cls(journal.with_name(journal.name + ".caps"), initial)

    def caps(self) -> SigningCaps:
        """The caps in force. Raises JournalError `BROKEN`."""
        changes = self.changes()
        return SigningCaps(daily=changes[-1].daily, hourly=changes[-1].hourly) if changes else self.initial

    def changes(self) -> list[CapsChange]:
        """Every change, oldest first. Raises JournalError `BROKEN` for a line that was altered or is missing."""
        return [change for change, _ in self._read()]

    def move(self, caps: SigningCaps, *, by: str, reason: str, now_ms: int) -> CapsChange:
        """Write a change and return when the disk has it; the signer's next round obeys it.

        Raises JournalError: `BROKEN`, `UNWRITABLE`.
        """
        try:
            with self._locked() as descriptor:
                before = self._read()
                change = CapsChange(len(before) + 1, now_ms, caps.daily, caps.hourly, by, reason)
                _append(descriptor, _line(change, before[-1][1] if before else b""), after=_size(before))
        except OSError as error:
            raise JournalError("UNWRITABLE", f"The file of caps can't be written: {error}.") from None
        return change

    def _read(self) -> list[tuple[CapsChange, bytes]]:
        if not self.path.exists():
            return []
        *lines, _unfinished = self.path.read_bytes().split(b"\n")
        found: list[tuple[CapsChange, bytes]] = []
        for line in lines:
            change = self._parse(line)
            expected = _line(change, found[-1][1] if found else b"")
            if line + b"\n" != expected or change.seq != len(found) + 1:
                raise self._broken()
            found.append((change, line))
        return found

    def _parse(self, line: bytes) -> CapsChange:
        try:
            return CapsChange(**json.loads(line.partition(b" ")[2]))
        except (ValueError, TypeError):
            raise self._broken() from None

    def _broken(self) -> JournalError:
        return JournalError("BROKEN", f"The signer's file of caps {self.path} was altered.")

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """One change at a time; the signer only reads, and sees whole lines alone."""
        is_new = not self.path.exists()
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
            if is_new:
                folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
                os.fsync(folder)
                os.close(folder)
        finally:
            os.close(descriptor)


def _append(descriptor: int, line: bytes, *, after: int) -> None:
    """Write the line behind the first `after` bytes. What the disk didn't take is taken back."""
    os.ftruncate(descriptor, after)
    try:
        if os.write(descriptor, line) != len(line):
            raise OSError("the disk is full")
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, after)
        raise


def _size(lines: list[tuple[CapsChange, bytes]]) -> int:
    return sum(len(line) + 1 for _, line in lines)


def _line(change: CapsChange, before: bytes) -> bytes:
    body = json.dumps(asdict(change), separators=(",", ":")).encode("ascii")
    head = before.partition(b" ")[0].decode("ascii") or GENESIS
    return chained_digest(head, body).encode("ascii") + b" " + body + b"\n"
