"""The accountant's journal: balanced day by day, and its balances are the accounts'."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal

import pytest

from lucid_payments import clock
from payouts import ledger
from payouts.models import LedgerAccount, Report
from payouts.models.ledger import Currency
from payouts.reports.journal import TITLES
from tests.payouts.admin import world
from tests.payouts.admin.compared import USDT
from tests.payouts.reports import made

pytestmark = pytest.mark.django_db


def journal(first: object, last: object) -> Report:
    maker = world.user("admin")
    return made.report(maker, "journal", "a time", **{"from": str(first), "to": str(last)})


def two_days() -> tuple[object, object]:
    """A treasury funded on one day; on the next a gift, a correction, and fees of a transaction without a payout."""
    start = clock.now().replace(hour=10)
    clock.freeze(start)
    ledger.book_inflow(100 * USDT, note="test funds")
    ledger.book_inflow(50 * USDT, note="TRX", currency=Currency.TRX)
    clock.freeze(start + timedelta(days=1))
    ledger.correct(-3 * USDT, currency=Currency.USDT, txid="", note="a case")
    ledger.correct(-1, currency=Currency.USDT, txid="", note="another")
    ledger.book_orphan(5 * USDT, fee=13_500_000, txid="0a" * 32)
    return start.date(), (start + timedelta(days=1)).date()


def test_every_account_has_a_title() -> None:
    assert TITLES.keys() == ledger.ACCOUNTS.keys()


def test_each_entry_is_two_lines_of_one_amount_and_currencies_stay_apart() -> None:
    first, second = two_days()
    report = journal(first, second)
    assert (report.state, report.agrees) == ("done", True)
    assert made.workbook(report).sheetnames == ["Journal USDT", "Journal TRX", "Balances", "Figures"]
    usdt, trx = made.table(report, "Journal USDT"), made.table(report, "Journal TRX")
    assert [(row["entry"], row["account"], row["debit"], row["credit"]) for row in usdt] == [
        (f"{first}/USDT/1", "treasury", "100.00", ""),
        (f"{first}/USDT/1", "deposits", "", "100.00"),
        (f"{second}/USDT/1", "suspense", "8.000001", ""),
        (f"{second}/USDT/1", "treasury", "", "8.000001"),
    ]
    assert [row["bookings"] for row in usdt[2:]] == ["3", "3"]
    assert [(row["account"], row["debit"] or row["credit"]) for row in trx if row["day"] == str(second)] == [
        ("fees", "13.50"),
        ("treasury_trx", "13.50"),
    ]
    for rows in (usdt, trx):
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for row in rows:
            sums[row["entry"]] += Decimal(row["debit"] or 0) - Decimal(row["credit"] or 0)
        assert set(sums.values()) == {Decimal(0)}


def test_balances_follow_from_the_day_before_and_end_where_the_accounts_are() -> None:
    first, second = two_days()
    balances = made.table(journal(second, second), "Balances")
    held = {row["account"]: row for row in balances}
    assert (held["treasury"]["opening"], held["treasury"]["credit"]) == ("100.00", "8.000001")
    for row in LedgerAccount.objects.filter(name__in=held):
        assert Decimal(held[row.name]["closing"]).scaleb(6) == row.debits_posted - row.credits_posted
    for currency in Currency:
        assert sum(Decimal(row["closing"]) for row in balances if row["currency"] == currency) == 0
    earlier = {row["account"]: row["closing"] for row in made.table(journal_again(first), "Balances")}
    assert {name: row["opening"] for name, row in held.items() if name in earlier} == earlier


def journal_again(day: object) -> Report:
    maker = world.user("payout_approver")
    return made.report(maker, "journal", "a day", **{"from": str(day), "to": str(day)})


def test_an_account_that_holds_other_than_its_rows_say_is_told() -> None:
    first, second = two_days()
    LedgerAccount.objects.filter(name="suspense").update(debits_posted=1)
    report = journal(first, second)
    assert report.agrees is False
    assert report.verdict == "The rows of suspense don't come to what the account holds."


def test_reservations_are_no_bookings() -> None:
    ledger.book_inflow(100 * USDT, note="test funds")
    ledger.reserve([world.payout(world.user("service"))])
    today = clock.now().date()
    accounts = {row["account"] for row in made.table(journal(today, today), "Journal USDT")}
    assert accounts == {"treasury", "deposits"}
