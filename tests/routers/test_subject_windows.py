"""What one node may be paid in a day and a month, as its attestation says: counted, turned over, lowered, refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from routers import limits
from routers.choices import RouterType
from routers.errors import Refused
from routers.limits import Claim, Slot, waivers, windows
from routers.models import LimitWindow
from tests.kyc.attestations import attest
from tests.policies import set_policy

KYC = RouterType.KYC.value
NOON = datetime(2026, 7, 15, 12, 30, tzinfo=UTC)
EVE = datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def wide_windows() -> None:
    """Only the attestation is in anybody's way: 60 in one payout, 100 a day, 250 a month."""
    set_policy(hourly_limit=10**9, daily_limit=10**10, creator_limits={})
    set_policy(KYC, hourly_limit=10**9, daily_limit=10**10, recipient_limit=10**9)
    attest("node-1", per_payout=60, day=100, month=250)


def claim(amount: int, subject: str = "node-1", to: str = "T1") -> Claim:
    return Claim(KYC, to, 1, "service", amount, subject)


def reserve(*amounts: int, at: datetime = NOON, subject: str = "node-1") -> list[list[int]]:
    taken = []
    for amount in amounts:
        asked = claim(amount, subject)
        room = limits.locked_room(at, [asked])
        assert room.refusal(asked) is None
        taken.append(room.take(asked))
        limits.reserve(room)
    return taken


def fits(amount: int, at: datetime = NOON, subject: str = "node-1") -> bool:
    asked = claim(amount, subject)
    found = limits.locked_room(at, [asked]).refusal(asked)
    assert limits.room(at, [asked]).refusal(asked) == found, "an estimate says the same"
    assert found in (None, "subject_limit")
    return found is None


def used(period: str) -> Sequence[tuple[int, int]]:
    rows = LimitWindow.objects.filter(scope="subject", period=period).order_by("starts_at")
    return list(rows.values_list("reserved", "posted"))


def test_its_day_is_filled_exactly_and_not_by_one_unit_more() -> None:
    reserve(60)
    assert fits(40)
    assert not fits(41)
    reserve(40)
    assert not fits(1)


def test_its_month_counts_all_its_days() -> None:
    for day in (1, 2):
        reserve(60, 40, at=NOON.replace(day=day))
    reserve(49, at=NOON.replace(day=3))
    assert not fits(2, at=NOON.replace(day=31))
    assert fits(1, at=NOON.replace(day=31))


def test_one_payout_is_never_above_what_one_may_be() -> None:
    assert fits(60)
    assert not fits(61)


def test_another_node_and_no_node_have_room_of_their_own() -> None:
    attest("node-2", per_payout=60, day=100, month=250)
    reserve(60, 40)
    assert fits(60, subject="node-2")
    assert fits(10**6, subject="")


def test_an_attestation_that_names_no_limit_limits_nothing() -> None:
    attest("node-3")
    assert fits(10**8, subject="node-3")
    reserve(10**8, subject="node-3")
    assert not LimitWindow.objects.filter(scope="subject").exists()


def test_a_node_never_heard_of_is_paid_nothing() -> None:
    assert not fits(1, subject="node-9")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (EVE, datetime(2027, 1, 1, tzinfo=UTC)),
        (datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)),
        (datetime(2027, 2, 28, 23, 59, 59, tzinfo=UTC), datetime(2027, 3, 1, tzinfo=UTC)),
        (datetime(2026, 4, 30, 23, 59, 59, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)),
    ],
    ids=["year", "leap February", "February", "a month of 30 days"],
)
def test_a_month_turns_at_its_last_midnight_and_nobody_resets_it(before: datetime, after: datetime) -> None:
    for days in (2, 1):
        reserve(60, 40, at=before - timedelta(days=days))
    reserve(50, at=before)
    assert not fits(1, at=before)
    assert fits(60, at=after)
    reserve(60, 40, at=after)
    assert not fits(1, at=after), "the new month's first day is full"
    assert fits(60, at=after + timedelta(days=1)), "and its month isn't"
    assert used("month") == [(250, 0), (100, 0)], "the old month stands as it was"


def test_leap_february_s_last_day_is_february() -> None:
    for day in (27, 28):
        reserve(60, 40, at=NOON.replace(2028, 2, day))
    assert fits(50, at=NOON.replace(2028, 2, 29))
    assert not fits(51, at=NOON.replace(2028, 2, 29))


@pytest.mark.parametrize("asleep", [timedelta(days=3), timedelta(days=40), timedelta(days=366)])
def test_a_machine_asleep_across_the_turn_settles_in_the_old_windows(asleep: timedelta) -> None:
    paid, dead = reserve(60, 40, at=EVE)
    awake = EVE + asleep
    reserve(60, at=awake)
    limits.post([(paid, 60)])
    limits.give_back([(dead, 40)])
    assert used("day") == used("month") == [(0, 60), (60, 0)]
    assert fits(40, at=awake)
    assert not fits(41, at=awake)


@pytest.mark.parametrize("limit", [{"day": 30}, {"month": 30}], ids=["day", "month"])
def test_a_limit_lowered_below_what_is_reserved_holds_at_once_and_takes_nothing_back(
    limit: dict[str, Any],
) -> None:
    (windows_of_it,) = reserve(50)
    attest("node-1", **{"per_payout": 60, "day": 100, "month": 250, **limit})
    assert not fits(1)
    limits.post([(windows_of_it, 50)])
    assert used("day") == used("month") == [(0, 50)], "what was released is paid"
    attest("node-1", per_payout=60, day=51, month=51)
    assert fits(1)
    assert not fits(2)


def test_what_was_held_under_a_larger_limit_for_one_payout_waits() -> None:
    assert fits(60)
    attest("node-1", per_payout=59, day=100, month=250)
    assert not fits(60)


def test_what_can_never_fit_isn_t_mistaken_for_what_waits() -> None:
    for amount, ever in ((60, True), (61, False)):
        asked = claim(amount)
        assert limits.room(NOON, [asked]).ever_fits(asked) == ever
    attest("node-1", per_payout=60, day=100, month=50)
    asked = claim(51)
    assert not limits.room(NOON, [asked]).ever_fits(asked)


def test_rows_are_locked_in_the_one_order() -> None:
    """Month, day, hour; in each global, router, recipient, creator, subject. SQL and Python agree."""
    set_policy(hourly_limit=10**9, daily_limit=10**10, creator_limits={"service": 10**9})
    attest("node-2", per_payout=60, day=100, month=250)
    asked = [claim(1, "node-2", to="T2"), claim(1)]
    room = limits.locked_room(NOON, asked)
    by_python = sorted(room.windows, key=lambda slot: slot.place)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT scope, key, period FROM routers_limitwindow ORDER BY {windows.LOCK_ORDER}")
        by_sql = cursor.fetchall()
    assert by_sql == [(slot.scope, slot.key, slot.period) for slot in by_python]
    order = [(period, scope) for scope, _, period in by_sql]
    assert order[:2] == [("month", "subject")] * 2
    assert order[2] == ("day", "global")
    assert order[-1] == ("hour", "router")
    assert [scope for period, scope in order if period == "day"][-2:] == ["subject"] * 2


def test_statements_don_t_grow_with_the_subjects() -> None:
    counted = []
    for size in (2, 30):
        claims = []
        for number in range(size):
            attest(f"many-{size}-{number}", per_payout=60, day=100, month=250)
            claims.append(claim(1, f"many-{size}-{number}"))
        with CaptureQueriesContext(connection) as queries:
            room = limits.locked_room(NOON, claims)
            taken = [(room.take(asked), asked.amount) for asked in claims]
            limits.reserve(room)
            limits.post(taken)
        counted.append(len(queries))
    assert counted[0] == counted[1]


@pytest.mark.parametrize("period", ["day", "month"])
def test_no_two_administrators_waive_what_an_attestation_limits(period: str) -> None:
    slot = Slot(period, limits.starts_of(NOON)[period], "subject", "node-1")
    with pytest.raises(Refused, match="another attestation"):
        waivers.cap_in_force(slot)
