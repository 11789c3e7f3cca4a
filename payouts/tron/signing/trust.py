"""The signer's own copy of the authorities' keys that it trusts: a file beside its journal, not a table.

Whoever owns the database can make any key look trusted there; here people put keys in by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from payouts.tron.signing.chained import ChainedFile, Record

ACTIVE: Final = "active"
REVOKED: Final = "revoked"
COMPROMISED: Final = "compromised"


@dataclass(frozen=True, slots=True)
class TrustChange:
    """One decision about a key: when (UTC milliseconds), what it is worth from then on, by whom and why."""

    seq: int
    time_ms: int
    kid: str
    authority: str
    x: str
    state: str
    by: str
    reason: str


class TrustFile:
    """The file of decisions; the last one about a key counts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = ChainedFile(path, "file of trusted keys")

    @classmethod
    def beside(cls, journal: Path) -> TrustFile:
        """The one that belongs to this journal."""
        return cls(journal.with_name(journal.name + ".trust"))

    def keys(self) -> dict[str, TrustChange]:
        """The last decision about each key, by `kid`. Raises JournalError `BROKEN`."""
        return {change.kid: change for change in map(self._change, self._file.records())}

    def decide(
        self, *, kid: str, authority: str, x: str, state: str, by: str, reason: str, now_ms: int
    ) -> TrustChange:
        """Write a decision and return when the disk has it. Raises JournalError: `BROKEN`, `UNWRITABLE`."""
        told = {
            "time_ms": now_ms, "kid": kid, "authority": authority, "x": x, "state": state, "by": by, "reason": reason,
        }  # fmt: skip
        return self._change(self._file.append(lambda before: told))

    def _change(self, record: Record) -> TrustChange:
        try:
            return TrustChange(**record)
        except TypeError:
            raise self._file.broken() from None
