"""The signer's caps as people move them: a file beside its journal, outside the database that they guard against.

The last change counts; without a file the settings do.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from payouts.tron.signing.caps import SigningCaps
from payouts.tron.signing.chained import ChainedFile, Record


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
        self._file = ChainedFile(path, "file of caps")

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
        return [self._change(record) for record in self._file.records()]

    def move(self, caps: SigningCaps, *, by: str, reason: str, now_ms: int) -> CapsChange:
        """Write a change and return when the disk has it; the signer's next round obeys it.

        Raises JournalError: `BROKEN`, `UNWRITABLE`.
        """
        told = {"time_ms": now_ms, "daily": caps.daily, "hourly": caps.hourly, "by": by, "reason": reason}
        return self._change(self._file.append(lambda before: told))

    def _change(self, record: Record) -> CapsChange:
        try:
            return CapsChange(**record)
        except TypeError:
            raise self._file.broken() from None
