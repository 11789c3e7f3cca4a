"""Chain and books compared: what agrees, each kind of difference, and nodes that can't be believed."""

from __future__ import annotations

import pytest
from django.conf import settings

from lucid_payments import clock
from payouts import chain, ledger, watching
from payouts.models import (
    Alarm,
    Attempt,
    LedgerTransfer,
    OrphanSignature,
    ReconciliationCase,
    ReconciliationRun,
)
from payouts.models.cases import ChainSearch, Evidence, ManualCase, UnknownTransfer
from payouts.models.ledger import Currency
from payouts.models.reconciliation import RunTrigger
from payouts.reconciliation import running, runs
from payouts.reconciliation.runs import Range
from routers import killswitch
from tests.payouts.flow import elsewhere
from tests.payouts.flow.world import FUNDS, RECIPIENTS, USDT, World

THIEF = RECIPIENTS[3]
NOT_ON_CHAIN = "ab" * 32
BALANCES = "walletsolidity/triggerconstantcontract"


def ask(wanted: Range | None = None) -> ReconciliationRun:
    return runs.ask(RunTrigger.COMMAND, actor=None, actor_label="tester", wanted=wanted)


def reconcile(wanted: Range | None = None) -> ReconciliationRun:
    """One run from beginning to end."""
    asked = ask(wanted)
    running.work(seconds=60)
    asked.refresh_from_db()
    return asked


def pay(world: World, count: int = 3) -> None:
    for number in range(count):
        world.create((number + 1) * USDT, to=RECIPIENTS[number % 2])
    world.settle()


def unwatched(world: World, blocks: int = 20) -> None:
    """So many blocks that no watcher looks at; the signer gives a sign of life."""
    world.devnet.step(blocks=blocks)
    clock.freeze(clock.from_ms(world.devnet.now_ms()))
    world.signer_lives()


def kinds() -> list[str]:
    return sorted(ReconciliationCase.objects.values_list("kind", flat=True))


def books() -> tuple[object, ...]:
    """All that a run without a verdict must leave as it was."""
    return (
        LedgerTransfer.objects.count(),
        ledger.treasury_balance(),
        ReconciliationCase.objects.count(),
        killswitch.is_pulled(),
        Alarm.objects.count(),
    )


def test_what_agrees_is_clean(world: World) -> None:
    pay(world)
    run = reconcile()
    assert (run.state, run.detail) == ("clean", "")
    assert run.chain_usdt == run.books_usdt == FUNDS - 6 * USDT
    assert (run.transactions_checked, run.booked_usdt) == (3, 0)
    assert not ReconciliationCase.objects.exists()
    assert not killswitch.is_pulled()


def test_a_clean_hour_costs_few_calls(world: World) -> None:
    """Two nodes: heads and balances are ten calls; each block with payouts two more."""
    pay(world)
    world.pass_by(600)
    assert reconcile().node_calls <= 10 + 2 * 3
    world.pass_by(600)
    assert reconcile().node_calls == 10


def test_trx_that_came_in_and_nobody_booked_is_a_deposit_once(world: World) -> None:
    """The first comparison books the opening balance of TRX; fees agree from then on."""
    first = reconcile()
    assert first.chain_trx
    assert first.booked_trx == first.chain_trx
    pay(world)
    second = reconcile()
    assert (second.state, second.booked_trx) == ("clean", 0)
    burned = sum(attempt.fee or 0 for attempt in Attempt.objects.all())
    assert second.chain_trx == second.books_trx == first.chain_trx - burned


def test_a_payout_that_landed_and_isn_t_settled_yet_is_no_difference(world: World) -> None:
    reconcile()
    world.create(5 * USDT)
    world.tick()
    unwatched(world, 25)
    assert Attempt.objects.get().state != "succeeded"
    run = reconcile()
    assert (run.state, run.booked_usdt, run.booked_trx) == ("clean", 0, 0)
    assert run.chain_usdt == FUNDS - 5 * USDT
    world.settle()
    assert reconcile().state == "clean"


def test_a_transfer_that_nobody_asked_for_trips_the_kill_switch(world: World) -> None:
    pay(world)
    reconcile()
    txid = elsewhere.pay_with_our_key(world.devnet, THIEF, 7 * USDT)
    unwatched(world)
    run = reconcile()
    case = ReconciliationCase.objects.get()
    assert (run.state, run.searched) == ("differences", True)
    assert (case.kind, case.txid, case.difference, case.chain_usdt) == (
        "unknown_outgoing",
        txid,
        -7 * USDT,
        7 * USDT,
    )
    assert case.chain_trx > 0
    assert case.chain["transfers"] == [
        {"log_index": 0, "from": settings.TREASURY_ADDRESS, "to": THIEF, "amount": 7 * USDT}
    ]
    assert killswitch.is_pulled()
    assert Alarm.objects.filter(kind="reconciliation_difference", cleared_at=None).exists()
    for_people = ManualCase.objects.get()
    assert (for_people.txid, for_people.amount, for_people.first_block) == (
        txid,
        7 * USDT,
        case.block_number,
    )


def booked_by_two_people(*, usdt: int, fee: int, txid: str) -> None:
    """As the act on the case of what needs people leaves the books."""
    needing = ManualCase.objects.get()
    searched = ChainSearch.objects.create(case=needing, first_block=1, last_block=1, nodes=["node1"])
    shown = Evidence.objects.create(
        search=searched, conclusion="unknown_found", sentence="test", told=[], facts={}
    )
    UnknownTransfer.objects.create(
        txid=txid, case=needing, evidence=shown, block_number=1, amount=usdt, trx=0, fee=fee, account="losses"
    )
    ledger.book_unknown(usdt, trx=0, fee=fee, txid=txid, account="losses")


def test_what_two_people_have_booked_is_explained(world: World) -> None:
    reconcile()
    txid = elsewhere.pay_with_our_key(world.devnet, THIEF, 7 * USDT)
    unwatched(world)
    reconcile()
    case = ReconciliationCase.objects.get()
    booked_by_two_people(usdt=7 * USDT, fee=case.chain_trx, txid=txid)
    run = reconcile()
    case.refresh_from_db()
    assert (run.state, case.state, case.closed_by_label) == ("clean", "explained", "reconciliation")
    assert (run.booked_usdt, run.booked_trx) == (0, 0)
    assert not Alarm.objects.filter(kind="reconciliation_difference", cleared_at=None).exists()


def test_a_balance_that_two_people_have_booked_is_no_deposit(world: World) -> None:
    """What they found is the same money: it must not come into the books a second time."""
    reconcile()
    world.pass_by(60)
    for node in (0, 1):
        world.devnet.fault(
            "patch", BALANCES, node=node, patch={"constant_result": [(FUNDS - 3 * USDT).to_bytes(32).hex()]}
        )
    reconcile()
    booked_by_two_people(usdt=3 * USDT, fee=1, txid="")
    # The sun of its fee is booked and not on this chain: it comes back as a deposit.
    run = reconcile()
    assert (run.state, run.booked_usdt, run.booked_trx) == ("clean", 0, 1)
    assert ledger.treasury_balance().posted == FUNDS - 3 * USDT


def test_a_difference_opens_its_case_once(world: World) -> None:
    elsewhere.pay_with_our_key(world.devnet, THIEF, 7 * USDT)
    unwatched(world)
    reconcile()
    unwatched(world)
    again = reconcile()
    assert (again.state, again.searched) == ("differences", False), "what is known needs no search"
    assert again.chain_usdt == again.books_usdt
    assert kinds() == ["unknown_outgoing"]


def test_a_theft_hidden_behind_a_top_up_is_found_by_reading_every_block(world: World) -> None:
    reconcile()
    elsewhere.pay_with_our_key(world.devnet, THIEF, 7 * USDT)
    world.devnet.fund(settings.TREASURY_ADDRESS, usdt=7 * USDT, trx_sun=50 * USDT)
    unwatched(world)
    assert reconcile().state == "clean"
    run = reconcile(Range(from_block=1))
    assert run.state == "differences"
    assert kinds() == ["unknown_outgoing"]
    assert killswitch.is_pulled()


def test_a_range_that_agrees_reads_each_of_its_blocks(world: World) -> None:
    pay(world)
    run = reconcile(Range(from_block=1))
    assert run.state == "clean"
    assert run.blocks_read == run.to_block
    assert run.transactions_checked >= 3


def test_a_range_by_time_reads_the_blocks_of_that_time(world: World) -> None:
    pay(world)
    last = Attempt.objects.latest("block_number")
    assert last.block_timestamp is not None
    run = reconcile(Range(from_time=last.block_timestamp))
    assert run.from_block == last.block_number


def test_what_comes_in_is_booked_once(world: World) -> None:
    reconcile()
    world.devnet.fund(settings.TREASURY_ADDRESS, usdt=11 * USDT, mine=True)
    unwatched(world)
    run = reconcile()
    assert (run.state, run.booked_usdt) == ("clean", 11 * USDT)
    assert ledger.treasury_balance().posted == FUNDS + 11 * USDT
    for _ in range(8):
        world.step(5)
    assert ledger.treasury_balance().posted == FUNDS + 11 * USDT, "the watcher doesn't book it again"
    assert reconcile().booked_usdt == 0


def test_a_stranger_s_transfer_of_nothing_is_noted_alone(world: World) -> None:
    reconcile()
    elsewhere.touch_treasury(world.devnet, settings.TREASURY_ADDRESS, THIEF)
    unwatched(world)
    run = reconcile(Range(from_block=1))
    assert (run.state, run.zero_value_logs) == ("clean", 1)
    assert not killswitch.is_pulled()


def test_what_the_books_say_and_the_chain_doesn_t_show(world: World) -> None:
    reconcile()
    ledger.correct(-3 * USDT, currency=Currency.USDT, txid=NOT_ON_CHAIN, note="test")
    run = reconcile()
    case = ReconciliationCase.objects.get()
    assert (run.state, case.kind, case.difference) == ("differences", "missing_on_chain", 3 * USDT)
    assert run.chain_usdt == run.books_usdt, "the case explains it: it isn't booked as a deposit"
    assert run.booked_usdt == 0


@pytest.mark.parametrize(
    ("currency", "kind"), [(Currency.USDT, "amount_differs"), (Currency.TRX, "fee_differs")]
)
def test_an_amount_or_a_fee_that_differs(world: World, currency: Currency, kind: str) -> None:
    pay(world, 1)
    reconcile()
    txid = Attempt.objects.get().txid
    ledger.correct(-4, currency=currency, txid=txid, note="test")
    run = reconcile()
    case = ReconciliationCase.objects.get()
    assert (run.state, case.kind, case.txid, case.difference) == ("differences", kind, txid, 4)
    assert case.books["payout_id"] == Attempt.objects.get().payout.payout_id


def test_a_recipient_that_differs(world: World) -> None:
    """The journal's line says one address, the chain another one."""
    txid = elsewhere.pay_with_our_key(world.devnet, THIEF, 7 * USDT)
    unwatched(world)
    info = chain.pool().first(lambda node: node.info(txid))
    assert info is not None
    OrphanSignature.objects.create(
        txid=txid,
        payout_label="payout_lost",
        recipient_address=RECIPIENTS[0],
        amount=7 * USDT,
        expiration_ms=1,
        raw_data=b"",
        state="paid",
    )
    ledger.book_orphan(7 * USDT, fee=info.fee_sun, txid=txid)
    run = reconcile()
    assert (run.state, kinds()) == ("differences", ["recipient_differs"])


def test_a_balance_that_no_block_explains(world: World) -> None:
    reconcile()
    world.pass_by(60)
    for node in (0, 1):
        world.devnet.fault(
            "patch", BALANCES, node=node, patch={"constant_result": [(FUNDS - 3 * USDT).to_bytes(32).hex()]}
        )
    run = reconcile()
    case = ReconciliationCase.objects.get()
    assert (run.state, run.searched) == ("differences", True)
    assert (case.kind, case.difference, case.chain, case.books) == (
        "balance_differs",
        -3 * USDT,
        {"balance": FUNDS - 3 * USDT},
        {"balance": FUNDS},
    )
    assert killswitch.is_pulled()
    assert reconcile().books_usdt == FUNDS - 3 * USDT, "known by now"
    assert ReconciliationCase.objects.count() == 1


def test_our_key_used_for_something_else_is_a_case_and_stops_nothing(world: World) -> None:
    """A transfer that reverted moved no token; its fee is gone."""
    reconcile()
    txid = elsewhere.pay_with_our_key(world.devnet, THIEF, 2 * FUNDS)
    unwatched(world)
    run = reconcile()
    case = ReconciliationCase.objects.get()
    assert (run.state, case.kind, case.txid) == ("differences", "foreign_transaction", txid)
    assert not killswitch.is_pulled()


# Nodes that are away, differ, or say what may still change.


def test_a_node_that_is_away_in_the_middle_decides_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pay(world)
    before = books()
    check = running._check_rows

    def then_away(run: ReconciliationRun, reader: object) -> None:
        check(run, reader)  # type: ignore[arg-type]
        world.devnet.node(1, online=False)

    monkeypatch.setattr(running, "_check_rows", then_away)
    run = reconcile()
    assert run.state == "inconclusive"
    assert "Fewer than 2 operators" in run.detail
    assert books() == before
    world.devnet.node(1, online=True)
    monkeypatch.undo()
    again = runs.waiting()
    assert again is not None
    assert (again.trigger, again.tries) == ("retry", 2)
    running.work(seconds=60)
    again.refresh_from_db()
    assert again.state == "clean"


def test_one_node_s_word_against_another_s_decides_nothing(world: World) -> None:
    reconcile()
    world.pass_by(60)
    before = books()
    for amount in (FUNDS - 3 * USDT, FUNDS + 3 * USDT):
        fault = world.devnet.fault(
            "patch", BALANCES, node=1, patch={"constant_result": [amount.to_bytes(32).hex()]}
        )
        run = reconcile()
        assert (run.state, run.detail.startswith("Nodes differ about the balance")) == ("inconclusive", True)
        world.devnet.clear_faults(fault)
        ReconciliationRun.objects.filter(state="queued").delete()
    assert books() == before


def test_a_node_that_hides_our_transaction_decides_nothing(world: World) -> None:
    pay(world, 1)
    for question in ("getblockbynum", "gettransactioninfobyblocknum", "gettransactioninfobyid"):
        world.devnet.fault("empty", f"walletsolidity/{question}", node=0)
    assert reconcile().state == "clean", "another node shows the block"
    ReconciliationRun.objects.all().delete()
    before = books()
    world.devnet.fault("empty", "walletsolidity/gettransactioninfobyblocknum", node=1)
    assert reconcile().state == "inconclusive"
    assert books() == before


def test_only_final_blocks_are_read(world: World) -> None:
    reconcile()
    txid = elsewhere.pay_with_our_key(world.devnet, THIEF, 7 * USDT)
    unwatched(world, 5)
    assert reconcile().state == "clean", "it may still be replaced"
    world.devnet.reorg(5, drop=[txid])
    unwatched(world, 25)
    assert reconcile().state == "clean"
    assert not killswitch.is_pulled()


def test_a_silent_signer_s_journal_may_explain_what_left(world: World) -> None:
    reconcile()
    elsewhere.pay_with_our_key(world.devnet, THIEF, 7 * USDT)
    world.devnet.step(blocks=20)
    clock.freeze(clock.from_ms(world.devnet.now_ms()))
    before = books()
    run = reconcile()
    assert (run.state, "gives no sign of life" in run.detail) == ("inconclusive", True)
    assert books() == before


# When it runs.


def test_it_runs_once_an_hour_by_itself(world: World) -> None:
    watching.poll()
    first = running.work(seconds=60)
    assert first is not None
    assert (first.trigger, first.state) == ("hourly", "clean")
    assert running.work(seconds=60) is None
    world.pass_by(3_500)
    assert running.work(seconds=60) is None
    world.pass_by(200)
    second = running.work(seconds=60)
    assert second is not None
    assert second.pk > first.pk


def test_two_hours_without_an_answer_raise_the_alarm(world: World) -> None:
    reconcile()
    assert not runs.check_overdue()
    world.devnet.node(1, online=False)
    world.pass_by(7_300)
    running.work(seconds=60)
    assert runs.check_overdue()
    alarm = Alarm.objects.get(kind="reconciliation_overdue")
    assert "operators" in alarm.detail
    world.devnet.node(1, online=True)
    watching.poll()
    running.work(seconds=60)
    alarm.refresh_from_db()
    assert alarm.cleared_at is not None
