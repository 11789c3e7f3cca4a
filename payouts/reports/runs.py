"""The report of a monthly run: every recipient, every payment, the figures of all sides, and a PDF that sums it up."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

from django.conf import settings
from django.db.models import Count, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from lucid_payments import clock
from payouts.models.attempt import Attempt, AttemptState
from payouts.models.distribution import Chunk, DistributionRun, Entitlement, EntitlementState, RunState
from payouts.models.payout import PayoutStatus
from payouts.models.report import Report
from payouts.reports import agreement, run_pdf, sheets
from payouts.reports.agreement import Agreement
from payouts.reports.cells import Cell, Column, Kind
from payouts.reports.contents import Content
from payouts.reports.scopes import Scope
from payouts.reports.sheets import MadeFile, Sheet

PDF: Final = "application/pdf"
RECIPIENTS: Final = (
    Column("place", Kind.COUNT),
    Column("recipient_type"),
    Column("recipient", Kind.LONG),
    Column("address", Kind.LONG),
    Column("sessions", Kind.COUNT),
    Column("megabytes"),
    Column("credits", Kind.COUNT),
    Column("share_usdt", Kind.AMOUNT),
    Column("brought_forward_usdt", Kind.AMOUNT),
    Column("due_usdt", Kind.AMOUNT),
    Column("paid_usdt", Kind.AMOUNT),
    Column("left_usdt", Kind.AMOUNT),
    Column("state"),
    Column("reason", Kind.LONG),
    Column("payments", Kind.COUNT),
)
PAYMENTS: Final = (
    Column("recipient_type"),
    Column("recipient", Kind.LONG),
    Column("chunk", Kind.COUNT),
    Column("try", Kind.COUNT),
    Column("payout_id", Kind.LONG),
    Column("status"),
    Column("amount_usdt", Kind.AMOUNT),
    Column("recipient_address", Kind.LONG),
    Column("ended_at_utc", Kind.MOMENT),
    Column("txid", Kind.HASH),
    Column("block", Kind.COUNT),
    Column("fee_trx", Kind.AMOUNT),
)
_A_FETCH: Final = 2_000
_SHOWN: Final = ("computed", "approved", "scheduled", "running", "paused", "settled", "reported")


def reportable() -> QuerySet[DistributionRun]:
    """Runs of which there is something to tell."""
    return DistributionRun.objects.filter(state__in=_SHOWN)


def build(report: Report) -> Content:
    run = DistributionRun.objects.get(period=report.parameters["period"])
    sides = agreement.of(
        Scope(
            words=f"Monthly run {run.period}",
            ledger=Q(payout__chunk__entitlement__run=run),
            payouts=Q(chunk__entitlement__run=run),
        )
    )
    told = run_pdf.facts_of(run)

    def written() -> Iterator[Sheet]:
        yield Sheet("Recipients", RECIPIENTS, _recipients(run))
        yield Sheet("Payments", PAYMENTS, _payments(run, sides))
        yield Sheet("Figures", agreement.COLUMNS, _figures(report, run, sides))

    def pdf(name: str) -> list[MadeFile]:
        content = BytesIO(run_pdf.render(run, told, sides, as_of=clock.now()))
        return [sheets.finished(f"{name}.pdf", PDF, content)]

    rows = run.recipients + Chunk.objects.filter(entitlement__run=run).count()
    return Content(rows, written, sides.verdict, pdf)


def _recipients(run: DistributionRun) -> Iterator[tuple[Cell, ...]]:
    paying = Chunk.objects.filter(
        entitlement=OuterRef("pk"), payout__status=PayoutStatus.CONFIRMED
    ).order_by()
    counted = paying.values("entitlement").annotate(count=Count("pk")).values("count")
    lines = Entitlement.objects.filter(run=run).order_by("rank")
    lines = lines.annotate(payments=Coalesce(Subquery(counted, output_field=IntegerField()), 0))
    line: Any
    for line in lines.iterator(chunk_size=_A_FETCH):
        yield (
            line.rank + 1, line.kind, line.recipient, line.pay_to, line.sessions, f"{line.megabytes.normalize():f}",
            line.credits, line.share, line.carried_in, line.amount, line.paid, line.amount - line.paid,
            EntitlementState(line.state).label, _reason(line), line.payments,
        )  # fmt: skip


def _reason(line: Entitlement) -> str:
    if not line.hold_reason:
        return ""
    return f"{line.get_hold_reason_display()}{f': {line.hold_detail}' if line.hold_detail else ''}"


def _payments(run: DistributionRun, sides: Agreement) -> Iterator[tuple[Cell, ...]]:
    """Each payout of the run, failed ones too; of its attempts the one that paid."""
    paid = Attempt.objects.filter(payout=OuterRef("payout"), state=AttemptState.SUCCEEDED)
    rows = (
        Chunk.objects.filter(entitlement__run=run)
        .order_by("entitlement__rank", "number", "attempt")
        .annotate(
            paid=Exists(paid), txid=Subquery(paid.values("txid")), block=Subquery(paid.values("block_number")),
            fee=Subquery(paid.values("fee")),
        )
        .values_list(
            "entitlement__kind", "entitlement__recipient", "number", "attempt", "payout__payout_id",
            "payout__status", "payout__amount", "payout__recipient_address", "payout__ended_at", "txid", "block",
            "fee", "paid",
        )
    )  # fmt: skip
    for *cells, is_paid in rows.iterator(chunk_size=_A_FETCH):
        amount, fee = cells[6], cells[11]
        if is_paid:
            sides.listed.add(1, amount, fee or 0)
        else:
            sides.unpaid += 1
        yield tuple(cells)


def _figures(report: Report, run: DistributionRun, sides: Agreement) -> Iterator[tuple[Cell, ...]]:
    yield "Report", None, None, None, sides.scope.words
    yield "Made for", None, None, None, f"{report.maker_label}, as of {clock.now():%Y-%m-%d %H:%M:%S} UTC"
    yield "Deployment", None, None, None, f"{settings.DEPLOYMENT}, {settings.TRON_NETWORK}"
    yield "State", None, None, None, RunState(run.state).label
    yield "Shared", run.recipients, run.pool, None, f"{run.credits:,} credits; run hash {run.run_hash}"
    yield "Brought forward from earlier runs", None, run.carried_in, None, ""
    paid = Entitlement.objects.filter(run=run).aggregate(total=Sum("paid"))["total"] or 0
    yield "Paid, by the entitlements", None, paid, None, ""
    yield "Left: carried over or held", None, run.pool + run.carried_in - paid, None, ""
    yield from sides.rows()
