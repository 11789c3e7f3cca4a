"""Books lost and made anew from blocks: in the end the ledger equals the chain, to the base unit."""

from __future__ import annotations

import re
from collections import Counter
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import transaction

from lucid_payments.audit.models import AuditEntry
from payouts import ledger
from payouts.models import LedgerAccount, LedgerTransfer, OrphanSignature, Payout, ReconciliationRun
from payouts.models.ledger import Currency
from payouts.reconciliation import rebuilding
from tests.payouts.flow import elsewhere
from tests.payouts.flow.test_reconciliation import THIEF, books, reconcile, unwatched
from tests.payouts.flow.world import FUNDS, RECIPIENTS, USDT, World, forget_process_state
from tests.policies import V0, set_policy


@pytest.fixture(autouse=True)
def opening_balance(world: World) -> int:
    """The treasury's TRX are in the books from the beginning."""
    trx: int = world.devnet.balances(settings.TREASURY_ADDRESS)["solid_trx_sun"]
    ledger.book_inflow(trx, note="test funds", currency=Currency.TRX)
    set_policy(V0, in_flight=20)
    return trx


def rebuild(*arguments: str) -> tuple[str, int]:
    out = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("reconcile", "rebuild", *arguments, stdout=out)
    return out.getvalue(), int(end.value.code or 0)


def pay_twenty(world: World) -> None:
    for number in range(20):
        world.create((number + 1) * USDT // 4, to=RECIPIENTS[number % 3])
    world.settle()
    assert sum(world.paid().values()) == 20


def lose_the_journal() -> None:
    forget_process_state()
    Path(settings.SIGNER_JOURNAL_FILE).unlink()


def equal(world: World) -> None:
    """The ledger's treasury is the chain's, in both currencies."""
    on_chain = world.devnet.balances(settings.TREASURY_ADDRESS)
    assert ledger.treasury_balance().posted == on_chain["solid_usdt"]
    trx = LedgerAccount.objects.get(name=ledger.TREASURY_TRX)
    assert trx.debits_posted - trx.credits_posted == on_chain["solid_trx_sun"]


def test_a_month_lost_is_rebuilt_from_blocks_and_the_signer_s_journal(world: World) -> None:
    """The payouts were asked for before the backup; what they paid is known by journal and chain alone."""
    for number in range(20):
        world.create((number + 1) * USDT // 4, to=RECIPIENTS[number % 3])
    backup = transaction.savepoint()
    world.settle()
    paid = world.paid()
    transaction.savepoint_rollback(backup)
    forget_process_state()
    assert ledger.treasury_balance().posted == FUNDS
    world.signer_lives()
    told, status = rebuild("--from", "1", "--apply")
    assert (status, "20 settled, 0 recorded" in told) == (0, True)
    assert Payout.objects.filter(status="confirmed").count() == 20
    assert world.paid() == paid
    equal(world)
    assert reconcile().state == "clean"


def test_a_month_lost_with_its_payouts_and_the_journal_is_rebuilt_from_blocks_alone(world: World) -> None:
    backup = transaction.savepoint()
    pay_twenty(world)
    paid = world.paid()
    transaction.savepoint_rollback(backup)
    lose_the_journal()
    assert Payout.objects.count() == 0
    told, status = rebuild("--from", "1", "--apply")
    assert (status, "0 settled, 20 recorded" in told) == (0, True)
    orphans = OrphanSignature.objects.filter(state="paid")
    assert Counter(orphans.values_list("recipient_address", "amount")) == paid
    equal(world)
    world.signer_lives()
    assert reconcile().state == "clean"
    again = world.create(USDT // 4, to=RECIPIENTS[0])
    world.run(3)
    again.refresh_from_db()
    assert again.hold_reason in ("possible_duplicate", "signer")
    assert again.attempts.count() == 0


def test_without_apply_it_only_tells(world: World) -> None:
    backup = transaction.savepoint()
    pay_twenty(world)
    transaction.savepoint_rollback(backup)
    lose_the_journal()
    before = books()
    told, status = rebuild("--from", "2026-11-01")
    assert status == 0
    assert told.count("no payout: booked to suspense") == 20
    assert re.search(r"blocks up to \d+ in [\d.]+ s, \d+ a second", told)
    assert books() == before
    assert not OrphanSignature.objects.exists()


def test_what_came_in_meanwhile_is_booked_with_it(world: World) -> None:
    backup = transaction.savepoint()
    pay_twenty(world)
    world.devnet.fund(settings.TREASURY_ADDRESS, usdt=11 * USDT, trx_sun=9 * USDT)
    elsewhere.pay_with_our_key(world.devnet, THIEF, 2 * FUNDS)
    unwatched(world)
    transaction.savepoint_rollback(backup)
    lose_the_journal()
    told, status = rebuild("--from", "1", "--apply")
    assert status == 0
    equal(world)
    assert "21 recorded" in told, "the one that reverted cost its fee"
    assert LedgerTransfer.objects.filter(note="rebuilt from blocks").count() in (1, 2)


def test_a_rebuild_that_is_cut_off_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    backup = transaction.savepoint()
    pay_twenty(world)
    world.devnet.fund(settings.TREASURY_ADDRESS, usdt=11 * USDT)
    unwatched(world)
    transaction.savepoint_rollback(backup)
    lose_the_journal()
    record, count = rebuilding._record, [0]

    class PowerCut(BaseException):
        pass

    def cut(lost: Any) -> None:
        count[0] += 1
        if count[0] == 8:
            raise PowerCut
        record(lost)

    monkeypatch.setattr(rebuilding, "_record", cut)
    with pytest.raises(PowerCut):
        call_command("reconcile", "rebuild", "--from", "1", "--apply", stdout=StringIO())
    monkeypatch.undo()
    told, _ = rebuild("--from", "1", "--apply")
    assert "13 recorded" in told
    equal(world)
    told, _ = rebuild("--from", "1", "--apply")
    assert "The books lack nothing." in told
    assert AuditEntry.objects.filter(action="reconciliation.rebuilt").count() == 1


def test_a_node_that_adds_a_transfer_adds_nothing_to_the_books(world: World) -> None:
    """Its blocks tell; the other operator's must tell the same."""
    backup = transaction.savepoint()
    world.create(5 * USDT)
    world.settle()
    transaction.savepoint_rollback(backup)
    lose_the_journal()
    before = books()
    world.devnet.fault("empty", "walletsolidity/gettransactioninfobyid", node=1)
    told, status = rebuild("--from", "1", "--node", "node1", "--apply")
    assert (status, "No answer" in told) == (2, True)
    assert books() == before


def test_what_waits_for_two_people_is_left_to_them(world: World) -> None:
    """A theft that is known as one is no lost line of our books."""
    reconcile()
    txid = elsewhere.pay_with_our_key(world.devnet, THIEF, 7 * USDT)
    unwatched(world)
    reconcile()
    before = books()
    told, status = rebuild("--from", "1", "--apply")
    assert (status, f"Left to people: {txid}" in told) == (1, True)
    assert books() == before


def test_a_node_that_isn_t_one_of_ours_is_refused(world: World) -> None:
    with pytest.raises(CommandError, match="node1, node2"):
        call_command("reconcile", "rebuild", "--from", "1", "--node", "elsewhere", stdout=StringIO())
    assert not ReconciliationRun.objects.exists()
