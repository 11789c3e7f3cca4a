"""The pages of limits with 100,000 payouts held: they answer at once, and their figures are the whole truth."""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime

import pytest
from django.db import connection

from lucid_payments import clock
from lucid_payments.backoffice import acts
from payouts.models import Payout
from routers.models import LimitWindow
from tests.lucid_payments.backoffice import people
from tests.payouts.admin import world

USDT = 1_000_000
NOON = datetime(2026, 7, 15, 12, 30, tzinfo=UTC)
HELD = 100_000
PAGE = "/admin/routers/limitwindow/"

pytestmark = [pytest.mark.django_db, pytest.mark.prove]


def seconds(desk: people.Desk, path: str) -> float:
    """The median of five."""
    taken = []
    for _ in range(5):
        begun = time.perf_counter()
        assert desk.client.get(path).status_code == 200
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def test_a_hundred_thousand_held_payouts() -> None:
    clock.freeze(NOON)
    service = world.user("service")
    fields = {
        "router_type": "PayoutRouterV0",
        "reason": "relay",
        "hold_reason": "daily_limit",
        "due_at": NOON,
    }
    for start in range(0, HELD, 10_000):
        Payout.objects.bulk_create(
            Payout(creator=service, recipient_address=f"T{number % 5_000}", amount=USDT + number, **fields)
            for number in range(start, start + 10_000)
        )
    LimitWindow.objects.create(
        scope="global", period="day", starts_at=NOON.replace(hour=0, minute=0), cap=1, posted=10_000 * USDT
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE payouts_payout")
    admin = people.desk()
    reset = acts.url("limit.reset_day", "global@2026-07-15T00")

    found = {path: seconds(admin, path) for path in (PAGE, f"{PAGE}now/", reset)}

    print({path: f"{taken * 1000:.0f} ms" for path, taken in found.items()})
    assert f"{HELD}</td>" in admin.client.get(PAGE).content.decode()
    assert found[PAGE] < 0.3
    assert found[f"{PAGE}now/"] < 0.3
    assert found[reset] < 1.5
