"""The sentences on which "exactly once" rests, the first, third, sixth and seventh; each test fails without its own.

The second and eighth stand in test_journal, the fourth and fifth in test_verdicts, the ninth in test_statement.
"""

from __future__ import annotations

from typing import Any

import pytest

from payouts.manager import PayoutManager
from payouts.models import Attempt, NodeAnswer, Payout
from payouts.release import release_due
from payouts.sending import send_due
from payouts.tron import encoding
from routers import killswitch
from routers.models import KillSwitch
from tests.payouts.flow.world import FUNDS, RECIPIENTS, USDT, World, forget_process_state
from tests.policies import release_kill_switch

BROADCAST = "wallet/broadcasthex"
PAID_ONCE = {(RECIPIENTS[0], 5 * USDT): 1}

# What a node may do with a broadcast that it took all the same.
TAKEN: dict[str, dict[str, Any]] = {
    "cut": {"kind": "cut", "processed": True},
    "bad_gateway": {"kind": "status", "processed": True, "status": 502},
    "empty": {"kind": "empty", "processed": True},
    "result_false": {"kind": "result_false", "processed": True},
    "truncated": {"kind": "truncate"},
    "another_txid": {"kind": "wrong_txid"},
}
# What it may say without having taken it; what a code means is tested in tests/payouts/tron/test_broadcast.py.
NOT_TAKEN: dict[str, dict[str, Any]] = {
    "bad_signature": {"kind": "code", "code": "SIGERROR"},
    "duplicate": {"kind": "code", "code": "DUP_TRANSACTION_ERROR"},
    "expired": {"kind": "code", "code": "TRANSACTION_EXPIRATION_ERROR"},
    "accepted": {"kind": "answer", "answer": {"result": True}},
    "unavailable": {"kind": "status", "status": 503},
}


def released(world: World, payout: Payout) -> Attempt:
    """Released and signed, and not yet handed to any node."""
    assert release_due() == 1
    assert world.signer_lives() == 1
    attempt: Attempt = payout.attempts.get()
    return attempt


def no_second_attempt(payout: Payout) -> None:
    assert payout.attempts.count() == 1


# 1. raw_data and txid are computed here; what a node says about a txid is compared, never adopted.


def test_the_txid_is_the_digest_of_our_own_bytes_whatever_the_nodes_call_it(world: World) -> None:
    world.devnet.fault("wrong_txid", "wallet/*")
    payout = world.create()
    attempt = released(world, payout)
    send_due()
    attempt.refresh_from_db()
    assert attempt.txid == encoding.txid(bytes(attempt.raw_data))
    assert set(NodeAnswer.objects.values_list("outcome", "code")) == {("ambiguous", "WRONG_TXID")}
    world.devnet.clear_faults()
    world.settle()
    no_second_attempt(payout)
    assert world.paid() == PAID_ONCE
    world.check()


def test_bytes_never_come_from_a_node(world: World) -> None:
    """A node that makes transactions pay somebody else finds nothing of ours to alter."""
    world.devnet.fault("alter_transaction", "*", to=RECIPIENTS[3], amount=1_000 * USDT, node=0)
    world.devnet.reset_calls()
    world.create()
    world.run(1)
    assert not {call for call in world.devnet.calls() if "createtransaction" in call}
    assert "wallet/triggersmartcontract" not in world.devnet.calls()
    world.devnet.clear_faults()
    world.settle()
    assert world.paid() == PAID_ONCE


def test_two_equal_payouts_of_one_release_are_two_transactions(world: World) -> None:
    """Equal bytes would be one transaction, and one of the two would never be paid."""
    for _ in range(3):
        world.create()
    assert release_due() == 3
    assert Attempt.objects.values("txid").distinct().count() == 3
    assert Attempt.objects.values("expiration_ms").distinct().count() == 3
    world.settle()
    assert world.paid() == {(RECIPIENTS[0], 5 * USDT): 3}
    world.check()


# 3. No answer to a broadcast, good or bad, frees a payout for a new attempt.


@pytest.mark.parametrize("answer", TAKEN)
def test_a_broadcast_that_was_taken_is_paid_once_whatever_was_answered(world: World, answer: str) -> None:
    world.devnet.fault(endpoint=BROADCAST, **TAKEN[answer])
    payout = world.create()
    world.tick()
    world.settle()
    no_second_attempt(payout)
    assert world.paid() == PAID_ONCE
    world.check()


@pytest.mark.parametrize("answer", NOT_TAKEN)
def test_a_broadcast_that_was_not_taken_is_sent_again_with_the_same_bytes(world: World, answer: str) -> None:
    world.devnet.fault(endpoint=BROADCAST, **NOT_TAKEN[answer])
    payout = world.create()
    world.tick()
    world.run(2)
    no_second_attempt(payout)
    attempt = payout.attempts.get()
    assert (attempt.state, world.paid()) == ("sent", {})
    before = bytes(attempt.signed_transaction or b"")
    world.devnet.clear_faults()
    world.settle()
    no_second_attempt(payout)
    attempt.refresh_from_db()
    assert bytes(attempt.signed_transaction or b"") == before
    assert world.paid() == PAID_ONCE
    world.check()


def test_accepted_and_never_included_dies_by_the_rule_and_is_paid_by_the_retry(world: World) -> None:
    world.devnet.fault("hold", BROADCAST)
    payout = world.create()
    world.tick()
    world.expire()
    assert payout.attempts.get().state == "dead"
    payout.refresh_from_db()
    assert (payout.status, payout.hold_reason, payout.retries) == ("scheduled", "retry", 1)
    world.check()
    world.devnet.clear_faults()
    world.settle()
    assert list(payout.attempts.values_list("state", flat=True)) == ["dead", "succeeded"]
    assert world.paid() == PAID_ONCE
    world.check()


def test_a_node_that_answers_nothing_at_all_is_no_reason_for_a_second_attempt(world: World) -> None:
    """Both nodes take the broadcast and go silent, for longer than the transaction lives."""
    world.devnet.fault("cut", BROADCAST, processed=True)
    payout = world.create()
    world.tick()
    world.devnet.fault("cut", "*")
    world.run(8, blocks=20)
    payout.refresh_from_db()
    no_second_attempt(payout)
    assert payout.status == "sent"
    world.devnet.clear_faults()
    world.settle()
    no_second_attempt(payout)
    assert world.paid() == PAID_ONCE
    world.check()


def test_processes_that_start_anew_after_each_step_pay_once(world: World) -> None:
    """Nothing that matters is only in memory: every process dies after every one of its turns."""
    payout = world.create()
    for turn in (release_due, world.signer_lives, send_due, lambda: world.step(10), lambda: world.step(10)):
        turn()
        forget_process_state()
    world.settle()
    no_second_attempt(payout)
    assert world.paid() == PAID_ONCE
    world.check()


def test_a_broadcast_lost_with_its_process_is_made_again(world: World, monkeypatch: Any) -> None:
    """The attempt was committed as sent, then the sender died before the first byte."""
    payout = world.create()
    released(world, payout)
    monkeypatch.setattr("payouts.sending._broadcast", lambda attempts: (_ for _ in ()).throw(SystemExit()))
    with pytest.raises(SystemExit):
        send_due()
    monkeypatch.undo()
    forget_process_state()
    assert payout.attempts.get().state == "sent"
    assert world.paid() == {}
    world.settle()
    no_second_attempt(payout)
    assert world.paid() == PAID_ONCE


# 6. A solid block with SUCCESS ends the payout for ever, whatever its logs say.


def test_a_token_fee_switched_on_midway_stops_everything_and_nothing_is_paid_again(world: World) -> None:
    payout = world.create(100 * USDT)
    world.tick()
    world.devnet.token(basis_points_rate=10, maximum_fee=40 * USDT, energy_factor=0)
    world.step(19)
    payout.refresh_from_db()
    attempt = payout.attempts.get()
    assert (payout.status, payout.public_status, attempt.state) == ("manual", "processing", "succeeded")
    assert killswitch.is_pulled()
    assert "fee is switched on" in KillSwitch.objects.get(pk=1).reason
    reservation = attempt.reservation
    assert not hasattr(reservation, "outcome"), "neither posted nor given back"
    world.devnet.token(basis_points_rate=0)
    world.run(4)
    no_second_attempt(payout)
    assert sum(world.paid().values()) == 2, "the short payment and the issuer's fee"


def test_money_in_a_person_s_hands_is_not_called_stolen_for_ever(world: World) -> None:
    """Once people have looked and released the kill switch, the others are paid."""
    payout = world.create(100 * USDT)
    world.tick()
    world.devnet.token(basis_points_rate=10, maximum_fee=40 * USDT, energy_factor=0)
    world.step(19)
    world.devnet.token(basis_points_rate=0)
    release_kill_switch("The issuer's fee is off again.")
    later = world.create(to=RECIPIENTS[2])
    world.run(8)
    payout.refresh_from_db()
    later.refresh_from_db()
    assert (payout.status, later.status) == ("manual", "confirmed")
    assert not killswitch.is_pulled()


# 7. confirmed = solid, SUCCESS, exactly the one Transfer log asked for. It never goes back.


def test_a_payment_counts_only_from_its_solid_block_on(world: World) -> None:
    payout = world.create()
    world.tick()
    world.devnet.stall()
    world.step(1)
    world.step(40)
    payout.refresh_from_db()
    assert (payout.status, payout.attempts.get().state) == ("sent", "included")
    assert world.paid() == PAID_ONCE
    world.devnet.stall(False)
    world.step(1)
    payout.refresh_from_db()
    assert payout.status == "confirmed"
    world.check()


@pytest.mark.parametrize("returning", ["first", "last", "later"])
def test_a_replaced_block_s_transaction_comes_back_and_is_paid_once(world: World, returning: str) -> None:
    payout = world.create()
    world.tick()
    world.step(5)
    assert payout.attempts.get().state == "included"
    world.devnet.reorg(5, returning=returning)
    world.settle()
    no_second_attempt(payout)
    assert world.paid() == PAID_ONCE
    world.check()


def test_a_replaced_block_s_transaction_that_vanishes_is_broadcast_again(world: World) -> None:
    payout = world.create()
    world.tick()
    world.step(3)
    world.devnet.reorg(3, returning="never")
    world.step(1)
    attempt = payout.attempts.get()
    assert (attempt.state, attempt.block_number) == ("sent", None)
    world.settle()
    no_second_attempt(payout)
    assert world.paid() == PAID_ONCE
    world.check()


def test_a_failure_in_a_replaced_block_is_not_believed(world: World) -> None:
    """First OUT_OF_ENERGY, then, on the longer branch, SUCCESS: had it been retried, it would be paid twice."""
    payout = world.create()
    attempt = released(world, payout)
    world.devnet.force_result(attempt.txid, "OUT_OF_ENERGY")
    send_due()
    world.step(5)
    assert payout.attempts.get().state == "included"
    world.devnet.force_result(attempt.txid, None)
    world.devnet.reorg(5)
    world.settle()
    no_second_attempt(payout)
    assert world.paid() == PAID_ONCE
    world.check()


def test_a_success_in_a_replaced_block_is_not_believed_either(world: World) -> None:
    payout = world.create()
    world.tick()
    world.step(5)
    attempt = payout.attempts.get()
    world.devnet.reorg(5, result={attempt.txid: "OUT_OF_ENERGY"})
    world.step(20)
    attempt.refresh_from_db()
    assert (attempt.state, attempt.result) == ("reverted", "OUT_OF_ENERGY")
    assert world.paid() == {}
    world.check()
    world.settle()
    assert world.paid() == PAID_ONCE
    world.check()


def test_nothing_takes_a_confirmation_back(world: World) -> None:
    payout = world.create()
    world.settle()
    attempt = payout.attempts.get()
    before = (FUNDS - 5 * USDT, attempt.fee)
    assert PayoutManager.declare_dead([attempt.pk]) == 0
    assert PayoutManager.take_out_of_block(0) == 0
    PayoutManager.note_absence(attempt.pk, [])
    payout.refresh_from_db()
    attempt.refresh_from_db()
    assert (payout.status, attempt.state, attempt.absence) == ("confirmed", "succeeded", None)
    assert before == (world.devnet.balances(attempt.owner_address)["usdt"], attempt.fee)
    world.run(3)
    world.check()
