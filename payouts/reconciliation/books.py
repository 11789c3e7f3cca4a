"""The books' side: what the ledger says each transaction moved, and what the treasury should hold at a block."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import F, Max, Q, QuerySet, Sum

from payouts import ledger
from payouts.models.attempt import UNRESOLVED, Attempt, AttemptState
from payouts.models.cases import CaseEnd, ManualCase, UnknownTransfer
from payouts.models.cases import CaseKind as ManualKind
from payouts.models.chain import OrphanSignature, OrphanState
from payouts.models.ledger import Currency, LedgerAccount, LedgerTransfer, TransferKind
from payouts.models.payout import PayoutStatus
from payouts.models.reconciliation import CaseKind, ReconciliationCase
from payouts.sweeps import outstanding

_OURS = (ledger.TREASURY, ledger.TREASURY_TRX)
# What comes in is no part of what a transaction took out; what comes back from anywhere else corrects it.
_DEPOSITS = (ledger.DEPOSITS, ledger.DEPOSITS_TRX)


@dataclass(frozen=True, slots=True)
class BookedTransaction:
    """What posted ledger rows say that one transaction took out of the treasury: base units, and sun as fee."""

    txid: str
    usdt: int
    trx: int
    recipient: str = ""
    payout_id: str = ""
    attempt: int | None = None
    block_number: int | None = None
    rows: tuple[int, ...] = ()


@dataclass(slots=True)
class _Sum:
    usdt: int = 0
    trx: int = 0
    rows: list[int] = field(default_factory=list)


def posted() -> QuerySet[LedgerTransfer]:
    """Ledger rows that say that a transaction moved the treasury's money."""
    return LedgerTransfer.objects.filter(
        Q(credit__name__in=_OURS) | Q(debit__name__in=_OURS) & ~Q(credit__name__in=_DEPOSITS),
        kind__in=(TransferKind.POST, TransferKind.DIRECT),
    ).exclude(txid="")


def posted_of_blocks(first: int, last: int) -> QuerySet[LedgerTransfer]:
    """Those of our attempts in these blocks."""
    return posted().filter(txid__in=_ended_in(first, last).values("txid"))


def newest_row() -> int:
    """The id of the newest ledger row."""
    return LedgerTransfer.objects.aggregate(newest=Max("pk"))["newest"] or 0


def txids_between(after: int, up_to: int, *, most: int) -> tuple[list[str], int]:
    """Transactions of at most `most` posted ledger rows in (after, up_to], and the last row's id that was looked at."""
    rows = list(posted().filter(pk__gt=after, pk__lte=up_to).order_by("pk").values_list("pk", "txid")[:most])
    checked_to = rows[-1][0] if len(rows) == most else up_to
    return sorted({txid for _, txid in rows}), checked_to


def txids_of_blocks(first: int, last: int) -> set[str]:
    """Transactions that our attempts have posted in these blocks."""
    return set(_ended_in(first, last).values_list("txid", flat=True))


def _ended_in(first: int, last: int) -> QuerySet[Attempt]:
    return Attempt.objects.filter(
        block_number__range=(first, last), state__in=(AttemptState.SUCCEEDED, AttemptState.REVERTED)
    )


def booked(txids: Collection[str]) -> dict[str, BookedTransaction]:
    """What the ledger says of these transactions, by txid; those it doesn't know are left out."""
    sums: dict[str, _Sum] = defaultdict(_Sum)
    rows = posted().filter(txid__in=txids).select_related("debit", "credit").order_by("pk")
    for row in rows:
        sign = 1 if row.credit.name in _OURS else -1
        name = row.credit.name if sign > 0 else row.debit.name
        entry = sums[row.txid]
        entry.rows.append(row.pk)
        if name == ledger.TREASURY:
            entry.usdt += sign * row.amount
        else:
            entry.trx += sign * row.amount
    attempts = {
        attempt.txid: attempt
        for attempt in Attempt.objects.filter(txid__in=sums.keys()).select_related("payout")
    }
    # Two people have decided about a payout that went elsewhere too: whom it reached is no difference any more.
    decided = ManualCase.objects.filter(kind=ManualKind.PAID_DIFFERENTLY, end=CaseEnd.BOOKED)
    for txid in decided.filter(txid__in=attempts.keys()).values_list("txid", flat=True):
        attempts[txid].recipient_address = ""
    recipients = dict(
        OrphanSignature.objects.filter(txid__in=sums.keys()).values_list("txid", "recipient_address")
    ) | outstanding.destinations(sums.keys())
    return {
        txid: BookedTransaction(
            txid=txid,
            usdt=entry.usdt,
            trx=entry.trx,
            recipient=attempts[txid].recipient_address if txid in attempts else recipients.get(txid, ""),
            payout_id=attempts[txid].payout.payout_id if txid in attempts else "",
            attempt=attempts[txid].number if txid in attempts else None,
            block_number=attempts[txid].block_number if txid in attempts else None,
            rows=tuple(entry.rows),
        )
        for txid, entry in sums.items()
    }


def on_their_way(txids: Collection[str] | None = None) -> set[str]:
    """Our transactions that may stand in a final block and whose money isn't posted: of these, or all there are.

    Open attempts, those that paid differently from what was asked (people decide), sweeps' transfers and journal
    lines not judged yet.
    """
    attempts = Attempt.objects.filter(
        Q(state__in=UNRESOLVED)
        | Q(
            state=AttemptState.SUCCEEDED,
            payout__status=PayoutStatus.MANUAL,
            reservation__outcome__isnull=True,
        )
    )
    orphans = OrphanSignature.objects.filter(state=OrphanState.OPEN)
    if txids is not None:
        attempts, orphans = attempts.filter(txid__in=txids), orphans.filter(txid__in=txids)
    return {
        *attempts.values_list("txid", flat=True),
        *orphans.values_list("txid", flat=True),
        *outstanding.live(txids),
    }


@dataclass(frozen=True, slots=True)
class Expected:
    """What the treasury should hold at a block by posted rows and known cases: base units and sun.

    `on_their_way` isn't in it: our transactions that may have landed, with what is booked of them already.
    `deposits` tells whether somebody booked an inflow since.
    """

    usdt: int
    trx: int
    on_their_way: dict[str, BookedTransaction | None]
    deposits: tuple[int, int]


@transaction.atomic
def expected(block_number: int) -> Expected:
    """The books as of a final block that has been read already.

    What was posted meanwhile for later blocks is taken out again. The two accounts' rows are locked for this moment,
    so that totals and rows belong together.
    """
    holdings = _locked_holdings()
    later = Attempt.objects.filter(
        block_number__gt=block_number, state__in=(AttemptState.SUCCEEDED, AttemptState.REVERTED)
    ).values_list("txid", flat=True)
    taken_out = booked({*later, *outstanding.landed_after(block_number)}).values()
    by_cases = _transaction_cases()
    going = on_their_way()
    known = booked(going)
    return Expected(
        usdt=holdings[ledger.TREASURY]
        + sum(entry.usdt for entry in taken_out)
        + _balance_cases(Currency.USDT)
        + by_cases[0],
        trx=holdings[ledger.TREASURY_TRX]
        + sum(entry.trx for entry in taken_out)
        + _balance_cases(Currency.TRX)
        + by_cases[1],
        on_their_way={txid: known.get(txid) for txid in sorted(going)},
        deposits=deposits(),
    )


def deposits() -> tuple[int, int]:
    """What was ever booked as deposits: base units and sun."""
    rows = LedgerAccount.objects.filter(name__in=_DEPOSITS)
    totals = dict(rows.values_list("name", "credits_posted"))
    return totals[ledger.DEPOSITS], totals[ledger.DEPOSITS_TRX]


def has_case(txid: str) -> bool:
    """Whether a case has told of this transaction, so that `expected` leaves out what isn't booked of it."""
    return ReconciliationCase.objects.filter(txid=txid).exists()


def _locked_holdings() -> dict[str, int]:
    rows = LedgerAccount.objects.select_for_update().filter(name__in=_OURS).order_by("pk")
    return {row.name: row.debits_posted - row.credits_posted for row in rows}


def _balance_cases(currency: Currency) -> int:
    """What differences of balances add to the books, as long as nobody has booked them."""
    cases = ReconciliationCase.objects.filter(
        kind=CaseKind.BALANCE_DIFFERS, currency=currency, booking__isnull=True
    )
    return sum(case.difference for case in cases if not is_settled(case))


def is_settled(case: ReconciliationCase) -> bool:
    """Whether a balance's difference was booked: by its own act, or as unknown transfers that two people found."""
    if case.booking_id is not None:
        return True
    since = UnknownTransfer.objects.filter(at__gte=case.opened_at)
    found = since.aggregate(usdt=Sum("amount"), trx=Sum(F("trx") + F("fee")))
    gone = found["usdt"] if case.currency == Currency.USDT else found["trx"]
    return (gone or 0) >= -case.difference


def _transaction_cases() -> tuple[int, int]:
    """What is known by cases and not in the ledger: base units and sun that the books are too high by, negative."""
    on_chain = {
        case.txid: (case.chain_usdt, case.chain_trx)
        for case in ReconciliationCase.objects.exclude(txid="").order_by("pk")
    }
    in_books = booked(on_chain.keys())
    usdt = trx = 0
    for txid, (usdt_gone, trx_gone) in on_chain.items():
        entry = in_books.get(txid)
        usdt += (entry.usdt if entry else 0) - usdt_gone
        trx += (entry.trx if entry else 0) - trx_gone
    return usdt, trx
