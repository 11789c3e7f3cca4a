"""The highest attestation that the signer has seen of each subject: a file beside its journal, written before it signs.

A database that was rolled back can't bring an older attestation back, nor another one under the same number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from payouts.tron.signing.chained import ChainedFile
from payouts.tron.signing.journal import Journal


@dataclass(frozen=True, slots=True)
class Seen:
    """An attestation's number and the SHA-256 of its document."""

    number: int
    digest: str


class HighestNumbers:
    """What was seen of each subject. Only the process that holds the journal writes here."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = ChainedFile(path, "file of attestations seen")
        self._seen: dict[str, Seen] = {}
        for record in self._file.records():
            try:
                self._seen[record["subject"]] = Seen(record["number"], record["digest"])
            except KeyError:
                raise self._file.broken() from None

    @classmethod
    def beside(cls, journal: Journal) -> HighestNumbers:
        """The one that belongs to this journal. Raises JournalError `BROKEN`."""
        return cls(journal.path.with_name(journal.path.name + ".seen"))

    def of(self, subject: str) -> Seen:
        """Number 0 for one never seen."""
        return self._seen.get(subject, Seen(0, ""))

    def note(self, seen: Mapping[str, Seen], *, now_ms: int) -> None:
        """Write what is higher than before, and return when the disk has it. Raises JournalError."""
        for subject, found in seen.items():
            if found.number > self.of(subject).number:
                told = {
                    "time_ms": now_ms, "subject": subject, "number": found.number, "digest": found.digest,
                }  # fmt: skip
                self._file.append(lambda before, told=told: told)  # type: ignore[misc]
                self._seen[subject] = found
