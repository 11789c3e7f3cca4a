"""Whether payouts, ledger and chain say the same of a scope, in figures. All amounts base units and sun.

The chain's side is what reconciliation knows: a ledger row that it has compared counts as the chain shows it, which is
as booked unless a case says otherwise; what it hasn't compared yet counts as unknown, and never as agreed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from django.db.models import BooleanField, Count, ExpressionWrapper, F, Q, QuerySet, Sum

from payouts import ledger
from payouts.models.attempt import Attempt
from payouts.models.ledger import LedgerTransfer, TransferKind
from payouts.models.reconciliation import (
    CONCLUSIVE,
    ReconciliationCase,
    ReconciliationRun,
    RunState,
)
from payouts.reconciliation import books, runs
from payouts.reports.cells import Cell, Column, Kind, decimal
from payouts.reports.contents import Verdict
from payouts.reports.scopes import Scope

COLUMNS: Final = (
    Column("figure", Kind.LONG),
    Column("transactions", Kind.COUNT),
    Column("usdt", Kind.AMOUNT),
    Column("trx", Kind.AMOUNT),
    Column("note", Kind.HASH),
)
_OUT: Final = (ledger.TREASURY, ledger.TREASURY_TRX)
_IN: Final = (ledger.DEPOSITS, ledger.DEPOSITS_TRX)
_RECIPIENTS: Final = frozenset(ledger.PAYABLE.values())


@dataclass(slots=True)
class Sum3:
    """Transactions (or rows), base units, sun."""

    count: int = 0
    usdt: int = 0
    trx: int = 0

    def add(self, count: int, usdt: int, trx: int) -> None:
        self.count += count
        self.usdt += usdt
        self.trx += trx


@dataclass(slots=True)
class Agreement:
    """Each side's figures. `listed` are the report's own rows, filled in while they are written."""

    scope: Scope
    listed: Sum3 = field(default_factory=Sum3)
    unpaid: int = 0
    paid: Sum3 = field(default_factory=Sum3)
    fees: Sum3 = field(default_factory=Sum3)
    fees_of_attempts: int = 0
    otherwise: Sum3 = field(default_factory=Sum3)
    without_transaction: Sum3 = field(default_factory=Sum3)
    deposits: Sum3 = field(default_factory=Sum3)
    out: Sum3 = field(default_factory=Sum3)
    compared: Sum3 = field(default_factory=Sum3)
    differences: Sum3 = field(default_factory=Sum3)
    cases: list[int] = field(default_factory=list)
    last: ReconciliationRun | None = None

    @property
    def not_compared(self) -> Sum3:
        return Sum3(
            self.out.count - self.compared.count,
            self.out.usdt - self.compared.usdt,
            self.out.trx - self.compared.trx,
        )

    @property
    def chain(self) -> Sum3:
        return Sum3(
            self.compared.count,
            self.compared.usdt + self.differences.usdt,
            self.compared.trx + self.differences.trx,
        )

    def verdict(self) -> Verdict:
        wrong = []
        if self.listed.usdt != self.paid.usdt or self.listed.count != self.paid.count:
            wrong.append(
                f"the payouts come to {decimal(self.listed.usdt)} USDT and the ledger to {decimal(self.paid.usdt)}"
            )
        if self.fees.trx != self.fees_of_attempts:
            wrong.append(
                f"the attempts burned {decimal(self.fees_of_attempts)} TRX and the ledger has {decimal(self.fees.trx)}"
            )
        if self.differences.usdt or self.differences.trx:
            numbers = ", ".join(str(number) for number in self.cases)
            wrong.append(
                f"the chain shows {decimal(self.differences.usdt)} USDT and {decimal(self.differences.trx)} TRX more"
                f" than the ledger (reconciliation's cases {numbers})"
            )
        if wrong:
            return Verdict(False, f"Payouts, ledger and chain differ: {'; '.join(wrong)}."[:500])
        if self.not_compared.count:
            return Verdict(
                None,
                f"Payouts and ledger agree: {decimal(self.paid.usdt)} USDT. {self.not_compared.count} ledger rows of"
                f" {decimal(self.not_compared.usdt)} USDT are not compared with the chain yet.",
            )
        return Verdict(
            True,
            f"Payouts, ledger and chain agree: {decimal(self.paid.usdt)} USDT in {self.paid.count} payments,"
            f" {decimal(self.fees.trx)} TRX burned.",
        )

    def rows(self) -> Iterator[tuple[Cell, ...]]:
        """The sheet of figures."""
        yield (
            "Paid, by the payouts listed",
            self.listed.count,
            self.listed.usdt,
            self.listed.trx,
            ("fees of the paying transactions"),
        )
        yield "Not paid, listed", self.unpaid, None, None, ""
        yield (
            "Paid, by the ledger",
            self.paid.count,
            self.paid.usdt,
            None,
            "posted from the treasury to recipients",
        )
        yield (
            "Fees, by the ledger",
            self.fees.count,
            None,
            self.fees.trx,
            "reverted transactions burn fees too",
        )
        yield "Fees, by the attempts", None, None, self.fees_of_attempts, "as the chain charged them"
        yield (
            "Moved otherwise, by the ledger", self.otherwise.count, self.otherwise.usdt, self.otherwise.trx,
            "to or from suspense and losses, and swept",
        )  # fmt: skip
        if self.scope.start is not None:
            yield (
                "Booked without a transaction", self.without_transaction.count, self.without_transaction.usdt,
                self.without_transaction.trx, "corrections that people made, out of the treasury",
            )  # fmt: skip
            yield (
                "Came in, by the ledger",
                self.deposits.count,
                self.deposits.usdt,
                self.deposits.trx,
                "deposits",
            )
        yield (
            "Out of the treasury, by the ledger",
            self.out.count,
            self.out.usdt,
            self.out.trx,
            ("rows that name a transaction"),
        )
        yield (
            "The same, by the chain",
            self.chain.count,
            self.chain.usdt,
            self.chain.trx,
            _run_words(self.last),
        )
        yield (
            "Chain less ledger",
            None,
            self.differences.usdt,
            self.differences.trx,
            (f"cases {', '.join(map(str, self.cases))}" if self.cases else "no difference is known"),
        )
        open_rows = self.not_compared
        yield "Not compared with the chain yet", open_rows.count, open_rows.usdt, open_rows.trx, ""
        yield from _balances(self.scope)
        yield "Verdict", None, None, None, self.verdict().words


def of(scope: Scope) -> Agreement:
    """The ledger's and the chain's sides; the payouts' own is added row by row."""
    found = Agreement(scope, last=runs.latest_whole())
    compared_to = (found.last.rows_to if found.last else None) or 0
    _ledger_side(found, scope, compared_to)
    fee_rows = LedgerTransfer.objects.filter(
        scope.ledger, debit__name=ledger.FEES, kind=TransferKind.DIRECT, payout__isnull=False
    )
    burned = Attempt.objects.filter(txid__in=fee_rows.values("txid")).aggregate(total=Sum("fee"))["total"]
    found.fees_of_attempts = burned or 0
    for case in _cases(scope):
        entry = books.booked([case.txid]).get(case.txid)
        usdt = case.chain_usdt - (entry.usdt if entry else 0)
        trx = case.chain_trx - (entry.trx if entry else 0)
        if usdt or trx:
            found.differences.add(1, usdt, trx)
            found.cases.append(case.pk)
    return found


def _ledger_side(found: Agreement, scope: Scope, compared_to: int) -> None:
    seen = Q(pk__lte=compared_to)
    groups = (
        LedgerTransfer.objects.filter(scope.ledger, kind__in=(TransferKind.POST, TransferKind.DIRECT))
        .annotate(of_payout=ExpressionWrapper(Q(payout__isnull=False), BooleanField()))
        .order_by()
        .values_list("debit__name", "credit__name", "of_payout")
        .annotate(
            count=Count("pk", filter=~Q(txid="")),
            total=Sum("amount", filter=~Q(txid=""), default=0),
            compared=Count("pk", filter=seen & ~Q(txid="")),
            compared_total=Sum("amount", filter=seen & ~Q(txid=""), default=0),
            bare=Count("pk", filter=Q(txid="")),
            bare_total=Sum("amount", filter=Q(txid=""), default=0),
        )
    )
    for debit, credit, of_payout, count, total, seen_count, seen_total, bare, bare_total in groups:
        if credit in _IN:
            usdt, trx = _split(debit, total + bare_total)
            found.deposits.add(count + bare, usdt, trx)
            continue
        if credit not in _OUT and debit not in _OUT:
            continue
        # What comes back from suspense is less that left.
        ours, sign = (credit, 1) if credit in _OUT else (debit, -1)
        usdt, trx = _split(ours, sign * total)
        found.out.add(count, usdt, trx)
        found.compared.add(seen_count, *_split(ours, sign * seen_total))
        found.without_transaction.add(bare, *_split(ours, sign * bare_total))
        if debit in _RECIPIENTS:
            found.paid.add(count, usdt, trx)
        elif debit == ledger.FEES and of_payout:
            found.fees.add(count, usdt, trx)
        else:
            found.otherwise.add(count, usdt, trx)


def _split(account: str, units: int) -> tuple[int, int]:
    return (units, 0) if account == ledger.TREASURY else (0, units)


def _cases(scope: Scope) -> Iterator[ReconciliationCase]:
    """A case for each transaction of the scope that has any; in a period, also for those that no row names."""
    theirs = Q(txid__in=books.posted().filter(scope.ledger).values("txid"))
    if scope.start is not None:
        theirs |= Q(block_time__gte=scope.start, block_time__lt=scope.end)
    told: set[str] = set()
    for case in ReconciliationCase.objects.filter(theirs).exclude(txid="").order_by("pk"):
        if case.txid not in told:
            told.add(case.txid)
            yield case


def _balances(scope: Scope) -> Iterator[tuple[Cell, ...]]:
    """What reconciliation saw the treasury hold: the first time after the period, or the last time there is."""
    whole: QuerySet[ReconciliationRun] = ReconciliationRun.objects.filter(ranged=False)
    conclusive = whole.filter(state__in=CONCLUSIVE, chain_usdt__isnull=False)
    run = None
    if scope.end is not None:
        run = conclusive.filter(ended_at__gte=scope.end).order_by("ended_at").first()
        states = dict(
            whole.filter(ended_at__gte=scope.start, ended_at__lt=scope.end)
            .order_by()
            .values_list("state")
            .annotate(count=Count("pk"))
        )
        yield (
            "Reconciliations in this time", sum(states.values()), None, None,
            ", ".join(f"{RunState(state).label}: {count}" for state, count in sorted(states.items())),
        )  # fmt: skip
    run = run or conclusive.order_by(F("ended_at").desc()).first()
    if run is None:
        yield "Treasury", None, None, None, "chain and books were not compared yet"
        return
    words = _run_words(run)
    yield "Treasury holds, by the chain", None, run.chain_usdt, run.chain_trx, words
    yield "Treasury holds, by the books", None, run.books_usdt, run.books_trx, words


def _run_words(run: ReconciliationRun | None) -> str:
    if run is None:
        return "chain and books were not compared yet"
    ended = f"{run.ended_at:%Y-%m-%d %H:%M:%S} UTC" if run.ended_at else ""
    return f"reconciliation {run.pk}, {ended}, at block {run.to_block}"
