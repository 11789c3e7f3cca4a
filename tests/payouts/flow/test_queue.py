"""Who goes first: priority, due time, a large one that waited for a day, and routers that don't hide one another."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from lucid_payments import clock
from payouts import queue
from payouts.models import Payout
from payouts.models.payout import HoldReason, Priority
from payouts.release import release_due
from tests.kyc import attestations
from tests.payouts.flow.world import RECIPIENTS, USDT, World
from tests.policies import KYC, V0, set_policy

PLENTY = 10**12


def waiting(world: World, amount: int, since: timedelta, router: str = V0, **more: int) -> Payout:
    return Payout.objects.create(
        creator=world.service, recipient_address=RECIPIENTS[0], amount=amount * USDT, router_type=router,
        node_id="node-1" if router == KYC else None, due_at=clock.now() - since, **more,
    )  # fmt: skip


def next_hour() -> datetime:
    return clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


@pytest.fixture
def roomy(world: World) -> World:
    """Only the router's hour of 400 is in the way."""
    set_policy(V0, recipient_limit=PLENTY, in_flight=100, daily_limit=PLENTY)
    set_policy(in_flight=100, daily_limit=PLENTY, creator_limits={})
    attestations.attest("node-1", wallet=RECIPIENTS[0])
    return world


def test_urgent_goes_before_high_before_older(roomy: World) -> None:
    older = waiting(roomy, 3, timedelta(hours=2))
    younger = waiting(roomy, 3, timedelta(hours=1))
    high = waiting(roomy, 3, timedelta(0), priority=Priority.HIGH)
    urgent = waiting(roomy, 3, timedelta(0), priority=Priority.URGENT)
    assert queue.pick(clock.now(), PLENTY).going == [urgent, high, older, younger]


@pytest.mark.parametrize(("hours", "first"), [(23, "small"), (24, "large")])
def test_a_large_one_gets_the_next_hour_s_headroom_first_after_a_day(
    roomy: World, hours: int, first: str
) -> None:
    """Urgent small ones keep coming and would for ever leave too little of each hour."""
    large = waiting(roomy, 200, timedelta(hours=hours), priority=Priority.LOW)
    small = [waiting(roomy, 50, timedelta(0), priority=Priority.URGENT) for _ in range(8)]
    picked = queue.pick(clock.now(), PLENTY)
    if first == "large":
        assert picked.going == [large, *small[:4]]
    else:
        assert picked.going == small
        assert picked.waiting == {"hourly_limit": [large.pk]}


def test_a_small_one_that_waited_for_a_day_stays_in_its_place(roomy: World) -> None:
    small = waiting(roomy, 100, timedelta(days=3), priority=Priority.LOW)
    urgent = [waiting(roomy, 50, timedelta(0), priority=Priority.URGENT) for _ in range(8)]
    assert queue.pick(clock.now(), PLENTY).going == urgent
    assert not Payout.objects.filter(pk=small.pk).exclude(status="scheduled").exists()


def test_a_full_hour_turns_and_the_large_one_goes_first(roomy: World) -> None:
    large = waiting(roomy, 200, timedelta(hours=25), priority=Priority.LOW)
    for _ in range(5):
        waiting(roomy, 80, timedelta(0), priority=Priority.URGENT)
    Payout.objects.filter(pk=large.pk).update(due_at=clock.now() + timedelta(hours=3))
    release_due()
    Payout.objects.filter(pk=large.pk).update(due_at=clock.now() - timedelta(hours=25))
    for _ in range(8):
        waiting(roomy, 50, timedelta(0), priority=Priority.URGENT)
    release_due()
    large.refresh_from_db()
    assert large.hold_reason == "hourly_limit"
    roomy.pass_by((next_hour() - clock.now()).total_seconds() + 4)
    release_due()
    large.refresh_from_db()
    assert large.status == "released"


def test_without_a_slot_it_keeps_its_room_from_those_behind_it(roomy: World) -> None:
    """The other router's payouts would take the global hour meanwhile."""
    set_policy(V0, in_flight=0)
    set_policy(hourly_limit=250 * USDT)
    waiting(roomy, 200, timedelta(hours=25))
    fits = waiting(roomy, 50, timedelta(0), KYC)
    behind = waiting(roomy, 51, timedelta(0), KYC, priority=Priority.LOW)
    picked = queue.pick(clock.now(), PLENTY)
    assert picked.going == [fits]
    assert behind.pk in picked.waiting[HoldReason.HOURLY_LIMIT]


def test_a_router_whose_window_is_full_doesn_t_hide_the_other_s_queue(
    roomy: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "LOOK_AHEAD", 3)
    set_policy(V0, hourly_limit=0)
    for _ in range(5):
        waiting(roomy, 1, timedelta(hours=1))
    other = waiting(roomy, 1, timedelta(0), KYC, priority=Priority.LOW)
    assert queue.pick(clock.now(), PLENTY).going == [other]


def test_each_router_s_share_in_flight_is_its_own(roomy: World) -> None:
    set_policy(V0, in_flight=2)
    set_policy(in_flight=3)
    for router in (V0, KYC):
        for _ in range(3):
            waiting(roomy, 1, timedelta(0), router)
    picked = queue.pick(clock.now(), PLENTY)
    assert [payout.router_type for payout in picked.going] == [V0, V0, KYC]
    assert len(picked.waiting[HoldReason.IN_FLIGHT]) == 3


def test_the_price_of_a_round_doesn_t_grow_with_its_size(roomy: World) -> None:
    waiting(roomy, 1, timedelta(0))
    assert release_due() == 1, "the windows have rows, and the chain was read"
    counted = []
    for size in (2, 30):
        for _ in range(size):
            waiting(roomy, 1, timedelta(0))
        with CaptureQueriesContext(connection) as queries:
            assert release_due() == size
        counted.append(len(queries))
    assert counted[0] == counted[1]
