"""The first page's panel of payouts: what needs a person, what waits and why, what is on its way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Min, Sum
from django.urls import reverse

from lucid_payments import clock
from lucid_payments.backoffice import overview
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.policy import Area
from payouts.admin import words
from payouts.admin.payout_list import NOT_HELD
from payouts.models import Payout
from payouts.models.payout import ENDED, PayoutStatus


@dataclass(frozen=True, slots=True)
class Line:
    """Payouts that have something in common; `amount` in base units, `oldest` their greatest age."""

    words: str
    tone: Tone
    count: int
    amount: int
    oldest: timedelta
    url: str
    needs_a_person: bool


_TO_APPROVE = words.status_words(PayoutStatus.AWAITING_APPROVAL)


def panel() -> dict[str, Any]:
    """All that hasn't ended, by status and hold, and today's failures; two queries over few rows."""
    now = clock.now()
    open_lines = [_line(group, now) for group in _open()]
    return {
        "attention": [line for line in open_lines if line.needs_a_person],
        "moving": [line for line in open_lines if not line.needs_a_person],
        "failed_today": _failed_today(now),
        "to_approve": sum(line.count for line in open_lines if line.words == _TO_APPROVE),
    }


def _open() -> list[Any]:
    unfinished = [status for status in PayoutStatus if status not in ENDED]
    groups = (
        Payout.objects.filter(status__in=unfinished)
        .order_by()
        .values("status", "hold_reason")
        .annotate(count=Count("pk"), total=Sum("amount"), first=Min("created_at"))
    )
    return sorted(groups, key=_urgency)


def _urgency(group: Any) -> tuple[bool, int, int]:
    """What needs a person at once first, then by the payout's way, then the greatest number."""
    status = group["status"]
    return status != PayoutStatus.MANUAL, PayoutStatus.values.index(status), -group["count"]


def _line(group: dict[str, Any], now: datetime) -> Line:
    status, hold = group["status"], group["hold_reason"]
    named = words.status_words(status)
    if hold and status == PayoutStatus.SCHEDULED:
        named = f"Held: {words.hold_words(hold)}"
    return Line(
        words=named,
        tone=words.status_tone(status, hold),
        count=group["count"],
        amount=group["total"],
        oldest=now - group["first"],
        url=_list({"status": status, "hold": hold or NOT_HELD}),
        needs_a_person=status in (PayoutStatus.MANUAL, PayoutStatus.AWAITING_APPROVAL)
        or (hold is not None and hold not in words.PASSING),
    )


def _failed_today(now: datetime) -> Line:
    """By the day they failed in; the list's filter goes by the day they were created in, so it shows all."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    failed = Payout.objects.filter(status=PayoutStatus.FAILED, ended_at__gte=midnight).aggregate(
        count=Count("pk"), total=Sum("amount"), first=Min("ended_at")
    )
    return Line(
        words="Failed today",
        tone=Tone.BAD if failed["count"] else Tone.GOOD,
        count=failed["count"],
        amount=failed["total"] or 0,
        oldest=now - (failed["first"] or now),
        url=_list({"status": PayoutStatus.FAILED.value}),
        needs_a_person=failed["count"] > 0,
    )


def _list(query: dict[str, str]) -> str:
    return f"{reverse('admin:payouts_payout_changelist')}?{urlencode(query)}"


overview.register(overview.Panel(Area.PAYOUTS, "admin/overview/payouts.html", panel, place=10))
