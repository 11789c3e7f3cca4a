"""What sweeps may have taken from the treasury without the books knowing yet: for whoever counts its money."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Sum

from payouts.models.ledger import Currency
from payouts.models.sweep import LANDED, LIVE, Sweep, SweepState, SweepTransfer
from payouts.sweeps import compromised


@dataclass(frozen=True, slots=True)
class Outstanding:
    """In base units, and in sun."""

    usdt: int
    trx: int


def of(address: str = "") -> Outstanding:
    """The transfers that may still land, of one key or of all."""
    rows = SweepTransfer.objects.filter(state__in=LIVE)
    if address:
        rows = rows.filter(sweep__address=address)
    sums = dict(rows.order_by().values_list("currency").annotate(sum=Sum("amount")))
    return Outstanding(usdt=sums.get(Currency.USDT, 0), trx=sums.get(Currency.TRX, 0))


def is_open(address: str = "") -> bool:
    """Whether a sweep is under way, of this key or of any."""
    rows = Sweep.objects.filter(state=SweepState.OPEN)
    return (rows.filter(address=address) if address else rows).exists()


def is_to_stay_empty(address: str) -> bool:
    """Whether nobody should top this key up: it is being swept, or others may know it."""
    return is_open(address) or compromised.known(address) is not None


def known(txids: Collection[str]) -> set[str]:
    """Which of these are sweeps' transactions."""
    return set(SweepTransfer.objects.filter(txid__in=txids).values_list("txid", flat=True))


def live(txids: Collection[str] | None = None) -> set[str]:
    """Transactions that may stand in a final block and whose money isn't booked: of these, or all there are."""
    rows = SweepTransfer.objects.filter(state__in=LIVE)
    return set((rows if txids is None else rows.filter(txid__in=txids)).values_list("txid", flat=True))


def landed_after(block_number: int) -> set[str]:
    """Those whose money was booked for later blocks than this one."""
    rows = SweepTransfer.objects.filter(state__in=LANDED, block_number__gt=block_number)
    return set(rows.values_list("txid", flat=True))


def destinations(txids: Collection[str]) -> dict[str, str]:
    """Whom each of these reached, or was to reach."""
    rows = SweepTransfer.objects.filter(txid__in=txids)
    return dict(rows.values_list("txid", "sweep__destination"))
