"""Runs that are cut off, two at once, what the command prints, and the report."""

from __future__ import annotations

import csv
import threading
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from payouts import ledger
from payouts.models import Attempt, LedgerTransfer, ReconciliationCase, ReconciliationRun
from payouts.models.ledger import Currency
from payouts.reconciliation import report, running, runs
from payouts.reconciliation.reading import ChainReader
from payouts.reconciliation.runs import Range
from tests.payouts.flow import elsewhere
from tests.payouts.flow.test_reconciliation import THIEF, ask, pay, reconcile, unwatched
from tests.payouts.flow.world import FUNDS, USDT, World


class PowerCut(BaseException):
    """The machine stops here."""


def cut_at(monkeypatch: pytest.MonkeyPatch, step: str, when: int, *, after: bool) -> None:
    """The process dies just before or just after the commit of the `when`th of these steps."""
    whole, count = getattr(running, step), [0]

    def cut(*args: Any, **kwargs: Any) -> None:
        count[0] += 1
        if count[0] == when and not after:
            raise PowerCut
        whole(*args, **kwargs)
        if count[0] == when and after:
            raise PowerCut

    monkeypatch.setattr(running, step, cut)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", ["_check_rows", "_check_balances", "_check_blocks"])
def test_a_killed_run_goes_on_where_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    pay(world, 2)
    elsewhere.pay_with_our_key(world.devnet, THIEF, 7 * USDT)
    unwatched(world)
    monkeypatch.setattr(running, "ROWS_A_STEP", 1)
    monkeypatch.setattr(running, "BLOCKS_A_STEP", 7)
    cut_at(monkeypatch, step, 1 if step == "_check_balances" else 2, after=after)
    run = ask()
    with pytest.raises(PowerCut):
        running.work(seconds=60)
    run.refresh_from_db()
    assert run.state == "running"
    monkeypatch.undo()
    running.work(seconds=60)
    run.refresh_from_db()
    assert run.state == "differences"
    assert run.chain_usdt == run.books_usdt == FUNDS - 10 * USDT
    assert [case.kind for case in ReconciliationCase.objects.all()] == ["unknown_outgoing"]
    assert ReconciliationRun.objects.count() == 1


def test_a_run_cut_off_while_it_booked_a_deposit_books_it_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconcile()
    world.devnet.fund(settings.TREASURY_ADDRESS, usdt=11 * USDT)
    unwatched(world)
    cut_at(monkeypatch, "_conclude", 1, after=True)
    ask()
    with pytest.raises(PowerCut):
        running.work(seconds=60)
    monkeypatch.undo()
    running.work(seconds=60)
    assert ledger.treasury_balance().posted == FUNDS + 11 * USDT
    assert (
        LedgerTransfer.objects.filter(note__startswith="seen at final block", amount=11 * USDT).count() == 1
    )


def test_a_long_run_is_done_in_turns(world: World) -> None:
    run = ask(Range(from_block=1))
    turns = 0
    while run.state in ("queued", "running"):
        running.work(seconds=0)
        run.refresh_from_db()
        turns += 1
    assert run.state == "clean"
    assert turns >= (run.to_block or 0) / running.BLOCKS_A_STEP


def test_two_runs_at_once_are_one(committed_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = committed_world
    pay(world, 1)
    run = ask()
    inside, go_on = threading.Event(), threading.Event()
    balances = ChainReader.balances

    def slowly(reader: ChainReader) -> Any:
        inside.set()
        go_on.wait(30)
        return balances(reader)

    monkeypatch.setattr(ChainReader, "balances", slowly)

    def first() -> None:
        try:
            running.work(seconds=60)
        finally:
            connection.close()

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(30)
    assert running.work(seconds=60) is None, "another process is at it"
    go_on.set()
    thread.join(30)
    run.refresh_from_db()
    assert run.state == "clean"
    assert ReconciliationRun.objects.count() == 1


def command(*arguments: str) -> tuple[str, int]:
    out = StringIO()
    try:
        call_command("reconcile", *arguments, stdout=out)
    except SystemExit as end:
        return out.getvalue(), int(end.code or 0)
    return out.getvalue(), 0


def test_the_command_says_what_it_found(world: World) -> None:
    pay(world, 1)
    told, status = command()
    assert status == 0
    assert "Chain and books agree" in told
    assert "49,999.00 USDT on chain, 49,999.00 in the books" in told
    elsewhere.pay_with_our_key(world.devnet, THIEF, 7 * USDT)
    unwatched(world)
    told, status = command("--from", "1")
    assert status == 1
    assert "Left the treasury, not in the books, -7.00 USDT" in told


def test_the_command_says_that_it_has_no_answer(world: World) -> None:
    world.devnet.node(1, online=False)
    told, status = command()
    assert (status, "Inconclusive" in told) == (2, True)


def test_the_report_holds_both_sides(world: World, tmp_path: Path) -> None:
    pay(world, 1)
    attempt = Attempt.objects.get()
    ledger.correct(-4, currency=Currency.TRX, txid=attempt.txid, note="=cmd|' /C calc'!A0")
    file = tmp_path / "report.csv"
    command("--csv", str(file))
    table = list(csv.reader(file.open(newline="")))
    run = ReconciliationRun.objects.get()
    assert ["reconciliation", str(run.pk)] in table
    assert ["treasury", "49999.00", "49999.00", "0.00", "USDT"] in table
    header = table.index(list(report.COLUMNS))
    case = dict(zip(report.COLUMNS, table[header + 1], strict=True))
    assert (case["kind"], case["txid"]) == ("fee_differs", attempt.txid)
    assert (case["chain_to"], case["chain_amount"], case["chain_log_index"]) == (
        attempt.recipient_address,
        "1.00",
        "0",
    )
    assert case["books_payout"] == attempt.payout.payout_id
    rows = table[table.index(list(report.POSTED)) + 1 :]
    assert sorted(row[6] for row in rows) == ["TRX", "TRX", "USDT"]
    assert [row[9] for row in rows if row[9]] == ["'=cmd|' /C calc'!A0"]


def test_no_cell_of_the_report_is_a_formula() -> None:
    for text in ("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"):
        assert report.neutral(text) == f"'{text}"
    assert report.neutral("payout_1") == "payout_1"
    assert report.neutral(-1) == -1


def test_only_one_run_is_running_at_a_time(world: World) -> None:
    first = runs.take()
    assert first is not None
    assert first.state == "running"
    again = runs.take()
    assert again is not None
    assert again.pk == first.pk
