"""What people decided about each treasury key: a file beside the signer's journal, outside the database.

A key's destination, the one address that a sweep may send its money to, is fixed once, at the key ceremony, and
never moves; whoever owns the database can at most send the money there. A retired key signs nothing but sweeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from payouts.tron.signing.chained import ChainedFile, Record
from payouts.tron.signing.errors import JournalError

DESTINATION: Final = "destination"
RETIRED: Final = "retired"


@dataclass(frozen=True, slots=True)
class KeyDecision:
    """One decision about the key of `address`: when (UTC milliseconds), what, by whom and why."""

    seq: int
    time_ms: int
    address: str
    what: str
    destination: str
    by: str
    reason: str


class KeyBook:
    """The file of decisions. Read anew each time: the signer obeys a decision in its next round."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = ChainedFile(path, "file of keys")

    @classmethod
    def beside(cls, journal: Path) -> KeyBook:
        """The one that belongs to this journal."""
        return cls(journal.with_name(journal.name + ".keys"))

    def decisions(self) -> list[KeyDecision]:
        """Every decision, oldest first. Raises JournalError `BROKEN`."""
        return [self._decision(record) for record in self._file.records()]

    def destinations(self) -> dict[str, str]:
        """Where each key's money may be swept, by the key's address. Raises JournalError `BROKEN`."""
        return {
            told.address: told.destination for told in reversed(self.decisions()) if told.what == DESTINATION
        }

    def retired(self) -> frozenset[str]:
        """The addresses whose keys sign nothing but sweeps. Raises JournalError `BROKEN`."""
        return frozenset(told.address for told in self.decisions() if told.what == RETIRED)

    def fix_destination(
        self, address: str, destination: str, *, by: str, reason: str, now_ms: int
    ) -> KeyDecision:
        """Write a key's destination and return when the disk has it.

        Raises JournalError: `FIXED` where it has one, `BROKEN`, `UNWRITABLE`.
        """
        return self._write(address, DESTINATION, destination, by=by, reason=reason, now_ms=now_ms)

    def retire(self, address: str, *, by: str, reason: str, now_ms: int) -> None:
        """From now on the key signs nothing but sweeps; a key that is retired stays so. Raises JournalError."""
        if address not in self.retired():
            self._write(address, RETIRED, "", by=by, reason=reason, now_ms=now_ms)

    def _write(
        self, address: str, what: str, destination: str, *, by: str, reason: str, now_ms: int
    ) -> KeyDecision:
        told = {
            "time_ms": now_ms, "address": address, "what": what, "destination": destination,
            "by": by, "reason": reason,
        }  # fmt: skip

        def after(before: list[Record]) -> Record:
            # Looked at under the file's lock: of two who write at once the second finds the first's.
            if what == DESTINATION and any(
                (known["address"], known["what"]) == (address, what) for known in before
            ):
                raise JournalError("FIXED", f"The destination of {address} is fixed and can't be moved.")
            return told

        return self._decision(self._file.append(after))

    def _decision(self, record: Record) -> KeyDecision:
        try:
            return KeyDecision(**record)
        except TypeError:
            raise self._file.broken() from None
