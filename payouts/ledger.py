"""The books: what is reserved, paid, burned and received, in double entry.

Amounts are base units (USDT) or sun (TRX). Callers hold a transaction; account rows are updated once per batch,
in name order, after the transfers are written. A pending transfer's outcome is unique in the database, so a
second post or void of it raises IntegrityError, whoever tries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import F

from payouts.models.attempt import Attempt
from payouts.models.ledger import Currency, LedgerAccount, LedgerTransfer, TransferKind
from payouts.models.payout import Payout
from routers.choices import RouterType

TREASURY = "treasury"
DEPOSITS = "deposits"
SUSPENSE = "suspense"
LOSSES = "losses"
SWEPT = "swept"
TREASURY_TRX = "treasury_trx"
DEPOSITS_TRX = "deposits_trx"
SUSPENSE_TRX = "suspense_trx"
LOSSES_TRX = "losses_trx"
SWEPT_TRX = "swept_trx"
FEES = "fees"
PAYABLE: dict[str, str] = {RouterType.V0: "payable_v0", RouterType.KYC: "payable_kyc"}

ACCOUNTS: dict[str, Currency] = {
    TREASURY: Currency.USDT,
    DEPOSITS: Currency.USDT,
    SUSPENSE: Currency.USDT,
    LOSSES: Currency.USDT,
    SWEPT: Currency.USDT,
    PAYABLE[RouterType.V0]: Currency.USDT,
    PAYABLE[RouterType.KYC]: Currency.USDT,
    TREASURY_TRX: Currency.TRX,
    DEPOSITS_TRX: Currency.TRX,
    SUSPENSE_TRX: Currency.TRX,
    LOSSES_TRX: Currency.TRX,
    SWEPT_TRX: Currency.TRX,
    FEES: Currency.TRX,
}


@dataclass(frozen=True, slots=True)
class Balance:
    """Base units or sun. `available` is what a new reservation may take."""

    posted: int
    pending_out: int

    @property
    def available(self) -> int:
        return self.posted - self.pending_out


def treasury_balance() -> Balance:
    """What the books say the treasury holds in USDT, and how much of it is reserved."""
    row = LedgerAccount.objects.get(name=TREASURY)
    return Balance(posted=row.debits_posted - row.credits_posted, pending_out=row.credits_pending)


def reserve(payouts: Sequence[Payout]) -> list[LedgerTransfer]:
    """Set each payout's amount aside for it (pending: debit payable, credit treasury)."""
    names = _account_ids()
    pending = LedgerTransfer.objects.bulk_create(
        LedgerTransfer(
            kind=TransferKind.PENDING,
            debit_id=names[PAYABLE[payout.router_type]],
            credit_id=names[TREASURY],
            amount=payout.amount,
            payout=payout,
        )
        for payout in payouts
    )
    _apply(pending, pending_sign=1, posted=False)
    return pending


def post(attempts: Sequence[Attempt]) -> None:
    """The reserved amounts have left the treasury, each by its attempt's transaction."""
    _apply(_outcomes(attempts, TransferKind.POST), pending_sign=-1, posted=True)


def void(attempts: Sequence[Attempt]) -> None:
    """The reserved amounts are free again: these attempts can never pay."""
    _apply(_outcomes(attempts, TransferKind.VOID), pending_sign=-1, posted=False)


def book_fees(attempts: Iterable[Attempt]) -> None:
    """What the chain really burned for attempts in solid blocks, in sun (paid or reverted alike)."""
    names = _account_ids()
    _direct(
        LedgerTransfer(
            kind=TransferKind.DIRECT,
            debit_id=names[FEES],
            credit_id=names[TREASURY_TRX],
            amount=attempt.fee,
            payout_id=attempt.payout_id,
            txid=attempt.txid,
        )
        for attempt in attempts
        if attempt.fee
    )


def book_inflow(amount: int, *, note: str, currency: Currency = Currency.USDT, txid: str = "") -> None:
    """Something came into the treasury (base units or sun): a top-up or a stranger's gift."""
    names = _account_ids()
    treasury, deposits = (TREASURY, DEPOSITS) if currency == Currency.USDT else (TREASURY_TRX, DEPOSITS_TRX)
    _direct(
        [
            LedgerTransfer(
                kind=TransferKind.DIRECT,
                debit_id=names[treasury],
                credit_id=names[deposits],
                amount=amount,
                txid=txid,
                note=note,
            )
        ]
    )


def correct(amount: int, *, currency: Currency, txid: str, note: str) -> LedgerTransfer:
    """Set the treasury's books right by so much (base units or sun; negative: it holds less), after people decided."""
    names = _account_ids()
    ours, other = (TREASURY, SUSPENSE) if currency == Currency.USDT else (TREASURY_TRX, FEES)
    debit, credit = (ours, other) if amount > 0 else (other, ours)
    (row,) = _direct(
        [
            LedgerTransfer(
                kind=TransferKind.DIRECT,
                debit_id=names[debit],
                credit_id=names[credit],
                amount=abs(amount),
                txid=txid,
                note=note,
            )
        ]
    )
    return row


def book_orphan(amount: int, *, fee: int, txid: str) -> None:
    """A transaction that we signed and no payout of ours carries has left the treasury (base units, and sun)."""
    moved = [(SUSPENSE, TREASURY, amount), (FEES, TREASURY_TRX, fee)]
    _book_leaving(moved, txid=txid, note="of the signer's journal, without a payout")


def book_sweep(usdt: int, *, trx: int, fee: int, txid: str, destination: str) -> None:
    """A sweep has left the treasury for its key's destination (base units, sun, sun)."""
    moved = [(SWEPT, TREASURY, usdt), (SWEPT_TRX, TREASURY_TRX, trx), (FEES, TREASURY_TRX, fee)]
    _book_leaving(moved, txid=txid, note=f"swept to {destination}")


def post_as_moved(attempt: Attempt, *, reached: int, elsewhere: int) -> None:
    """What really left the treasury (base units): the recipient's part ends the reservation, the rest is suspense.

    A reservation may be posted at less than it was made for; what is left of it is free again.
    """
    reserved = LedgerTransfer.objects.get(pk=attempt.reservation_id)
    paid = min(reached, reserved.amount)
    outcome = LedgerTransfer.objects.create(
        kind=TransferKind.POST if paid else TransferKind.VOID,
        debit_id=reserved.debit_id,
        credit_id=reserved.credit_id,
        amount=paid or reserved.amount,
        pending_id=reserved.pk,
        payout_id=attempt.payout_id,
        txid=attempt.txid,
    )
    names = _account_ids()
    beyond = [
        LedgerTransfer(
            kind=TransferKind.DIRECT,
            debit_id=names[SUSPENSE],
            credit_id=names[TREASURY],
            amount=units,
            payout_id=attempt.payout_id,
            txid=attempt.txid,
            note="moved beside what was asked",
        )
        for units in [reached - paid + elsewhere]
        if units
    ]
    # Both in one turn over the accounts, in their order.
    _apply([reserved], pending_sign=-1, posted=False)
    _apply(
        [*([outcome] if paid else []), *LedgerTransfer.objects.bulk_create(beyond)],
        pending_sign=0,
        posted=True,
    )


def book_unknown(usdt: int, *, trx: int, fee: int, txid: str, account: str) -> None:
    """A transaction that isn't ours took this from the treasury (base units, sun, sun): `losses` or `suspense`."""
    to, to_trx = (LOSSES, LOSSES_TRX) if account == LOSSES else (SUSPENSE, SUSPENSE_TRX)
    moved = [(to, TREASURY, usdt), (to_trx, TREASURY_TRX, trx), (FEES, TREASURY_TRX, fee)]
    _book_leaving(moved, txid=txid, note="not ours, booked by two people")


def _book_leaving(moved: Iterable[tuple[str, str, int]], *, txid: str, note: str) -> None:
    """Each (debit, credit, amount) of one transaction that nothing was reserved for."""
    names = _account_ids()
    _direct(
        LedgerTransfer(
            kind=TransferKind.DIRECT,
            debit_id=names[debit],
            credit_id=names[credit],
            amount=units,
            txid=txid,
            note=note,
        )
        for debit, credit, units in moved
        if units
    )


def _outcomes(attempts: Sequence[Attempt], kind: TransferKind) -> list[LedgerTransfer]:
    reserved = {
        row.pk: row for row in LedgerTransfer.objects.filter(pk__in=[a.reservation_id for a in attempts])
    }
    return LedgerTransfer.objects.bulk_create(
        LedgerTransfer(
            kind=kind,
            debit_id=reserved[attempt.reservation_id].debit_id,
            credit_id=reserved[attempt.reservation_id].credit_id,
            amount=reserved[attempt.reservation_id].amount,
            pending_id=attempt.reservation_id,
            payout_id=attempt.payout_id,
            txid=attempt.txid,
        )
        for attempt in attempts
    )


def _direct(transfers: Iterable[LedgerTransfer]) -> list[LedgerTransfer]:
    written = LedgerTransfer.objects.bulk_create(transfers)
    _apply(written, pending_sign=0, posted=True)
    return written


def _apply(transfers: Iterable[LedgerTransfer], *, pending_sign: int, posted: bool) -> None:
    """Move the accounts' totals by these transfers, one UPDATE an account."""
    debits: Counter[int] = Counter()
    credits: Counter[int] = Counter()
    for transfer in transfers:
        debits[transfer.debit_id] += transfer.amount
        credits[transfer.credit_id] += transfer.amount
    for pk in sorted(debits.keys() | credits.keys()):
        LedgerAccount.objects.filter(pk=pk).update(
            debits_pending=F("debits_pending") + pending_sign * debits[pk],
            credits_pending=F("credits_pending") + pending_sign * credits[pk],
            debits_posted=F("debits_posted") + (debits[pk] if posted else 0),
            credits_posted=F("credits_posted") + (credits[pk] if posted else 0),
        )


def _account_ids() -> dict[str, int]:
    return dict(LedgerAccount.objects.values_list("name", "pk"))
