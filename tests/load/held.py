"""How long an administrator waits for the pages of limits while 100,000 payouts are held.

`python -m tests.load held [PAYOUTS]`. One person, one process, no gunicorn and no browser between.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from tests.load.desk import measure
from tests.load.gate import database_server

HELD: Final = 100_000
ROWS_AT_ONCE: Final = 10_000
RECIPIENTS: Final = 5_000
TIMES: Final = 5
PAGE: Final = "/admin/routers/limitwindow/"
# Milliseconds at the median: what is looked at all the time, and what is done seldom.
TARGET_MS: Final = 300
ACT_TARGET_MS: Final = 1_500


def main(held: int = HELD) -> int:
    with database_server() as fresh, fresh():
        see, reset = fill(held)
        waited = [
            measure("limits and breakers", lambda: see(PAGE), TIMES),
            measure("what it refreshes", lambda: see(f"{PAGE}now/"), TIMES),
            measure("the page that resets the day", lambda: see(reset), TIMES),
        ]
        is_whole = f"{held}</td>" in see(PAGE)
    print(f"{held:,} payouts held")
    for each in waited:
        print(each, flush=True)
    page, refreshed, act = (each.median for each in waited)
    quick = max(page, refreshed) < TARGET_MS and act < ACT_TARGET_MS
    return 0 if is_whole and quick else 1


def fill(held: int) -> tuple[Callable[[str], str], str]:
    """How an administrator sees a page, and where the day is reset."""
    from django.db import connection

    from lucid_payments import clock
    from lucid_payments.backoffice import acts
    from payouts.models import Payout
    from routers.models import LimitWindow
    from tests.lucid_payments.backoffice import people
    from tests.payouts.admin import world

    now, service = clock.now(), world.user("service")
    fields = {
        "creator": service,
        "router_type": "PayoutRouterV0",
        "reason": "relay",
        "hold_reason": "daily_limit",
        "due_at": now - timedelta(minutes=5),
    }
    for start in range(0, held, ROWS_AT_ONCE):
        Payout.objects.bulk_create(
            Payout(recipient_address=f"T{number % RECIPIENTS}", amount=1_000_000 + number, **fields)
            for number in range(start, min(start + ROWS_AT_ONCE, held))
        )
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    LimitWindow.objects.create(scope="global", period="day", starts_at=day, cap=1, posted=10_000_000_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE payouts_payout")
    browser = people.desk().client

    def see(path: str) -> str:
        answer = browser.get(path)
        if answer.status_code != 200:
            raise RuntimeError(f"{path}: {answer.status_code}")
        return str(answer.content.decode())

    return see, acts.url("limit.reset_day", f"global@{day:%Y-%m-%dT%H}")
