"""The signer's own caps. They hold even for somebody who owns the web's database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class SigningCaps:
    """The most USDT (base units) signed for in any 24 hours and any 60 minutes.

    Every signature counts, whatever became of its transaction: the signer can't know, and needn't ask.
    """

    daily: int = 15_000_000_000
    hourly: int = 1_500_000_000

    def exceeded_by(self, amount: int, *, last_day: int, last_hour: int) -> str:
        """`DAILY_CAP` or `HOURLY_CAP` if `amount` on top of what was signed for is too much, else ""."""
        if last_day + amount > self.daily:
            return "DAILY_CAP"
        if last_hour + amount > self.hourly:
            return "HOURLY_CAP"
        return ""
