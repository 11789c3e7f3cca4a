"""Windows of an hour and a day: what counts where, to the base unit, and what is given back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from routers import limits
from routers.choices import RouterType
from routers.models import LimitWindow

USDT = 1_000_000
V0, KYC = RouterType.V0, RouterType.KYC
NOON = datetime(2026, 7, 15, 12, 30, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def caps(settings: Any) -> None:
    settings.CIRCUIT_BREAKER_HOURLY_LIMIT, settings.CIRCUIT_BREAKER_DAILY_LIMIT = 100 * USDT, 150 * USDT
    settings.V0_HOURLY_LIMIT, settings.V0_DAILY_LIMIT = 40 * USDT, 60 * USDT
    settings.KYC_HOURLY_LIMIT, settings.KYC_DAILY_LIMIT = 90 * USDT, 140 * USDT


def reserve(amount: int, router: str = V0, at: datetime = NOON) -> list[int]:
    room = limits.locked_room(at)
    assert room.refusal(router, amount) is None
    windows = room.take(router, amount)
    limits.reserve(room.taken)
    return windows


def refusal(amount: int, router: str = V0, at: datetime = NOON) -> str | None:
    estimate = limits.room(at).refusal(router, amount)
    assert limits.locked_room(at).refusal(router, amount) == estimate
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


def test_a_full_day_is_named_before_a_full_hour() -> None:
    reserve(40 * USDT, at=NOON.replace(hour=1))
    reserve(20 * USDT)
    assert refusal(40 * USDT) == "daily_limit"
    assert refusal(1) == "daily_limit"


def test_a_new_hour_and_a_new_day_begin_at_nothing() -> None:
    reserve(40 * USDT, at=NOON.replace(minute=59, second=59))
    assert refusal(20 * USDT, at=NOON.replace(hour=13, minute=0)) is None
    assert refusal(21 * USDT, at=NOON.replace(hour=13, minute=0)) == "daily_limit"
    assert refusal(40 * USDT, at=datetime(2026, 7, 16, tzinfo=UTC)) is None


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


def test_lowering_a_cap_always_succeeds_and_lets_nothing_more_through(settings: Any) -> None:
    reserve(30 * USDT)
    settings.V0_HOURLY_LIMIT = 20 * USDT
    assert refusal(1) == "hourly_limit"
    settings.V0_HOURLY_LIMIT = 31 * USDT
    assert refusal(USDT) is None


def test_more_than_was_reserved_is_never_given_back() -> None:
    windows = reserve(10 * USDT)
    with pytest.raises(IntegrityError), transaction.atomic():
        limits.give_back([(windows, 10 * USDT + 1)])


def test_a_reservation_beyond_the_cap_is_refused_by_the_update_itself() -> None:
    """Even for a caller that didn't ask first."""
    room = limits.locked_room(NOON)
    room.take(V0, 41 * USDT)
    with pytest.raises(limits.WindowFull), transaction.atomic():
        limits.reserve(room.taken)
    assert not LimitWindow.objects.exclude(reserved=0).exists()


def test_an_estimate_writes_nothing() -> None:
    limits.room(NOON).take(V0, USDT)
    assert not LimitWindow.objects.exists()
