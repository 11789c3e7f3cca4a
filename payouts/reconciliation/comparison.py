"""What differs between chain and books, transaction by transaction: a pure function of the two sides."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from payouts.models.ledger import Currency
from payouts.models.reconciliation import CaseKind
from payouts.reconciliation.books import BookedTransaction
from payouts.reconciliation.reading import ChainTransaction


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs. `amount` is chain less books as the treasury's holdings show it: base units or sun."""

    kind: CaseKind
    txid: str
    currency: Currency
    amount: int
    seen: ChainTransaction | None
    booked: BookedTransaction | None


def compare(
    seen: Mapping[str, ChainTransaction],
    booked: Mapping[str, BookedTransaction],
    *,
    on_their_way: Collection[str] = (),
) -> list[Difference]:
    """All differences between what final blocks show and what the ledger posted, in the order of txids.

    `on_their_way` are transactions of ours that may be in a final block and aren't posted yet: no difference.
    What comes in differs from nothing here: the balances tell of it.
    """
    found: list[Difference] = []
    for txid in sorted((seen.keys() | booked.keys()) - set(on_their_way)):
        found += _of_transaction(txid, seen.get(txid), booked.get(txid))
    return found


def _of_transaction(
    txid: str, seen: ChainTransaction | None, booked: BookedTransaction | None
) -> list[Difference]:
    if seen is None:
        return [_missing(txid, booked)] if booked is not None and (booked.usdt or booked.trx) else []
    if booked is None:
        return _unknown(seen)
    found = []
    if seen.usdt_out != booked.usdt:
        amount = booked.usdt - seen.usdt_out
        found.append(Difference(CaseKind.AMOUNT_DIFFERS, txid, Currency.USDT, amount, seen, booked))
    if booked.recipient and {moved.recipient for moved in seen.outgoing} - {booked.recipient}:
        found.append(Difference(CaseKind.RECIPIENT_DIFFERS, txid, Currency.USDT, 0, seen, booked))
    if seen.trx_gone != booked.trx:
        amount = booked.trx - seen.trx_gone
        found.append(Difference(CaseKind.FEE_DIFFERS, txid, Currency.TRX, amount, seen, booked))
    return found


def _missing(txid: str, booked: BookedTransaction) -> Difference:
    currency, amount = (Currency.USDT, booked.usdt) if booked.usdt else (Currency.TRX, booked.trx)
    return Difference(CaseKind.MISSING_ON_CHAIN, txid, currency, amount, None, booked)


def _unknown(seen: ChainTransaction) -> list[Difference]:
    """Value that left and isn't ours, or at least a transaction made with the treasury's key."""
    if seen.usdt_out:
        return [
            Difference(CaseKind.UNKNOWN_OUTGOING, seen.txid, Currency.USDT, -seen.usdt_out, seen, None),
        ]
    if seen.trx_out:
        return [Difference(CaseKind.UNKNOWN_OUTGOING, seen.txid, Currency.TRX, -seen.trx_gone, seen, None)]
    if seen.made_by_treasury:
        return [
            Difference(CaseKind.FOREIGN_TRANSACTION, seen.txid, Currency.TRX, -seen.trx_gone, seen, None),
        ]
    return []
