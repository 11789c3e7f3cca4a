"""A node that contradicts itself is asked no more for ten minutes; nodes that merely differ are asked again."""

from __future__ import annotations

from typing import Any

import pytest

from payouts import chain
from payouts.models import Alarm, Payout
from tests.payouts.flow.world import USDT, World

BY_ID = "walletsolidity/gettransactioninfobyid"
BY_BLOCK = "walletsolidity/gettransactioninfobyblocknum"
REVERTED = {"receipt": {"result": "REVERT"}, "result": "FAILED", "log": []}
LIES: dict[str, dict[str, Any]] = {
    "denies what its own block holds": {"kind": "empty"},
    "tells another result than its own block": {"kind": "patch", "patch": REVERTED},
}


@pytest.mark.parametrize("node", [0, 1])
@pytest.mark.parametrize("lie", LIES)
def test_a_node_that_contradicts_its_own_block_is_quarantined(world: World, lie: str, node: int) -> None:
    payout = world.create(5 * USDT)
    world.tick()
    world.devnet.fault(node=node, endpoint=BY_ID, **LIES[lie])
    world.devnet.fault("empty", BY_BLOCK, node=node)
    world.step(20)
    world.step(1)
    assert set(chain.state().quarantine) == {f"node{node + 1}"}
    assert Alarm.objects.filter(kind="node_quarantined", cleared_at=None).exists()
    assert Payout.objects.get(pk=payout.pk).status == "sent", "one provider's word decides nothing"

    world.devnet.clear_faults()
    world.devnet.step(blocks=210)
    world.settle()
    world.step(1)
    assert Payout.objects.get(pk=payout.pk).status == "confirmed"
    assert not chain.state().quarantine
    assert not Alarm.objects.filter(kind="node_quarantined", cleared_at=None).exists()
    world.check()


def test_nothing_new_is_released_while_one_provider_is_quarantined(world: World) -> None:
    world.create(5 * USDT)
    world.tick()
    world.devnet.fault("empty", BY_ID, node=1)
    world.devnet.fault("empty", BY_BLOCK, node=1)
    world.step(20)
    world.step(1)
    waiting = world.create(6 * USDT)
    world.tick()
    waiting.refresh_from_db()
    assert (waiting.status, waiting.hold_reason) == ("scheduled", "nodes")


def test_a_node_that_is_only_behind_is_not_quarantined(world: World) -> None:
    payout = world.create(5 * USDT)
    world.tick()
    world.step(2)
    world.devnet.lag(1, 30)
    world.step(20)
    world.step(2)
    assert not chain.state().quarantine
    world.devnet.lag(1, 0)
    world.settle()
    assert Payout.objects.get(pk=payout.pk).status == "confirmed"
    world.check()
