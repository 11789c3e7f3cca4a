"""The accountant's export: what was booked, an entry a day for each pair of accounts, and each account's balance.

USDT and TRX are journals of their own and are never added up. Reservations (pending, voided) are no bookings and don't
stand in it. An entry is two lines of one amount; a day's balances follow from the day before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import TruncDate

from lucid_payments import clock
from payouts import ledger
from payouts.models.ledger import Currency, LedgerAccount, LedgerTransfer, TransferKind
from payouts.models.report import Report
from payouts.reports import scopes
from payouts.reports.cells import Cell, Column, Kind, decimal
from payouts.reports.contents import Content, Verdict
from payouts.reports.sheets import Sheet

TITLES: Final = {
    ledger.TREASURY: "Treasury, USDT",
    ledger.DEPOSITS: "Deposits received",
    ledger.SUSPENSE: "Suspense, to be explained",
    ledger.LOSSES: "Losses",
    ledger.SWEPT: "Swept to a key's destination",
    ledger.PAYABLE["PayoutRouterV0"]: "Paid to recipients, V0 router",
    ledger.PAYABLE["PayoutRouterKYC"]: "Paid to recipients, KYC router",
    ledger.TREASURY_TRX: "Treasury, TRX",
    ledger.DEPOSITS_TRX: "Deposits received, TRX",
    ledger.SUSPENSE_TRX: "Suspense, TRX",
    ledger.LOSSES_TRX: "Losses, TRX",
    ledger.SWEPT_TRX: "Swept to a key's destination, TRX",
    ledger.FEES: "Network fees burned",
}
ENTRIES: Final = (
    Column("day", Kind.DAY),
    Column("entry"),
    Column("account"),
    Column("account_title", Kind.LONG),
    Column("debit", Kind.AMOUNT),
    Column("credit", Kind.AMOUNT),
    Column("bookings", Kind.COUNT),
    Column("text", Kind.LONG),
)
BALANCES: Final = (
    Column("day", Kind.DAY),
    Column("currency"),
    Column("account"),
    Column("account_title", Kind.LONG),
    Column("opening", Kind.AMOUNT),
    Column("debit", Kind.AMOUNT),
    Column("credit", Kind.AMOUNT),
    Column("closing", Kind.AMOUNT),
)
FIGURES: Final = (
    Column("figure", Kind.LONG),
    Column("usdt", Kind.AMOUNT),
    Column("trx", Kind.AMOUNT),
    Column("note", Kind.HASH),
)
_BOOKED: Final = Q(kind__in=(TransferKind.POST, TransferKind.DIRECT))


@dataclass(frozen=True, slots=True)
class Entry:
    """What one account was debited and another credited on one day, in base units or sun."""

    day: date
    debit: str
    credit: str
    currency: str
    amount: int
    bookings: int


@dataclass(frozen=True, slots=True)
class _Books:
    """The entries of the period in order, and each account's balance before it; debits count up."""

    start: date
    end: date
    entries: list[Entry]
    opening: dict[str, int]
    # What the rows after the period add, and what each account says it holds: both against what the rows say.
    later: dict[str, int]
    told: dict[str, int]

    def closing(self) -> dict[str, int]:
        held = dict(self.opening)
        for entry in self.entries:
            held[entry.debit] += entry.amount
            held[entry.credit] -= entry.amount
        return held

    def verdict(self) -> Verdict:
        closing = self.closing()
        off = sorted(name for name in closing if closing[name] + self.later[name] != self.told[name])
        for currency in Currency:
            total = sum(units for name, units in closing.items() if ledger.ACCOUNTS[name] == currency)
            if total:
                return Verdict(
                    False, f"The balances of {currency} come to {decimal(total)} and not to nothing."
                )
        if off:
            return Verdict(False, f"The rows of {', '.join(off)} don't come to what the account holds."[:500])
        return Verdict(
            True,
            f"Debits and credits are equal in {len(self.entries)} entries, and every account holds what its rows say.",
        )


def build(report: Report) -> Content:
    parameters = report.parameters
    start, end = (
        (scopes.day_of(parameters["from"]), scopes.day_of(parameters["to"]) + timedelta(days=1))
        if "from" in parameters
        else scopes.month_of(parameters["month"])
    )
    found = _read(start, end)

    def sheets() -> Iterator[Sheet]:
        for currency in Currency:
            yield Sheet(f"Journal {currency}", ENTRIES, _lines(found, currency))
        yield Sheet("Balances", BALANCES, _balances(found))
        yield Sheet("Figures", FIGURES, _figures(report, found))

    return Content(len(found.entries) * 2, sheets, found.verdict)


def _read(start: date, end: date) -> _Books:
    first, last = (datetime.combine(day, time(), UTC) for day in (start, end))
    groups = (
        LedgerTransfer.objects.filter(_BOOKED, at__gte=first, at__lt=last)
        .annotate(day=TruncDate("at", tzinfo=UTC))
        .order_by("day", "debit__currency", "debit__name", "credit__name")
        .values_list("day", "debit__name", "credit__name", "debit__currency")
        .annotate(total=Sum("amount"), bookings=Count("pk"))
    )
    told = LedgerAccount.objects.annotate(holds=F("debits_posted") - F("credits_posted"))
    return _Books(
        start,
        end,
        [Entry(*row) for row in groups],
        _moved(Q(at__lt=first)),
        _moved(Q(at__gte=last)),
        dict(told.values_list("name", "holds")),
    )


def _moved(when: Q) -> dict[str, int]:
    """Debits less credits of each account by the rows of this time."""
    moved = dict.fromkeys(ledger.ACCOUNTS, 0)
    rows = LedgerTransfer.objects.filter(_BOOKED, when).order_by()
    for side, sign in (("debit__name", 1), ("credit__name", -1)):
        for name, total in rows.values_list(side).annotate(total=Sum("amount")):
            moved[name] += sign * total
    return moved


def _lines(found: _Books, currency: str) -> Iterator[tuple[Cell, ...]]:
    """Two lines an entry. Numbers begin anew every day, so that a later export numbers a day the same."""
    numbers: dict[date, int] = defaultdict(int)
    for entry in found.entries:
        if entry.currency != currency:
            continue
        numbers[entry.day] += 1
        name = f"{entry.day}/{currency}/{numbers[entry.day]}"
        text = f"{TITLES[entry.debit]} from {TITLES[entry.credit]}"
        amount, bookings = entry.amount, entry.bookings
        yield entry.day, name, entry.debit, TITLES[entry.debit], amount, None, bookings, text
        yield entry.day, name, entry.credit, TITLES[entry.credit], None, amount, bookings, text


def _balances(found: _Books) -> Iterator[tuple[Cell, ...]]:
    """Each account that holds or moved something, on each day with bookings."""
    held = dict(found.opening)
    for day in sorted({entry.day for entry in found.entries}):
        debits: dict[str, int] = defaultdict(int)
        credits: dict[str, int] = defaultdict(int)
        for entry in found.entries:
            if entry.day == day:
                debits[entry.debit] += entry.amount
                credits[entry.credit] += entry.amount
        for name, currency in ledger.ACCOUNTS.items():
            opening = held[name]
            held[name] = opening + debits[name] - credits[name]
            if opening or held[name] or debits[name]:
                yield (
                    day,
                    currency.value,
                    name,
                    TITLES[name],
                    opening,
                    debits[name],
                    credits[name],
                    held[name],
                )


def _figures(report: Report, found: _Books) -> Iterator[tuple[Cell, ...]]:
    now = clock.now()
    last = found.end - timedelta(days=1)
    yield "Journal", None, None, f"{found.start} to {last} (UTC), both included"
    yield "Made for", None, None, f"{report.maker_label}, as of {now:%Y-%m-%d %H:%M:%S} UTC"
    yield "Deployment", None, None, f"{settings.DEPLOYMENT}, {settings.TRON_NETWORK}"
    if found.end > now.date():
        yield "Not over", None, None, "this time isn't over yet: further bookings will come"
    by_currency = {
        currency: sum(entry.amount for entry in found.entries if entry.currency == currency)
        for currency in Currency
    }
    for words in ("Debits", "Credits"):
        yield words, by_currency[Currency.USDT], by_currency[Currency.TRX], ""
    closing = found.closing()
    for words, held in (("Treasury before", found.opening), ("Treasury after", closing)):
        yield words, held[ledger.TREASURY], held[ledger.TREASURY_TRX], ""
    yield (
        "Treasury now, by the accounts", found.told[ledger.TREASURY], found.told[ledger.TREASURY_TRX],
        "running totals, kept apart from the rows",
    )  # fmt: skip
    yield "Verdict", None, None, found.verdict().words
