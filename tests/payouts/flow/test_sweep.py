"""A sweep: everything that the key holds goes to its one destination, whatever stands in the way but that."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from django.conf import settings
from django.db import ProgrammingError, connection, transaction

from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from payouts import ledger, signer, watching
from payouts.models import (
    Alarm,
    Attempt,
    LedgerAccount,
    Payout,
    SignerState,
    Sweep,
    SweepCause,
    SweepTransfer,
)
from payouts.models.ledger import Currency
from payouts.reconciliation import rebuilding
from payouts.reconciliation.reading import ChainReader
from payouts.release import release_due
from payouts.sending import send_due
from payouts.sweeps import door
from routers import killswitch
from tests.payouts.flow.test_reconciliation import reconcile, unwatched
from tests.payouts.flow.world import FUNDS, RECIPIENTS, USDT, World, forget_process_state

COLD = "TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeL"
ELSEWHERE = RECIPIENTS[3]
TRX_FUNDS = 100_000 * USDT


@pytest.fixture(autouse=True)
def destination(world: World) -> None:
    fix_destination()


def fix_destination() -> None:
    signer.keybook().fix_destination(settings.TREASURY_ADDRESS, COLD, by="ann, bob", reason="test", now_ms=0)


def begin(*, to: str = COLD, with_trx: bool = False, cause: SweepCause = SweepCause.SWEEP) -> Sweep:
    return door.begin(settings.TREASURY_ADDRESS, to, cause=cause, with_trx=with_trx, by=[], reason="test")


def go_on(world: World, rounds: int = 12) -> None:
    """Until no sweep is open: turns of watcher, signer and sender, and blocks enough to make theirs final."""
    for _ in range(rounds):
        turn(world)
        if not Sweep.objects.filter(state="open").exists():
            return
    raise AssertionError(f"still open: {list(Sweep.objects.values_list('detail', flat=True))}")


def turn(world: World, blocks: int = 21) -> None:
    watching.poll()
    world.signer_lives()
    send_due()
    world.devnet.step(blocks=blocks)
    watching.poll()


def _audited() -> list[str]:
    rows = AuditEntry.objects.filter(action__startswith="sweep.")
    return list(rows.order_by("pk").values_list("action", flat=True))


def held(name: str) -> int:
    row = LedgerAccount.objects.get(name=name)
    return row.debits_posted - row.credits_posted


def is_empty_to_the_base_unit(world: World, *, paid: int = 0) -> None:
    """What was there is at the destination or was paid, and the books say the same."""
    assert world.devnet.balances(settings.TREASURY_ADDRESS)["usdt"] == 0
    assert world.devnet.balances(COLD)["usdt"] == FUNDS - paid == held(ledger.SWEPT)
    assert ledger.treasury_balance() == ledger.Balance(posted=0, pending_out=0)
    states = set(SweepTransfer.objects.values_list("state", flat=True))
    assert states <= {"succeeded", "dead", "reverted"}


def test_everything_goes_to_the_destination_and_the_books_say_so(world: World) -> None:
    sweep = begin()
    go_on(world)
    (transfer,) = sweep.transfers.all()
    assert (transfer.state, transfer.amount, transfer.result) == ("succeeded", FUNDS, "SUCCESS")
    assert world.paid() == Counter({(COLD, FUNDS): 1})
    is_empty_to_the_base_unit(world)
    assert not killswitch.is_pulled()
    assert _audited() == [
        "sweep.begun", "sweep.transfer_succeeded", "sweep.ended",
    ]  # fmt: skip
    assert Event.objects.filter(type__startswith="sweep.").count() == 3


def test_at_last_the_trx_go_too_and_the_fees_are_booked(world: World) -> None:
    """Before = after + fees, to the sun; the destination had no account before."""
    begin(with_trx=True)
    go_on(world)
    usdt, trx = SweepTransfer.objects.order_by("pk")
    fees = (usdt.fee or 0) + (trx.fee or 0)
    left = world.devnet.balances(settings.TREASURY_ADDRESS)["trx_sun"]
    assert world.devnet.balances(COLD)["trx_sun"] == trx.amount
    assert trx.amount + fees + left == TRX_FUNDS
    assert left < 2 * USDT
    assert (held(ledger.SWEPT_TRX), held(ledger.FEES)) == (trx.amount, fees)
    is_empty_to_the_base_unit(world)


def test_neither_kill_switch_nor_caps_nor_a_lock_stop_it(world: World, settings: Any) -> None:
    settings.SIGNER_DAILY_CAP = settings.SIGNER_HOURLY_CAP = 1
    world.create()
    killswitch.pull(actor=None, reason="test")
    SignerState.objects.update(locked_reason="test", locked_until_ms=2**60)
    begin()
    go_on(world)
    is_empty_to_the_base_unit(world)
    assert killswitch.is_pulled()
    assert Payout.objects.get().status == "scheduled"


def test_it_counts_for_no_cap(world: World) -> None:
    begin()
    go_on(world)
    assert len(signer.journal()) == 1
    assert signer.journal().signed_since(0) == 0
    forget_process_state()
    assert signer.journal().signed_since(0) == 0, "nor after a start"


def test_what_is_in_flight_lands_and_the_rest_is_swept(world: World) -> None:
    payouts = [world.create(to=to) for to in RECIPIENTS[:2]]
    world.tick()
    assert Attempt.objects.filter(state="sent").count() == 2
    sweep = begin()
    go_on(world)
    paid = world.paid()
    assert {to: paid[to, 5 * USDT] for to in RECIPIENTS[:2]} == dict.fromkeys(RECIPIENTS[:2], 1)
    assert {Payout.objects.get(pk=payout.pk).status for payout in payouts} == {"confirmed"}
    # A node may count in its balance what is only pending: it is left alone twice then, and follows.
    amounts = list(sweep.transfers.order_by("pk").values_list("amount", flat=True))
    assert amounts in ([FUNDS - 10 * USDT], [FUNDS - 20 * USDT, 10 * USDT])
    assert not Alarm.objects.filter(kind="sweep_refused").exists()
    is_empty_to_the_base_unit(world, paid=10 * USDT)


def test_what_dies_in_flight_is_swept_once_it_is_proven_dead(world: World) -> None:
    """Signed, never sent, the kill switch pulled: money of theirs is touched only when they can't land any more."""
    world.create()
    release_due()
    world.signer_lives()
    killswitch.pull(actor=None, reason="test")
    begin()
    go_on(world)
    amounts = list(SweepTransfer.objects.order_by("pk").values_list("amount", flat=True))
    assert amounts == [FUNDS - 5 * USDT, 5 * USDT]
    assert Attempt.objects.get().state == "dead"
    assert Payout.objects.get().status == "scheduled"
    is_empty_to_the_base_unit(world)


def test_nothing_is_released_meanwhile_and_paid_once_there_is_money_again(world: World) -> None:
    begin()
    payout = world.create()
    go_on(world)
    payout.refresh_from_db()
    assert payout.status == "scheduled"
    assert Attempt.objects.count() == 0
    world.devnet.fund(settings.TREASURY_ADDRESS, usdt=100 * USDT, mine=True)
    world.settle()
    payout.refresh_from_db()
    assert payout.status == "confirmed"
    assert ledger.treasury_balance().posted == 95 * USDT


def test_another_destination_in_the_database_is_signed_for_nowhere(world: World) -> None:
    """Whoever owns the database can ask for a sweep; where it goes stands in the signer's own file."""
    begin(to=ELSEWHERE)
    turn(world)
    assert len(signer.journal()) == 0
    assert world.paid() == Counter()
    transfer = SweepTransfer.objects.first()
    assert transfer is not None
    assert f"goes to {ELSEWHERE}; the key's destination is {COLD}" in transfer.refusal
    assert Alarm.objects.filter(kind="sweep_refused", cleared_at=None).exists()
    assert ledger.treasury_balance() == ledger.Balance(posted=FUNDS, pending_out=0)


def test_without_a_destination_nothing_is_signed(world: World) -> None:
    signer.keybook().path.unlink()
    begin()
    turn(world)
    assert len(signer.journal()) == 0
    assert "No destination was ever fixed" in SweepTransfer.objects.all()[0].refusal


def test_the_database_itself_keeps_bytes_and_destination(world: World) -> None:
    sweep = begin()
    world.tick()
    for statement in (
        f"UPDATE payouts_sweep SET destination = '{ELSEWHERE}'",
        "UPDATE payouts_sweeptransfer SET raw_data = 'other'",
        "UPDATE payouts_sweeptransfer SET amount = 1",
    ):
        with pytest.raises(ProgrammingError, match="never changed"), transaction.atomic():
            connection.cursor().execute(statement)
    sweep.refresh_from_db()
    assert sweep.destination == COLD


def test_two_at_once_are_one(world: World) -> None:
    first = begin()
    world.tick()
    assert begin().pk == first.pk
    go_on(world)
    assert SweepTransfer.objects.count() == 1
    assert world.paid() == Counter({(COLD, FUNDS): 1})


def test_one_that_never_lands_is_proven_dead_and_made_anew(world: World) -> None:
    world.devnet.fault("hold", "wallet/broadcasthex")
    begin()
    for blocks in (84, 21, 21):
        turn(world, blocks)
    world.devnet.clear_faults()
    go_on(world)
    assert list(SweepTransfer.objects.order_by("pk").values_list("state", flat=True)) == ["dead", "succeeded"]
    assert world.paid() == Counter({(COLD, FUNDS): 1})
    is_empty_to_the_base_unit(world)


def test_one_that_reverts_burns_its_fee_and_is_made_anew(world: World) -> None:
    begin()
    watching.poll()
    (txid,) = SweepTransfer.objects.values_list("txid", flat=True)
    world.devnet.force_result(txid, "REVERT")
    go_on(world)
    first, second = SweepTransfer.objects.order_by("pk")
    assert (first.state, second.state) == ("reverted", "succeeded")
    assert held(ledger.FEES) == (first.fee or 0) + (second.fee or 0)
    is_empty_to_the_base_unit(world)


def test_without_trx_it_waits_and_says_so(world: World) -> None:
    world.devnet.parameters(getEnergyFee=99_999)
    sweep = begin()
    turn(world)
    sweep.refresh_from_db()
    assert (sweep.state, SweepTransfer.objects.count()) == ("open", 0)
    assert "fee limit" in sweep.detail
    assert not killswitch.is_pulled()


def test_a_top_up_that_comes_meanwhile_follows(world: World) -> None:
    begin()
    world.tick()
    world.devnet.fund(settings.TREASURY_ADDRESS, usdt=7 * USDT, mine=True)
    go_on(world)
    assert world.devnet.balances(COLD)["usdt"] == FUNDS + 7 * USDT == held(ledger.SWEPT)
    assert ledger.treasury_balance() == ledger.Balance(posted=0, pending_out=0)


def test_one_lying_node_neither_ends_nor_feeds_it(world: World) -> None:
    """Too few operators agree: it waits, and says so."""
    world.devnet.fault("status", "wallet/triggerconstantcontract", node=1, status=503)
    sweep = begin()
    turn(world)
    sweep.refresh_from_db()
    assert (sweep.state, SweepTransfer.objects.count()) == ("open", 0)
    assert "operators needed" in sweep.detail
    world.devnet.clear_faults()
    go_on(world)
    is_empty_to_the_base_unit(world)


def test_a_restored_database_learns_of_it_from_the_journal(world: World) -> None:
    """The sweep's rows are lost after it was signed: it is known again, watched, and booked once."""
    begin()
    watching.poll()
    world.signer_lives()
    send_due()
    SweepTransfer.objects.all().delete()
    Sweep.objects.all().delete()
    SignerState.objects.update(journal_seq=0, journal_head="", journal_txid="")
    world.signer_lives()
    found = Sweep.objects.get()
    assert (found.cause, found.destination) == ("journal", COLD)
    assert SignerState.objects.get().locked_reason != ""
    go_on(world)
    is_empty_to_the_base_unit(world)
    assert world.paid() == Counter({(COLD, FUNDS): 1})
    assert not killswitch.is_pulled()
    for _ in range(4):
        turn(world)
    assert SignerState.objects.get().locked_reason == ""


def test_chain_and_books_agree_before_while_and_after(world: World) -> None:
    """By a reconciliation, which reads the blocks and asks nobody who swept."""
    ledger.book_inflow(TRX_FUNDS, note="test funds", currency=Currency.TRX)
    begin(with_trx=True)
    watching.poll()
    world.signer_lives()
    send_due()
    assert reconcile().state == "clean", "on its way"
    unwatched(world, 30)
    assert SweepTransfer.objects.get().state == "sent"
    assert reconcile().state == "clean", "landed, and not judged yet"
    go_on(world)
    run = reconcile()
    assert (run.state, run.chain_usdt, run.books_usdt) == ("clean", 0, 0)
    assert run.chain_trx == run.books_trx
    assert run.transactions_checked == 2


def test_a_rebuild_of_the_books_settles_it_by_its_own_rules_and_once(world: World) -> None:
    ledger.book_inflow(TRX_FUNDS, note="test funds", currency=Currency.TRX)
    begin()
    watching.poll()
    world.signer_lives()
    send_due()
    unwatched(world, 30)
    assert SweepTransfer.objects.get().state == "sent"
    with transaction.atomic():
        done = rebuilding.apply(rebuilding.plan(ChainReader(), 1), actor="test")
    assert (done.settled, done.recorded, done.left) == (1, 0, [])
    go_on(world)
    is_empty_to_the_base_unit(world)
    assert rebuilding.plan(ChainReader(), 1).nothing
