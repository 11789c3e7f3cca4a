"""Alarms while nothing is due: raised when it happens, not when the next payout comes; over when it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lucid_payments.events.models import Event
from payouts import devnet_clock, watching
from payouts.models import Alarm, Payout, SignerState
from routers import killswitch
from tests.payouts.flow.world import FUNDS, USDT, World, forget_process_state
from tests.policies import V0, set_policy


def raised() -> set[str]:
    return set(Alarm.objects.filter(cleared_at=None).values_list("kind", flat=True))


def told(kind: str) -> list[str]:
    rows = Event.objects.filter(subject_type="alarm", subject_id=kind).order_by("pk")
    return list(rows.values_list("type", flat=True))


def look(world: World, rounds: int = 3) -> None:
    """Rounds of the watcher as beat asks for them, each after a pause longer than an idle watcher's."""
    for _ in range(rounds):
        world.devnet.step(blocks=11)
        devnet_clock.follow()
        watching.watch()


def nodes_go(world: World) -> Callable[[], object]:
    world.devnet.fault("cut", "*")
    return world.devnet.clear_faults


def one_node_goes(world: World) -> Callable[[], object]:
    world.devnet.fault("cut", "*", node=1)
    return world.devnet.clear_faults


def token_is_paused(world: World) -> Callable[[], object]:
    world.devnet.token(paused=True)
    return lambda: world.devnet.token(paused=False)


def trx_runs_out(world: World) -> Callable[[], object]:
    world.devnet.fault("patch", "wallet/getaccount", patch={"balance": 5 * USDT})
    return world.devnet.clear_faults


def usdt_is_low(world: World) -> Callable[[], object]:
    """Less than one payout of the largest size."""
    set_policy(V0, payout_maximum=FUNDS + 1)

    def enough() -> None:
        set_policy(V0, payout_maximum=FUNDS)

    return enough


@pytest.mark.parametrize(
    ("happens", "kind"),
    [
        (nodes_go, "nodes"),
        (one_node_goes, "nodes"),
        (token_is_paused, "token_paused"),
        (trx_runs_out, "treasury_trx_low"),
        (usdt_is_low, "treasury_usdt_low"),
    ],
)
def test_what_stops_payouts_is_told_while_none_is_due(
    world: World, happens: Callable[[World], Any], kind: str
) -> None:
    world.signer_lives()
    look(world)
    assert kind not in raised()
    is_over = happens(world)
    look(world)
    assert kind in raised()
    look(world)
    assert told(kind) == ["alarm.raised"], "once, however long it lasts"
    is_over()
    forget_process_state()
    look(world)
    assert kind not in raised()
    assert told(kind) == ["alarm.raised", "alarm.cleared"]


def test_a_locked_signer_is_told_of_though_the_kill_switch_is_pulled(world: World) -> None:
    killswitch.pull(actor=None, reason="a drill")
    SignerState.objects.update(locked_reason="its journal was lost", locked_until_ms=2**60)
    look(world)
    assert "signer" in raised()


def test_a_silent_signer_is_told_of_but_not_by_a_watcher_that_has_just_started(world: World) -> None:
    world.devnet.step(seconds=3600)
    watching.watch()
    assert raised() & {"signer"} == set(), "all start together: the signer may be about to"
    world.devnet.step(blocks=1)
    watching.poll()
    assert "signer" in raised()
    world.signer_lives()
    watching.poll()
    assert "signer" not in raised()


def test_final_blocks_that_stand_still_are_told_of(world: World) -> None:
    """While they stand, no payout grows older by the chain's clock, so nothing else would tell."""
    world.devnet.stall()
    for _ in range(4):
        world.step(30)
    assert "chain_stands" in raised()
    world.devnet.stall(False)
    world.step(1)
    assert "chain_stands" not in raised()


def test_a_cancelled_payout_takes_its_alarm_with_it(world: World) -> None:
    """It waited for the treasury, and nothing else does."""
    payout = world.create()
    Payout.objects.update(hold_reason="treasury_usdt")
    world.step(1)
    assert "treasury_usdt" in raised()
    Payout.objects.filter(pk=payout.pk).update(status="cancelled", hold_reason=None)
    world.step(1)
    assert "treasury_usdt" not in raised()
