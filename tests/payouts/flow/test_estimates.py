"""`estimated_completion` against what then happens: the world goes on block by block until the payout is confirmed.

Tolerated: a sweep and a block, TOLERANCE, either way; for a queue a tenth of the way on top.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from lucid_payments import clock
from payouts import devnet_clock
from payouts.models import Payout
from tests.api_client import ApiClient
from tests.load.client import recipient
from tests.payouts.flow.world import USDT, World
from tests.policies import V0, set_policy

TOLERANCE = timedelta(seconds=12)


@pytest.fixture(autouse=True)
def own_rate_limits(settings: Any) -> None:
    settings.RATE_LIMIT_FACTOR = 1000


def asked(world: World, payout: Payout) -> datetime | None:
    """The estimate as the API gives it now, the same as a payout's and as its transaction's."""
    api = ApiClient(world.service)
    path = f"/payouts/{payout.payout_id}"
    text = api.get(path).body["estimated_completion"]
    assert api.get(f"{path}/transaction").body["estimated_completion"] == text
    return datetime.fromisoformat(text) if text else None


def estimate(world: World, payout: Payout) -> datetime:
    found = asked(world, payout)
    assert found is not None, payout.hold_reason
    return found


def turn(world: World, blocks: int = 1) -> None:
    for _ in range(blocks):
        world.tick()
        world.devnet.step(blocks=1)
        devnet_clock.follow()


def until(world: World, moment: datetime) -> None:
    """Let time pass, in one step, to half a minute before `moment`."""
    left = (moment - clock.now()).total_seconds() - 30
    if left > 0:
        world.pass_by(left)
        devnet_clock.follow()


def confirmed(world: World, payout: Payout, most: int = 120) -> datetime:
    """When it was in fact confirmed."""
    for _ in range(most):
        turn(world)
        payout.refresh_from_db()
        if payout.status == "confirmed":
            assert payout.ended_at is not None
            return payout.ended_at
    raise AssertionError(f"not confirmed: {payout.status} {payout.hold_reason}")


def many(world: World, count: int, amount: int, **order: Any) -> list[Payout]:
    """To recipients of their own."""
    start = Payout.objects.count()
    return [world.create(amount, to=recipient(f"estimate-{start + n}"), **order) for n in range(count)]


def test_one_that_may_go_at_once(world: World) -> None:
    payout = world.create()
    told = estimate(world, payout)
    assert abs(confirmed(world, payout) - told) <= TOLERANCE
    assert asked(world, payout) is None, "it has ended"


def test_the_chain_s_blocks_are_counted_and_not_the_seconds(world: World) -> None:
    """At each step of the way; and slots that stay empty move the estimate, not the truth."""
    payout = world.create()
    world.tick()
    payout.refresh_from_db()
    assert payout.status == "sent"
    told = [estimate(world, payout)]
    turn(world, 2)
    told.append(estimate(world, payout))
    turn(world, 8)
    before = estimate(world, payout)
    world.devnet.step(seconds=30)
    devnet_clock.follow()
    world.tick()
    after = estimate(world, payout)
    assert timedelta(seconds=20) <= after - before <= timedelta(seconds=30), "one block came in place of ten"
    really = confirmed(world, payout)
    assert abs(really - after) <= TOLERANCE
    assert all(abs(really - timedelta(seconds=27) - moment) <= TOLERANCE for moment in told)


def test_a_batch_s_slot_is_waited_for(world: World) -> None:
    payout = world.create(batch_type="HOURLY")
    told = estimate(world, payout)
    slot = payout.due_at
    until(world, slot)
    really = confirmed(world, payout)
    assert slot + timedelta(seconds=57) <= really
    assert abs(really - told) <= TOLERANCE


def test_the_window_s_room_counts_before_anybody_has_looked(world: World) -> None:
    """400 an hour: two of 150 fit this one and two the next; the fifth waits for the third."""
    payouts = many(world, 5, 150 * USDT)
    told = [estimate(world, payout) for payout in payouts]
    hour = clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    assert max(told[:2]) < hour <= min(told[2:4]) < hour + timedelta(hours=1) <= told[4]
    for place, payout in enumerate(payouts):
        if place in (2, 4):
            turn(world)
            assert abs(estimate(world, payout) - told[place]) <= TOLERANCE, (
                "what the release loop says is no news"
            )
            until(world, hour + timedelta(hours=place // 2 - 1))
        assert abs(confirmed(world, payout) - told[place]) <= TOLERANCE, place


def test_a_slot_s_payouts_share_the_hour_in_which_they_go(world: World) -> None:
    """What is spent of this hour is nothing to them; those before them in the slot are."""
    now = many(world, 2, 200 * USDT)
    slot = many(world, 3, 160 * USDT, batch_type="HOURLY")
    told = [estimate(world, payout) for payout in slot]
    hour = slot[0].due_at
    assert max(told[:2]) - hour <= timedelta(minutes=2)
    assert told[2] - hour >= timedelta(hours=1)
    confirmed(world, now[1])
    for place, begins in ((0, hour), (1, hour), (2, hour + timedelta(hours=1))):
        until(world, begins)
        assert abs(confirmed(world, slot[place]) - told[place]) <= TOLERANCE, place


def test_the_queue_before_it_takes_its_places_in_flight(world: World) -> None:
    set_policy(V0, in_flight=3)
    payouts = many(world, 24, USDT)
    began, last = clock.now(), payouts[-1]
    told = estimate(world, last)
    assert told - began >= timedelta(seconds=63 + 7 * 4 - 4)
    really = confirmed(world, last)
    assert abs(really - told) <= TOLERANCE + (really - began) / 10
    first = world.create(priority=0)
    assert estimate(world, first) - clock.now() <= timedelta(seconds=63), "an urgent one goes before them all"


def test_what_waits_for_a_person_is_in_nobody_s_way(world: World) -> None:
    waiting = many(world, 2, 200 * USDT)
    Payout.objects.update(hold_reason="screening")
    assert asked(world, waiting[0]) is None
    told = estimate(world, world.create(200 * USDT))
    assert told - clock.now() <= timedelta(seconds=63)
