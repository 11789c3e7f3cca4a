"""The fourth and fifth sentences: one provider's word decides nothing, and "never" is proven before it is believed."""

from __future__ import annotations

from typing import Any

import pytest

from payouts import watching
from payouts.models import Attempt, ChainState, Payout
from payouts.release import release_due
from payouts.sending import send_due
from payouts.verdicts import LOOK_BACK
from tests.payouts.flow.world import RECIPIENTS, USDT, World

SOLID = "walletsolidity/*"
INFOS = "walletsolidity/gettransactioninfo*"
PAID_ONCE = {(RECIPIENTS[0], 5 * USDT): 1}
NODES = (0, 1)


def undecided(payout: Payout) -> None:
    payout.refresh_from_db()
    assert (payout.status, payout.attempts.count()) == ("sent", 1)


def ends_paid_once(world: World, payout: Payout) -> None:
    world.devnet.clear_faults()
    world.settle()
    payout.refresh_from_db()
    assert (payout.status, payout.attempts.count()) == ("confirmed", 1)
    assert world.paid() == PAID_ONCE
    world.check()


# One of two nodes lies about what is in a block.

LIES: dict[str, dict[str, Any]] = {
    "not_found": {"kind": "empty", "endpoint": INFOS},
    "other_result": {
        "kind": "patch",
        "endpoint": "walletsolidity/gettransactioninfobyid",
        "patch": {"receipt": {"result": "OUT_OF_ENERGY"}, "result": "FAILED", "log": []},
    },
    "other_block": {
        "kind": "patch",
        "endpoint": "walletsolidity/gettransactioninfobyid",
        "patch": {"blockNumber": 3},
    },
    "silent": {"kind": "cut", "endpoint": SOLID},
    "unavailable": {"kind": "status", "endpoint": SOLID, "status": 503},
    "garbage": {"kind": "garbage", "endpoint": SOLID},
}


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("lie", LIES)
def test_a_payment_isn_t_judged_while_one_node_lies(world: World, lie: str, node: int) -> None:
    payout = world.create()
    world.tick()
    world.step(2)
    world.devnet.fault(node=node, **LIES[lie])
    # The answers about whole blocks go missing too: what is left is to ask by id.
    world.devnet.fault("empty", "walletsolidity/gettransactioninfobyblocknum", node=node)
    world.step(20)
    world.step(2)
    undecided(payout)
    ends_paid_once(world, payout)


@pytest.mark.parametrize("node", NODES)
def test_a_forged_success_pays_nobody_off(world: World, node: int) -> None:
    """The transaction is in no block; one node says that it was, and succeeded."""
    world.devnet.fault("hold", "wallet/broadcasthex")
    payout = world.create()
    world.tick()
    world.devnet.fault("forge_success", INFOS, node=node)
    world.devnet.fault("forge_success", "walletsolidity/gettransactionbyid", node=node)
    world.expire()
    world.step(21)
    undecided(payout)
    world.devnet.clear_faults()
    world.settle()
    assert list(payout.attempts.values_list("state", flat=True)) == ["dead", "succeeded"]
    assert world.paid() == PAID_ONCE
    world.check()


@pytest.mark.parametrize("node", NODES)
def test_a_lie_that_nothing_was_found_never_makes_an_attempt_dead(world: World, node: int) -> None:
    """Paid, expired, and one node denies it in all ways for a long time."""
    payout = world.create()
    world.tick()
    world.devnet.fault("empty", "walletsolidity/gettransaction*", node=node)
    for _ in range(6):
        world.step(30)
    undecided(payout)
    ends_paid_once(world, payout)


def test_a_node_that_lags_far_behind_proves_no_absence(world: World) -> None:
    payout = world.create()
    world.tick()
    world.devnet.lag(1, 200)
    for _ in range(6):
        world.step(30)
    undecided(payout)
    world.devnet.lag(1, 0)
    ends_paid_once(world, payout)


def test_a_node_on_another_fork_decides_nothing(world: World) -> None:
    """Node 1 follows a branch without our transaction; no transaction may be broadcast to it either."""
    payout = world.create()
    world.tick()
    world.step(2)
    world.devnet.fork(1, 2)
    for _ in range(5):
        world.step(20)
    undecided(payout)
    world.devnet.heal(1)
    ends_paid_once(world, payout)


def test_with_both_nodes_away_for_an_hour_nothing_is_decided(world: World) -> None:
    payout = world.create()
    world.tick()
    world.devnet.fault("cut", "*")
    for _ in range(3):
        world.devnet.step(seconds=1200)
        assert watching.poll() is False
    undecided(payout)
    ends_paid_once(world, payout)


# 5. dead = expired by a solid head, absent with a control, and again twenty solid blocks later.


def unseen(world: World) -> Payout:
    """Sent, accepted, and in no block: its expiration is `EXPIRES` blocks away."""
    world.devnet.fault("hold", "wallet/broadcasthex")
    payout = world.create()
    assert release_due() == 1
    assert world.signer_lives() == 1
    assert send_due() == 1
    return payout


EXPIRES = 60
FINAL = 18


def state_of(payout: Payout) -> str:
    return Attempt.objects.get(payout=payout, number=1).state


def test_expired_by_the_head_isn_t_dead(world: World) -> None:
    payout = unseen(world)
    world.step(EXPIRES + FINAL - 2)
    world.step(1)
    assert state_of(payout) == "sent"
    assert Attempt.objects.get().absence is None


def test_absent_once_isn_t_dead_and_absent_twenty_solid_blocks_later_is(world: World) -> None:
    payout = unseen(world)
    world.step(EXPIRES + FINAL + 1)
    assert state_of(payout) == "sent"
    first = Attempt.objects.get().absence
    assert first is not None
    assert {seen["operator"] for seen in first} == {"operator-1", "operator-2"}
    world.step(19)
    assert state_of(payout) == "sent"
    assert Attempt.objects.get().absence == first, "the first sight is what the second is measured from"
    world.step(1)
    assert state_of(payout) == "dead"


def test_while_solid_blocks_stand_still_nothing_dies(world: World) -> None:
    payout = unseen(world)
    world.devnet.stall()
    for _ in range(6):
        world.step(30)
    assert state_of(payout) == "sent"
    world.devnet.stall(False)
    world.step(1)
    assert state_of(payout) == "sent"
    world.step(21)
    assert state_of(payout) == "dead"


@pytest.mark.parametrize("node", NODES)
def test_a_node_that_finds_nothing_at_all_proves_nothing(world: World, node: int) -> None:
    """It says "not found" of the control transaction too, which is in a solid block for certain."""
    payout = unseen(world)
    world.step(2)
    world.devnet.fault("empty", "walletsolidity/gettransactioninfobyid", node=node)
    world.step(EXPIRES + FINAL)
    world.step(21)
    world.step(21)
    assert state_of(payout) == "sent"
    world.devnet.clear_faults()
    world.step(1)
    world.step(21)
    assert state_of(payout) == "dead"


def test_one_operator_s_absence_isn_t_enough(world: World) -> None:
    payout = unseen(world)
    world.devnet.node(1, online=False)
    world.step(EXPIRES + FINAL + 1)
    for _ in range(3):
        world.step(21)
    assert state_of(payout) == "sent"


def test_seen_again_between_the_two_rounds_forgets_the_first(world: World) -> None:
    payout = unseen(world)
    world.step(EXPIRES + FINAL + 1)
    assert Attempt.objects.get().absence is not None
    fault = world.devnet.fault("forge_success", "walletsolidity/gettransactionbyid", node=1)
    world.step(21)
    assert state_of(payout) == "sent"
    assert Attempt.objects.get().absence is None
    world.devnet.clear_faults(fault)
    world.step(1)
    assert state_of(payout) == "sent"
    world.step(21)
    assert state_of(payout) == "dead"


def test_the_control_is_found_on_a_chain_where_nobody_else_transacts(world: World) -> None:
    world.devnet.step(blocks=300)
    world.pass_by(3)
    payout = unseen(world)
    world.expire()
    assert ChainState.objects.get().control_txid != ""
    assert state_of(payout) == "dead"


def test_the_control_is_found_again_after_a_jump_over_blocks_in_which_nobody_transacts(world: World) -> None:
    """More than an hour since the last transaction, and a solid head that stood for half of it."""
    world.create(to=RECIPIENTS[1])
    world.tick()
    world.step(25)
    for _ in range(14):
        world.step(60)
    world.pass_by(3)
    payout = unseen(world)
    world.devnet.stall()
    for _ in range(10):
        world.step(60)
    world.devnet.stall(False)
    for _ in range(6):
        world.step(21)
    assert state_of(payout) == "dead"


def test_a_control_that_only_a_lying_node_s_block_held_is_forgotten(world: World) -> None:
    """Its transactions paid somebody else, with ids to match: no honest node will ever find them."""
    paid = world.create(to=RECIPIENTS[1])
    world.tick()
    world.step(2)
    world.devnet.fault("alter_transaction", "walletsolidity/getblockbynum", node=0, to=RECIPIENTS[3])
    world.step(25)
    world.devnet.clear_faults()
    world.pass_by(3)
    assert Payout.objects.get(pk=paid.pk).status == "confirmed"
    payout = unseen(world)
    world.expire()
    world.step(21)
    assert state_of(payout) == "dead"


@pytest.mark.parametrize("stale", ["walletsolidity/get*by*", "walletsolidity/gettransaction*"])
def test_fresh_heads_over_stale_look_ups_prove_no_absence(world: World, stale: str) -> None:
    """Both providers' balancers answer the head from one machine and look-ups from another, far behind.

    What the scan saw before is known to the machines behind, too: it is no control for what came later.
    """
    world.create(to=RECIPIENTS[1])
    world.tick()
    world.step(25)
    world.step(130)
    payout = world.create()
    world.tick()
    world.devnet.fault("stale", stale, blocks=120)
    for _ in range(4):
        world.step(41)
        assert payout.attempts.get().state != "dead"
    world.devnet.clear_faults()
    world.settle()
    payout.refresh_from_db()
    assert (payout.status, payout.attempts.count()) == ("confirmed", 1)
    world.check()


def test_what_landed_is_found_where_no_transaction_of_the_last_hour_shows_that_nodes_look(
    world: World,
) -> None:
    """Every node had lost its index, and nobody transacts since: an absence can't be proven, and needn't be."""
    payout = world.create()
    world.tick()
    world.devnet.step(blocks=1)
    world.devnet.fault("empty", "walletsolidity/gettransaction*")
    for blocks in (80, 21, LOOK_BACK, 21, 21):
        world.step(blocks)
    assert ChainState.objects.get().control_txid == ""
    undecided(payout)
    ends_paid_once(world, payout)
