"""A small file of the signer's own beside its journal: what people decided, or what it has seen, line by line.

One line a record, chained as the journal's lines are: `<digest> <JSON>`. A file that was altered stops signing. A
last line without its end was never answered for: it is cut off by the next record.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from payouts.tron.signing.errors import JournalError
from payouts.tron.signing.journal import GENESIS, chained_digest

Record = dict[str, Any]


class ChainedFile:
    """`what` names it in sentences. Each record carries its number from 1 as `seq`."""

    def __init__(self, path: Path, what: str) -> None:
        self.path = path
        self.what = what

    def records(self) -> list[Record]:
        """Every record, oldest first. Raises JournalError `BROKEN` for a line that was altered or is missing."""
        return [record for record, _ in self._read()]

    def append(self, make: Callable[[list[Record]], Record]) -> Record:
        """Write the record that `make` answers to those before it, and return when the disk has it.

        Raises JournalError: `BROKEN`, `UNWRITABLE`.
        """
        try:
            with self._locked() as descriptor:
                before = self._read()
                record = {"seq": len(before) + 1, **make([one for one, _ in before])}
                _append(descriptor, _line(record, before[-1][1] if before else b""), after=_size(before))
        except OSError as error:
            raise JournalError("UNWRITABLE", f"The {self.what} can't be written: {error}.") from None
        return record

    def broken(self) -> JournalError:
        return JournalError("BROKEN", f"The signer's {self.what} {self.path} was altered.")

    def _read(self) -> list[tuple[Record, bytes]]:
        if not self.path.exists():
            return []
        *lines, _unfinished = self.path.read_bytes().split(b"\n")
        found: list[tuple[Record, bytes]] = []
        for line in lines:
            record = self._parse(line)
            expected = _line(record, found[-1][1] if found else b"")
            if line + b"\n" != expected or record.get("seq") != len(found) + 1:
                raise self.broken()
            found.append((record, line))
        return found

    def _parse(self, line: bytes) -> Record:
        try:
            record = json.loads(line.partition(b" ")[2])
        except ValueError:
            raise self.broken() from None
        if not isinstance(record, dict):
            raise self.broken()
        return record

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """One writer at a time; who only reads sees whole lines alone."""
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


def _size(lines: list[tuple[Record, bytes]]) -> int:
    return sum(len(line) + 1 for _, line in lines)


def _line(record: Record, before: bytes) -> bytes:
    body = json.dumps(record, separators=(",", ":")).encode("ascii")
    head = before.partition(b" ")[0].decode("ascii") or GENESIS
    return chained_digest(head, body).encode("ascii") + b" " + body + b"\n"
