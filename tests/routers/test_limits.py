"""Windows of an hour and a day: what counts where, to the base unit, and what is given back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from lucid_payments.events.models import Event
from routers import limits
from routers.choices import RouterType
from routers.limits import Claim
from routers.limits.windows import next_start
from routers.models import LimitWindow
from tests.policies import set_policy

USDT = 1_000_000
V0, KYC = RouterType.V0.value, RouterType.KYC.value
NOON = datetime(2026, 7, 15, 12, 30, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def caps() -> None:
    set_policy(hourly_limit=100 * USDT, daily_limit=150 * USDT, creator_limits={"service": 145 * USDT})
    set_policy(V0, hourly_limit=40 * USDT, daily_limit=60 * USDT, recipient_limit=55 * USDT)
    set_policy(KYC, hourly_limit=90 * USDT, daily_limit=140 * USDT, recipient_limit=135 * USDT)


def claim(amount: int, router: str = V0, to: str = "T1", creator: int = 1, role: str = "service") -> Claim:
    return Claim(router, to, creator, role, amount)


def reserve(amount: int, router: str = V0, at: datetime = NOON, **who: object) -> list[int]:
    asked = claim(amount, router, **who)  # type: ignore[arg-type]
    room = limits.locked_room(at, [asked])
    assert room.refusal(asked) is None
    windows = room.take(asked)
    limits.reserve(room)
    return windows


def refusal(amount: int, router: str = V0, at: datetime = NOON, **who: object) -> str | None:
    asked = claim(amount, router, **who)  # type: ignore[arg-type]
    estimate = limits.room(at, [asked]).refusal(asked)
    assert limits.locked_room(at, [asked]).refusal(asked) == estimate
    return estimate


@pytest.mark.parametrize(
    ("router", "fits"), [(V0, 40 * USDT), (KYC, 90 * USDT)], ids=["its own hour", "its own hour, kyc"]
)
def test_a_cap_is_filled_exactly_and_not_by_one_unit_more(router: str, fits: int) -> None:
    assert refusal(fits, router) is None
    assert refusal(fits + 1, router) == "hourly_limit"
    reserve(fits, router)
    assert refusal(1, router) == "hourly_limit"


def test_the_global_window_counts_both_routers() -> None:
    reserve(40 * USDT, V0)
    assert refusal(60 * USDT, KYC) is None
    assert refusal(60 * USDT + 1, KYC) == "hourly_limit"


def test_a_router_s_own_window_counts_only_itself() -> None:
    reserve(40 * USDT, V0)
    assert refusal(1, V0) == "hourly_limit"
    assert refusal(1, KYC) is None


def test_a_recipient_s_day_counts_per_router_and_names_itself() -> None:
    reserve(40 * USDT, at=NOON.replace(hour=1))
    assert refusal(15 * USDT) is None
    assert refusal(15 * USDT + 1) == "recipient_limit"
    assert refusal(20 * USDT, to="T2") is None, "another recipient"
    assert refusal(90 * USDT, KYC) is None, "the other router"


def test_a_creator_s_day_counts_all_its_recipients_and_routers() -> None:
    for hour in (1, 2):
        reserve((80 - 20 * hour) * USDT, KYC, at=NOON.replace(hour=hour), to=f"T{hour}")
    reserve(40 * USDT, at=NOON.replace(hour=3), to="T3")
    assert refusal(5 * USDT, to="T4") is None
    assert refusal(5 * USDT + 1, to="T4") == "creator_limit"
    assert refusal(6 * USDT, to="T4", creator=2) is None, "another caller"
    assert refusal(6 * USDT, to="T4", role="admin") is None, "a role without a cap"


def test_a_full_day_is_named_before_a_full_hour() -> None:
    reserve(40 * USDT, at=NOON.replace(hour=1))
    reserve(20 * USDT, to="T2")
    assert refusal(40 * USDT) == "daily_limit"
    assert refusal(1) == "daily_limit"


@pytest.mark.parametrize(
    ("before", "after", "room"),
    [
        (datetime(2026, 7, 15, 12, 59, 59, 999_999, tzinfo=UTC), datetime(2026, 7, 15, 13, tzinfo=UTC), 20),
        (datetime(2026, 7, 15, 23, 59, 59, tzinfo=UTC), datetime(2026, 7, 16, tzinfo=UTC), 40),
        (datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC), 40),
        (datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), 40),
        (datetime(2026, 7, 15, 20, tzinfo=UTC), datetime(2026, 7, 19, 5, tzinfo=UTC), 40),
    ],
    ids=["hour", "day", "month of a leap year", "year", "asleep for days"],
)
def test_a_new_window_begins_at_nothing_and_nobody_resets_it(
    before: datetime, after: datetime, room: int
) -> None:
    reserve(40 * USDT, at=before)
    assert refusal(1, at=before) == "hourly_limit"
    assert refusal(room * USDT, at=after, to="T2") is None
    assert refusal(room * USDT + 1, at=after, to="T2") in ("daily_limit", "hourly_limit")
    windows = LimitWindow.objects.filter(scope="global", reserved=40 * USDT)
    assert windows.count() == 2, "the old hour and day stand as they were"


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        ("hour", datetime(2026, 10, 25, 0, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)),
        ("day", datetime(2026, 12, 31, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("month", datetime(2028, 2, 1, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)),
        ("month", datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_when_windows_begin_and_end(period: str, start: datetime, end: datetime) -> None:
    last_moment = end - timedelta(microseconds=1)
    assert limits.starts_of(last_moment)[period] == start
    assert limits.starts_of(end)[period] == end == next_start(period, start)


def test_what_is_paid_counts_and_what_isn_t_is_given_back() -> None:
    paid, dead = reserve(10 * USDT), reserve(15 * USDT)
    assert refusal(16 * USDT) == "hourly_limit"
    limits.post([(paid, 10 * USDT)])
    assert refusal(16 * USDT) == "hourly_limit"
    limits.give_back([(dead, 15 * USDT)])
    assert refusal(30 * USDT) is None
    assert refusal(30 * USDT + 1) == "hourly_limit"


def test_what_was_reserved_in_one_hour_is_settled_in_that_hour() -> None:
    windows = reserve(10 * USDT, at=NOON)
    reserve(5 * USDT, at=NOON.replace(hour=13))
    limits.post([(windows, 10 * USDT)])
    hours = LimitWindow.objects.filter(period="hour", scope="global").order_by("starts_at")
    assert list(hours.values_list("reserved", "posted")) == [(0, 10 * USDT), (5 * USDT, 0)]


def test_lowering_a_cap_always_succeeds_and_lets_nothing_more_through() -> None:
    reserve(30 * USDT)
    set_policy(V0, hourly_limit=20 * USDT)
    assert refusal(1) == "hourly_limit"
    set_policy(V0, hourly_limit=31 * USDT)
    assert refusal(USDT) is None


def test_more_than_was_reserved_is_never_given_back() -> None:
    windows = reserve(10 * USDT)
    with pytest.raises(IntegrityError), transaction.atomic():
        limits.give_back([(windows, 10 * USDT + 1)])


def test_a_reservation_beyond_the_cap_is_refused_by_the_update_itself() -> None:
    """Even for a caller that didn't ask first."""
    asked = claim(41 * USDT)
    room = limits.locked_room(NOON, [asked])
    room.take(asked)
    with pytest.raises(limits.WindowFull), transaction.atomic():
        limits.reserve(room)
    assert not LimitWindow.objects.exclude(reserved=0).exists()


def test_a_counter_above_its_cap_is_refused_by_the_database_whoever_writes() -> None:
    reserve(40 * USDT)
    hour = LimitWindow.objects.filter(scope="router", period="hour")
    with pytest.raises(IntegrityError), transaction.atomic():
        hour.update(posted=1)
    assert hour.update(cap=1), "but lowering a cap succeeds"


def test_an_estimate_writes_nothing() -> None:
    asked = claim(USDT)
    limits.room(NOON, [asked]).take(asked)
    assert not LimitWindow.objects.exists()


def test_statements_don_t_grow_with_the_batch() -> None:
    counted = []
    for size in (2, 40):
        claims = [claim(1, to=f"T{n}", creator=n) for n in range(size)]
        with CaptureQueriesContext(connection) as queries:
            room = limits.locked_room(NOON, claims)
            taken = [(room.take(asked), asked.amount) for asked in claims]
            limits.reserve(room)
            limits.post(taken[::2])
            limits.give_back(taken[1::2])
        counted.append(len(queries))
    assert counted[0] == counted[1]


def test_a_window_is_announced_once_when_it_has_no_room() -> None:
    reserve(30 * USDT)
    for _ in range(2):
        asked = claim(11 * USDT)
        room = limits.locked_room(NOON, [asked])
        assert room.refusal(asked) == "hourly_limit"
        room.announce()
    (event,) = Event.objects.filter(type="limit.reached")
    assert (event.payload["scope"], event.payload["key"], event.payload["period"]) == ("router", V0, "hour")
    assert event.payload["limit_usdt"] == "40.00"
