"""The first page's panel of what is out of the ordinary: amounts, failed logins, callers who go too far."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.db.models import Max, Sum
from django.utils import timezone

from lucid_payments import clock
from lucid_payments.accounts import attempts
from lucid_payments.api import blocks
from lucid_payments.api.models import BlockCause, OffenceTally
from lucid_payments.backoffice import overview
from lucid_payments.backoffice.policy import Area
from payouts.models import UnusualAmount

DAY: Final = timedelta(days=1)
SHOWN: Final = 5


def panel() -> dict[str, Any]:
    """Of the last 24 hours, the newest and the worst; five queries over few rows."""
    now = timezone.now()
    amounts = UnusualAmount.objects.filter(at__gt=clock.now() - DAY).select_related("payout__creator")
    offenders = (
        OffenceTally.objects.filter(last_at__gt=now - DAY)
        .values("label", "cause")
        .annotate(times=Sum("count"), last=Max("last_at"))
        .order_by("-times", "label")
    )
    return {
        "amounts": list(amounts.order_by("-at")[:SHOWN]),
        "logins": attempts.since(now - DAY),
        "offenders": [{**row, "cause": BlockCause(row["cause"]).label} for row in offenders[:SHOWN]],
        "blocked": blocks.in_force(now).count(),
    }


overview.register(overview.Panel(Area.PAYOUTS, "admin/overview/unusual.html", panel, place=40))
