"""The page "Limits and breakers": what it says of this moment, what it offers to whom, and the banners everywhere."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from lucid_payments import clock
from lucid_payments.backoffice import acts
from routers import breakers, killswitch
from routers.models import BreakerEvent, LimitWindow, TripCause
from tests.lucid_payments.backoffice import people
from tests.lucid_payments.backoffice.people import Desk
from tests.payouts.admin import world
from tests.policies import KYC, V0

USDT = 1_000_000
NOON = datetime(2026, 7, 15, 12, 30, tzinfo=UTC)
PAGE = "/admin/routers/limitwindow/"
PART = f"{PAGE}now/"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def at_noon() -> None:
    clock.freeze(NOON)


@pytest.fixture
def admin() -> Desk:
    return people.desk()


def markup(desk: Desk, path: str = PAGE) -> str:
    return desk.client.get(path).content.decode()


def text(desk: Desk, path: str = PAGE) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", markup(desk, path)).split())


def test_each_scopes_hour_and_day_in_figures(admin: Desk) -> None:
    LimitWindow.objects.create(
        scope="router", key=V0, period="day", starts_at=NOON.replace(hour=0, minute=0), cap=1,
        posted=1_200 * USDT, reserved=34 * USDT, waived=500 * USDT,
    )  # fmt: skip

    page = text(admin)

    assert "Router V0, this day 1,200.00 34.00 3,266.00 4,000.00 500.00 0 0.00" in page
    assert "All payouts, this hour 0.00 0.00 1,000.00 1,000.00 0.00 0 0.00" in page
    assert "All payouts, this hour: resets in 30 min" in page
    assert "Router KYC, this day: resets in 11 h" in page
    assert "ceiling, by the hour 1,500.00 USDT" in page


def test_what_the_limits_hold_and_for_how_much(admin: Desk) -> None:
    service = world.user("service")
    due = NOON - timedelta(minutes=1)
    for amount in (7, 8):
        world.payout(service, hold="hourly_limit", amount=amount * USDT, due_at=due)
    world.payout(service, hold="breaker", amount=20 * USDT, due_at=due)
    world.payout(service, hold="daily_limit", due_at=NOON + timedelta(minutes=1))

    page = text(admin)

    for scope, hour in (("All payouts", "2 15.00"), ("Router V0", "2 15.00"), ("Router KYC", "0 0.00")):
        assert re.search(rf"{scope}, this hour(?: [\d,.]+){{5}} {hour} ", page), scope
        assert re.search(rf"{scope}, this day(?: [\d,.]+){{5}} 0 0.00 ", page), scope
    assert page.count("Held by it 1 held payout, 20.00 USDT") == 1


def test_a_breaker_says_since_when_why_and_what_comes_next(admin: Desk) -> None:
    assert text(admin).count("Opens when too many attempts fail or stay unknown.") == 2
    clock.freeze(NOON - timedelta(minutes=7))
    breakers.trip(V0, TripCause.COMPLIANCE, "a list changed")
    BreakerEvent.objects.create(
        scope=V0, from_state="open", to_state="open", detail="", actor_label="system",
        sample=[{"attempt": "payout_a 1", "failed": True, "at": "2026-07-15T12:20:00+00:00"},
                {"attempt": "payout_b 1", "failed": False, "at": "2026-07-15T12:21:00+00:00"}],
    )  # fmt: skip
    clock.freeze(NOON)

    page = text(admin)

    assert "2026-07-15 12:23:00 , for 7 min" in page
    assert "Why a list changed" in page
    assert "None: two administrators close or half-open it." in page
    assert "1 of 2 failed" in page
    assert "payout_a 1" in page


def test_the_administrator_is_offered_what_can_be_done_now(admin: Desk) -> None:
    killswitch.pull(actor=None, reason="a drill", scope=KYC)
    breakers.trip(V0, TripCause.COMPLIANCE, "a list changed")

    page = markup(admin)

    offered = set(re.findall(r'href="(/admin/act/[^"]+)"', page))
    expected = [
        ("killswitch.pull", "global"), ("killswitch.pull", V0), ("killswitch.release", KYC),
        ("breaker.half_open", V0), ("breaker.close", V0), ("breaker.open", KYC),
    ]  # fmt: skip
    assert offered == {acts.url(kind, key) for kind, key in expected}
    assert "there is nothing to reset" in page
    LimitWindow.objects.create(
        scope="global", key="", period="hour", starts_at=NOON.replace(minute=0), cap=1, posted=1
    )
    assert acts.url("limit.reset_hour", "global@2026-07-15T12") in markup(admin)


@pytest.mark.parametrize("role", ["auditor", "payout_approver", "compliance_officer"])
def test_others_read_and_are_told_why_not(role: str) -> None:
    page = markup(people.desk(role))

    assert "/admin/act/" not in page
    assert "doesn&#x27;t do this." in page


def test_the_part_that_refreshes_is_the_page_s_own(admin: Desk) -> None:
    part = markup(admin, PART)

    assert "<html" not in part
    assert part.strip() in markup(admin)
    assert f'data-refresh="{PART}"' in markup(admin)
    assert admin.client.post(PART).status_code == 405


@pytest.mark.parametrize("role", ["end_user", "service"])
def test_the_part_is_closed_to_who_may_not_read_the_page(role: str) -> None:
    assert people.desk(role).client.get(PART).status_code == 302


def test_a_page_that_stands_open_keeps_no_session_alive() -> None:
    with time_machine.travel(NOON, tick=False) as hands:
        desk = people.desk()
        desk.client.get(PAGE)
        for _ in range(6):
            hands.shift(timedelta(minutes=5))
            assert desk.client.get(PART).status_code == 200
        hands.shift(timedelta(seconds=1))

        assert desk.client.get(PART).status_code == 302
        assert desk.client.get(PAGE).status_code == 302


def test_what_stops_payouts_stands_on_every_page(admin: Desk) -> None:
    breakers.trip(V0, TripCause.COMPLIANCE, "a list changed")
    killswitch.pull(actor=None, reason="a drill", scope=KYC)

    for path in ("/admin/", PAGE, "/admin/audit/auditentry/", acts.url("killswitch.pull", "global")):
        page = text(admin, path)
        assert "Breaker of Router V0 open. a list changed See limits and breakers" in page, path
        assert "Kill switch of Router KYC pulled. Nothing of this router is signed or sent." in page, path
        assert "Pulled by system: a drill" in page, path


def test_nothing_stands_there_while_all_is_well(admin: Desk) -> None:
    assert "What everybody must know now" not in markup(admin)


def test_each_window_says_whose_it_is(admin: Desk) -> None:
    address = "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9"
    for scope, key in (("recipient", f"{V0} {address}"), ("creator", "7")):
        LimitWindow.objects.create(scope=scope, key=key, period="day", starts_at=NOON, cap=1)

    page = text(admin)

    assert f"Router V0, to {address}" in page
    assert "Created by account no. 7" in page


def test_a_creator_s_window_names_the_account_and_a_node_s_the_node(admin: Desk) -> None:
    creator = world.user("service", name="partner-berlin")
    for scope, key, period in (("creator", str(creator.pk), "day"), ("subject", "node-7", "month")):
        LimitWindow.objects.create(scope=scope, key=key, period=period, starts_at=NOON, cap=1)

    page = text(admin)

    assert "Created by partner-berlin Day" in page
    assert "Node node-7, attested Month" in page
    for kind in ("creator", "subject"):
        assert text(admin, f"{PAGE}?for={kind}").count("2026-07-15 12:30:00 0.000001") == 1


def test_what_the_limits_of_one_hold(admin: Desk) -> None:
    service = world.user("service")
    for reason, amount in (("recipient_limit", 3), ("creator_limit", 4), ("subject_limit", 5)):
        world.payout(service, hold=reason, amount=amount * USDT, due_at=NOON)

    page = text(admin)

    assert "The limit of one recipient holds 1 held payout, 3.00 USDT" in page
    assert "The limit of one creator holds 1 held payout, 4.00 USDT" in page
    assert "A node's attested limit holds 1 held payout, 5.00 USDT" in page.replace("&#x27;", "'")


def test_it_asks_the_database_as_often_however_much_is_held(
    admin: Desk, django_assert_max_num_queries: Any
) -> None:
    service = world.user("service")
    for number in range(40):
        world.payout(service, hold="hourly_limit", amount=USDT + number, due_at=NOON)
    with django_assert_max_num_queries(45):
        markup(admin, PART)
