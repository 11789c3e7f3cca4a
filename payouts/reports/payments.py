"""The report of a day, a month or a batch: each payout that was paid or ended in it, and the figures of all sides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from lucid_payments import clock
from payouts import ledger
from payouts.models.ledger import LedgerTransfer, TransferKind
from payouts.models.payout import Payout
from payouts.models.report import Report
from payouts.reports import agreement, scopes
from payouts.reports.agreement import Agreement
from payouts.reports.cells import Cell, Column, Kind
from payouts.reports.contents import Content
from payouts.reports.scopes import Scope
from payouts.reports.sheets import Sheet

COLUMNS: Final = (
    Column("at_utc", Kind.MOMENT),
    Column("payout_id", Kind.LONG),
    Column("status"),
    Column("amount_usdt", Kind.AMOUNT),
    Column("paid_usdt", Kind.AMOUNT),
    Column("fee_trx", Kind.AMOUNT),
    Column("recipient_address", Kind.LONG),
    Column("txid", Kind.HASH),
    Column("block", Kind.COUNT),
    Column("block_time_utc", Kind.MOMENT),
    Column("router_type"),
    Column("creator"),
    Column("reference_id", Kind.LONG),
    Column("batch_id", Kind.LONG),
    Column("node_id"),
    Column("session_id"),
    Column("reason", Kind.LONG),
    Column("failure", Kind.LONG),
)
_OF_PAYOUT: Final = (
    "router_type", "creator__username", "reference_id", "batch__batch_id", "node_id", "session_id", "reason",
    "failure_message",
)  # fmt: skip
_A_FETCH: Final = 2_000


def build(report: Report) -> Content:
    scope = scopes.of_parameters(report.parameters)
    paid, unpaid = _paid(scope), _unpaid(scope)
    sides = agreement.of(scope)

    def sheets() -> Iterator[Sheet]:
        yield Sheet("Payouts", COLUMNS, _rows(paid, unpaid, sides))
        yield Sheet("Figures", agreement.COLUMNS, _figures(report, sides))

    return Content(paid.count() + unpaid.count(), sheets, sides.verdict)


def _paid(scope: Scope) -> QuerySet[LedgerTransfer]:
    return LedgerTransfer.objects.filter(
        scope.ledger, kind=TransferKind.POST, credit__name=ledger.TREASURY, payout__isnull=False
    ).order_by("pk")


def _unpaid(scope: Scope) -> QuerySet[Payout]:
    paid = LedgerTransfer.objects.filter(payout=OuterRef("pk"), kind=TransferKind.POST)
    return Payout.objects.filter(scope.payouts).exclude(Exists(paid)).order_by("pk")


def _rows(
    paid: QuerySet[LedgerTransfer], unpaid: QuerySet[Payout], sides: Agreement
) -> Iterator[tuple[Cell, ...]]:
    of_attempt = [f"pending__attempt_reserved__{name}" for name in ("fee", "block_number", "block_timestamp")]
    of_payout = [f"payout__{name}" for name in ("payout_id", "status", "amount", "recipient_address")]
    columns = ["at", *of_payout, "amount", "txid", *of_attempt, *(f"payout__{name}" for name in _OF_PAYOUT)]
    row: tuple[Any, ...]
    for row in paid.values_list(*columns).iterator(chunk_size=_A_FETCH):
        at, payout_id, status, amount, recipient, posted, txid, fee, block, block_time, *rest = row
        sides.listed.add(1, amount, fee or 0)
        yield at, payout_id, status, amount, posted, fee, recipient, txid, block, block_time, *rest
    columns = ["ended_at", "payout_id", "status", "amount", "recipient_address", *_OF_PAYOUT]
    for row in unpaid.values_list(*columns).iterator(chunk_size=_A_FETCH):
        at, payout_id, status, amount, recipient, *rest = row
        sides.unpaid += 1
        yield at, payout_id, status, amount, 0, None, recipient, "", None, None, *rest


def _figures(report: Report, sides: Agreement) -> Iterator[tuple[Cell, ...]]:
    now = clock.now()
    yield "Report", None, None, None, sides.scope.words
    yield "Made for", None, None, None, f"{report.maker_label}, as of {now:%Y-%m-%d %H:%M:%S} UTC"
    yield "Deployment", None, None, None, f"{settings.DEPLOYMENT}, {settings.TRON_NETWORK}"
    if sides.scope.end is not None and sides.scope.end > now:
        yield "Not over", None, None, None, "this time isn't over yet: further payouts will come"
    yield from sides.rows()
