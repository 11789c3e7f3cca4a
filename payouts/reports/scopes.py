"""What a report of payouts covers: a day, a month or a batch, as conditions on ledger rows and on payouts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django.db.models import Q

_DAY: Final = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Scope:
    """`ledger` picks ledger rows, `payouts` those that may stand in the report unpaid.

    `start` and `end` (excluded, UTC) are a period's; a batch has none.
    """

    words: str
    ledger: Q
    payouts: Q
    start: datetime | None = None
    end: datetime | None = None


def day_of(text: str) -> date:
    """A day of this century such as 2026-11-22. Raises ValueError."""
    if not _DAY.fullmatch(text):
        raise ValueError(f"{text!r} is no day")
    return date.fromisoformat(text)


def month_of(text: str) -> tuple[date, date]:
    """The first day of a month such as 2026-11, and of the next one. Raises ValueError."""
    first = day_of(f"{text}-01")
    return first, (first + timedelta(days=32)).replace(day=1)


def period(start: date, end: date, words: str) -> Scope:
    """From the first moment of `start` to that of `end`, UTC."""
    first, last = (datetime.combine(day, time(), UTC) for day in (start, end))
    return Scope(
        words=words,
        ledger=Q(at__gte=first, at__lt=last),
        payouts=Q(ended_at__gte=first, ended_at__lt=last),
        start=first,
        end=last,
    )


def of_parameters(parameters: Mapping[str, Any]) -> Scope:
    """As a report keeps them: `day`, `month`, or `batch`."""
    if "day" in parameters:
        day = day_of(parameters["day"])
        return period(day, day + timedelta(days=1), f"Payouts of {day} (UTC)")
    if "month" in parameters:
        return period(*month_of(parameters["month"]), f"Payouts of {parameters['month']} (UTC)")
    batch = parameters["batch"]
    return Scope(f"Payouts of {batch}", Q(payout__batch__batch_id=batch), Q(batch__batch_id=batch))
