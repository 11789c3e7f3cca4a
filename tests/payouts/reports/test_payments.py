"""Reports of days, months and batches: each payout once, and what payouts, ledger and chain say of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lucid_payments import clock
from lucid_payments.accounts.models import User
from payouts import ledger
from payouts.models import LedgerTransfer, Payout, PayoutBatch, Report
from payouts.models.ledger import Currency
from tests.payouts.admin import compared, world
from tests.payouts.admin.compared import USDT
from tests.payouts.reports import made

pytestmark = pytest.mark.django_db


@pytest.fixture
def service() -> User:
    return world.user("service")


@pytest.fixture
def maker() -> User:
    return world.user("admin")


def paid(service: User, **changes: Any) -> Payout:
    """Confirmed, with its attempt, its posted row and its fee."""
    ledger.book_inflow(100 * USDT, note="test funds")
    payout = world.payout(service, "confirmed", **changes)
    attempt = world.attempt(payout, "succeeded")
    ledger.book_fees([attempt])
    return payout


def today() -> str:
    return str(clock.now().date())


def day_report(maker: User) -> Report:
    return made.report(maker, "day", today(), day=today())


def reconciled(state: str = "clean") -> Any:
    last = LedgerTransfer.objects.latest("pk").pk
    return compared.run(state, rows_to=last, rows_checked_to=last)


def test_a_day_that_all_sides_agree_about_says_so_with_the_figures(service: User, maker: User) -> None:
    first, second = paid(service), paid(service, amount=7_000_001)
    world.payout(service, "failed")
    world.payout(service, "scheduled")
    reconciled()
    report = day_report(maker)
    assert (report.state, report.agrees) == ("done", True)
    assert (
        report.verdict == "Payouts, ledger and chain agree: 12.500001 USDT in 2 payments, 27.00 TRX burned."
    )
    rows = made.table(report, "Payouts")
    assert [(row["payout_id"], row["paid_usdt"], row["fee_trx"]) for row in rows[:2]] == [
        (first.payout_id, "5.50", "13.50"),
        (second.payout_id, "7.000001", "13.50"),
    ]
    assert [(row["status"], row["paid_usdt"], row["txid"]) for row in rows[2:]] == [("failed", "0.00", "")]
    figures = made.figures(report)
    for figure in ("Paid, by the payouts listed", "Paid, by the ledger"):
        assert (figures[figure]["transactions"], figures[figure]["usdt"]) == ("2", "12.500001")
    for figure in ("Out of the treasury, by the ledger", "The same, by the chain"):
        assert (figures[figure]["usdt"], figures[figure]["trx"]) == ("12.500001", "27.00"), figure
    assert figures["Verdict"]["note"] == report.verdict
    assert figures["Treasury holds, by the chain"]["usdt"] == "24993.00"
    assert "Not over" in figures


def test_the_workbook_holds_what_the_csv_files_hold(service: User, maker: User) -> None:
    paid(service, reason="=cmd|' /C calc'!A0")
    report = day_report(maker)
    book = made.workbook(report)
    assert book.sheetnames == ["Payouts", "Figures"]
    heading, row = list(book["Payouts"].iter_rows(values_only=True))
    cells = dict(zip(heading, row, strict=True))
    assert cells["reason"] == made.table(report, "Payouts")[0]["reason"] == "'=cmd|' /C calc'!A0"
    assert cells["amount_usdt"] == 5.5
    assert report.rows == 1 + len(made.table(report, "Figures"))


def test_another_day_s_payouts_stand_in_another_day_s_report(service: User, maker: User) -> None:
    paid(service)
    tomorrow = clock.now() + timedelta(days=1)
    clock.freeze(tomorrow)
    world.payout(service, "failed")
    report = day_report(maker)
    assert report.about == str(tomorrow.date())
    assert [row["status"] for row in made.table(report, "Payouts")] == ["failed"]
    assert made.figures(report)["Paid, by the ledger"]["usdt"] == "0.00"
    before = made.report(maker, "day", "before", day=str((tomorrow - timedelta(days=1)).date()))
    assert [row["status"] for row in made.table(before, "Payouts")] == ["confirmed"]


def test_a_month_is_the_sum_of_its_days(service: User, maker: User) -> None:
    start = clock.now().replace(day=1, hour=23, minute=59, second=59) + timedelta(days=32)
    for day in (27, 28):
        clock.freeze(start.replace(day=day))
        paid(service)
    month = f"{start:%Y-%m}"
    days = [made.report(maker, "day", "a day", day=f"{month}-{day}") for day in (27, 28)]
    whole = made.report(maker, "month", month, month=month)
    assert made.figures(whole)["Paid, by the ledger"]["usdt"] == "11.00"
    assert made.table(whole, "Payouts") == [row for day in days for row in made.table(day, "Payouts")]


def test_a_batch_lists_each_of_its_payouts_however_it_stands(service: User, maker: User) -> None:
    batch = PayoutBatch.objects.create(
        creator=service, priority=2, batch_type="HOURLY", total_payouts=2, total_amount=11 * USDT
    )
    paid(service, batch=batch)
    world.payout(service, "scheduled", "slot", batch=batch)
    paid(service)
    report = made.report(maker, "batch", batch.batch_id, batch=batch.batch_id)
    assert [row["status"] for row in made.table(report, "Payouts")] == ["confirmed", "scheduled"]
    assert made.figures(report)["Paid, by the ledger"]["usdt"] == "5.50"


def test_what_was_not_compared_with_the_chain_never_counts_as_agreed(service: User, maker: User) -> None:
    paid(service)
    assert day_report(maker).agrees is None
    reconciled()
    assert day_report(maker).agrees is True
    paid(service)
    report = day_report(maker)
    assert report.agrees is None
    # The payment and its fee.
    assert report.verdict.endswith("2 ledger rows of 5.50 USDT are not compared with the chain yet.")
    assert made.figures(report)["The same, by the chain"]["usdt"] == "5.50"


def test_a_difference_that_reconciliation_found_is_told(service: User, maker: User) -> None:
    payout = paid(service)
    run = reconciled("differences")
    case = compared.fee_differs(run, payout.attempts.get())
    report = day_report(maker)
    assert report.agrees is False
    assert f"-0.0001 TRX more than the ledger (reconciliation's cases {case.pk})" in report.verdict
    figures = made.figures(report)
    assert figures["The same, by the chain"]["trx"] == "13.4999"
    assert figures["Chain less ledger"]["trx"] == "-0.0001"


def test_what_left_and_no_row_names_is_a_difference_of_its_day(service: User, maker: User) -> None:
    paid(service)
    case = compared.stolen(reconciled("differences"))
    report = day_report(maker)
    assert (report.agrees, f"cases {case.pk})" in report.verdict) == (False, True)
    assert made.figures(report)["Chain less ledger"]["usdt"] == "7.00"
    ledger.book_unknown(7 * USDT, trx=0, fee=13_500_000, txid=compared.STOLEN, account=ledger.LOSSES)
    reconciled()
    booked = day_report(maker)
    assert booked.agrees is True
    assert made.figures(booked)["Moved otherwise, by the ledger"]["usdt"] == "7.00"


def test_a_ledger_row_that_no_payout_stands_behind_is_told(service: User, maker: User) -> None:
    payout = paid(service)
    row = payout.ledger_transfers.get(kind="post")
    LedgerTransfer.objects.create(
        kind="direct", debit=row.debit, credit=row.credit, amount=1, txid=compared.NOWHERE
    )
    reconciled()
    report = day_report(maker)
    assert report.agrees is False
    assert "the payouts come to 5.50 USDT and the ledger to 5.500001" in report.verdict


def test_deposits_and_corrections_stand_beside_what_was_paid(service: User, maker: User) -> None:
    paid(service)
    ledger.correct(-2 * USDT, currency=Currency.USDT, txid="", note="a balance's case")
    reconciled()
    figures = made.figures(day_report(maker))
    assert figures["Came in, by the ledger"]["usdt"] == "100.00"
    assert figures["Booked without a transaction"]["usdt"] == "2.00"
    assert figures["Out of the treasury, by the ledger"]["usdt"] == "5.50"
