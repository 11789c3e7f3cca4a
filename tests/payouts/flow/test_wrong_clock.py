"""Our clock is wrong, and jumps: chain time decides what lives and what is dead, and nothing new goes meanwhile.

Every process has the database's clock (`lucid_now`), so it is that one which is wrong here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from lucid_payments import clock
from payouts import devnet_clock, signer
from payouts.models import Alarm, Attempt, Payout
from routers import killswitch
from tests.payouts.flow.world import RECIPIENTS, USDT, World

PAID_ONCE = {(to, 5 * USDT): 1 for to in RECIPIENTS[:2]}
TEN_MINUTES = timedelta(minutes=10)

SetWrong = Callable[[timedelta], None]


@pytest.fixture
def wrong_by(world: World, monkeypatch: pytest.MonkeyPatch) -> SetWrong:
    """From now on our clock is this far from the chain's."""

    def set_wrong(by: timedelta) -> None:
        def follow() -> None:
            clock.freeze(clock.from_ms(world.devnet.now_ms()) + by)

        monkeypatch.setattr(devnet_clock, "follow", follow)
        follow()

    return set_wrong


def all_is_well(world: World) -> None:
    world.settle()
    assert world.paid() == PAID_ONCE
    world.check()
    assert not killswitch.is_pulled()
    # The tests' treasury is fuller than a day's limit needs, and stays so.
    assert not Alarm.objects.filter(cleared_at=None).exclude(kind="hot_balance").exists()


@pytest.mark.parametrize("by", [TEN_MINUTES, -TEN_MINUTES], ids=["ahead", "behind"])
def test_nothing_is_signed_by_a_wrong_clock(world: World, wrong_by: SetWrong, by: timedelta) -> None:
    wrong_by(by)
    for to in RECIPIENTS[:2]:
        world.create(to=to)
    world.run(3)
    assert not Attempt.objects.exclude(state="withdrawn").exists()
    assert not signer.journal().head.strip("0"), "nothing was signed"
    assert set(Payout.objects.values_list("status", flat=True)) == {"scheduled"}
    assert set(Payout.objects.values_list("hold_reason", flat=True)) == {"clock"}
    assert Alarm.objects.filter(cleared_at=None, kind="clock").exists()
    wrong_by(timedelta(0))
    all_is_well(world)


@pytest.mark.parametrize("by", [TEN_MINUTES, -TEN_MINUTES], ids=["ahead", "behind"])
@pytest.mark.parametrize("taken", [True, False], ids=["in a block", "not in a block"])
def test_what_is_on_its_way_is_judged_by_chain_time_alone(
    world: World, wrong_by: SetWrong, by: timedelta, taken: bool
) -> None:
    """Ten minutes ahead every transaction looks expired; it can still land for three."""
    if not taken:
        world.devnet.fault("hold", "wallet/broadcasthex")
    for to in RECIPIENTS[:2]:
        world.create(to=to)
    world.tick()
    assert Attempt.objects.filter(state="sent").count() == 2
    wrong_by(by)
    world.run(4)
    assert Attempt.objects.count() == 2
    assert not Attempt.objects.filter(state="dead").exists()
    world.devnet.clear_faults()
    world.run(2)
    wrong_by(timedelta(0))
    all_is_well(world)
    assert Attempt.objects.count() == 2


def test_a_clock_that_jumps_back_and_forth_pays_once(world: World, wrong_by: SetWrong) -> None:
    for to in RECIPIENTS[:2]:
        world.create(to=to)
    for minutes in (0, 10, -10, 0, -3, 3, -10):
        wrong_by(timedelta(minutes=minutes))
        world.run(1, blocks=4)
    wrong_by(timedelta(0))
    all_is_well(world)
