"""How old lists may be: told of from the fifth day on, and after the seventh nothing is paid by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from kyc.models import ListState, ListVersion
from kyc.screening import sources

STALE_AFTER: Final = timedelta(days=7)
REMIND_AFTER: Final = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class InForce:
    """What of a list is in force: its version, since when its bytes are current, and any override."""

    pk: int
    number: int
    fresh_at: datetime
    overridden_until: datetime | None = None

    def is_stale(self, now: datetime) -> bool:
        """More than seven days old, or from a time to come, and nobody lets it count all the same."""
        if self.overridden_until is not None and now < self.overridden_until:
            return False
        return not timedelta(0) <= now - self.fresh_at <= STALE_AFTER


def in_force() -> dict[str, InForce]:
    """Every list that counts now, by name; one statement."""
    rows = ListVersion.objects.filter(state=ListState.ACTIVE).order_by("list_name")
    return {
        name: InForce(pk, number, fresh_at, until)
        for name, pk, number, fresh_at, until in rows.values_list(
            "list_name", "pk", "number", "fresh_at", "overridden_until"
        )
        if fresh_at is not None
    }


def refusal(lists: Mapping[str, InForce], now: datetime) -> str:
    """Why nothing may be paid by these lists; empty when it may. A required list that isn't there counts as old."""
    for source in sources.required():
        found = lists.get(source.name)
        if found is None:
            return f"The list {source.name} was never put in force."
        if found.is_stale(now):
            return f"The list {source.name} is of {found.fresh_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC, over 7 days old."
    return ""


def reminder(lists: Mapping[str, InForce], now: datetime) -> str:
    """What people should hear before it is too late; empty when there is nothing."""
    ageing = [
        f"{source.name} ({(now - found.fresh_at).days} days)"
        for source in sources.required()
        if (found := lists.get(source.name))
        and now - found.fresh_at >= REMIND_AFTER
        and not found.is_stale(now)
    ]
    if not ageing:
        return ""
    return f"Old lists: {', '.join(ageing)}. After 7 days nothing is paid: stage and activate newer ones."


def stale_now(now: datetime) -> str:
    """`refusal` by the lists in force; no statement where no list is required."""
    return refusal(in_force(), now) if sources.required() else ""


def reminder_now(now: datetime) -> str:
    return reminder(in_force(), now) if sources.required() else ""
