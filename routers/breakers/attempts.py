"""What a breaker must know of attempts. The app that makes them registers itself as the source when it is ready."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True, slots=True)
class Ended:
    """A signed attempt that paid, or failed: reverted or dead."""

    label: str
    failed: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Probes:
    """What became of the attempts made since a breaker is half open."""

    live: int
    good: int
    bad: int


class Source(Protocol):
    def ended(self, router: str, *, since: datetime, after: datetime | None, most: int) -> list[Ended]:
        """The last `most` that ended at `since` or later and later than `after`, oldest first."""

    def unknown(self, router: str) -> int:
        """How many are past their expiration by solid block time, and neither solid nor dead."""

    def probes(self, router: str, *, since: datetime) -> Probes:
        """Those made at `since` or later that were signed or still may be."""


_source: Source | None = None


def register_source(source: Source) -> None:
    global _source
    _source = source


def source() -> Source:
    if _source is None:
        raise ImproperlyConfigured("No app has registered the attempts that the breakers judge.")
    return _source
