"""The months of the distribution: each ends at its cut-off, 00:00 UTC of the last day of the month."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_NAME: Final = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")


class NoPeriod(ValueError):
    """The text names no month."""


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """One month: the sessions that ended from the cut-off before (included) to its own (not included)."""

    year: int
    month: int

    @classmethod
    def parse(cls, name: str) -> Period:
        """`2026-10`. Raises NoPeriod."""
        found = _NAME.fullmatch(name)
        if found is None:
            raise NoPeriod("Give a month as in 2026-10.")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def last_ended(cls, now: datetime) -> Period:
        """The month whose cut-off came last, at `now` (UTC)."""
        running = cls(now.year, now.month)
        return running if running.cut_off <= now else running.before()

    @property
    def cut_off(self) -> datetime:
        _, last_day = calendar.monthrange(self.year, self.month)
        return datetime(self.year, self.month, last_day, tzinfo=UTC)

    @property
    def starts_at(self) -> datetime:
        return self.before().cut_off

    @property
    def days_to_pay(self) -> int:
        """From its cut-off to the next: 28 to 31."""
        return (self.after().cut_off - self.cut_off).days

    def before(self) -> Period:
        return Period(self.year - 1, 12) if self.month == 1 else Period(self.year, self.month - 1)

    def after(self) -> Period:
        return Period(self.year + 1, 1) if self.month == 12 else Period(self.year, self.month + 1)

    def __str__(self) -> str:
        return f"{self.year}-{self.month:02}"
