"""When a batch has ended: with the last of its payouts, whatever became of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, Sum

from lucid_payments.events import outbox
from lucid_payments.money import to_decimal
from payouts.models.batch import PayoutBatch
from payouts.models.payout import ENDED, Payout, PayoutStatus

PROCESSING, COMPLETED, FAILED = "processing", "completed", "failed"


@dataclass(frozen=True, slots=True)
class Progress:
    """Counts of payouts, and base units paid."""

    total: int
    confirmed: int
    failed: int
    paid: int

    @property
    def pending(self) -> int:
        return self.total - self.confirmed - self.failed

    @property
    def status(self) -> str:
        """`failed` is a batch of which nothing was paid."""
        if self.pending:
            return PROCESSING
        return COMPLETED if self.confirmed else FAILED


def progress_of(batch: PayoutBatch) -> Progress:
    confirmed = Q(status=PayoutStatus.CONFIRMED)
    found = Payout.objects.filter(batch=batch).aggregate(
        confirmed=Count("pk", filter=confirmed),
        failed=Count("pk", filter=Q(status__in=ENDED) & ~confirmed),
        paid=Sum("amount", filter=confirmed),
    )
    return Progress(batch.total_payouts, found["confirmed"], found["failed"], found["paid"] or 0)


def end_what_is_over(payouts: Iterable[Payout], at: datetime) -> None:
    """Of the batches of payouts that have just ended: end those whose last one is among them, and tell of it.

    In the transaction that ends the payouts. Rows are locked in one order, so that two settlements can't wait for
    each other, and of two that end the last payouts at once the second one sees the first.
    """
    touched = {payout.batch_id for payout in payouts if payout.batch_id is not None}
    if not touched:
        return
    batches = PayoutBatch.objects.select_for_update(of=("self",)).select_related("creator")
    for batch in batches.filter(pk__in=touched, ended_at=None).order_by("pk"):
        progress = progress_of(batch)
        if progress.pending == 0:
            PayoutBatch.objects.filter(pk=batch.pk).update(ended_at=at)
            _tell(batch, progress)


def _tell(batch: PayoutBatch, progress: Progress) -> None:
    outbox.emit(
        f"batch.{progress.status}",
        subject_type="batch",
        subject_id=batch.batch_id,
        owner=batch.creator,
        payload={
            "batch_id": batch.batch_id,
            "status": progress.status,
            "completed_payouts": progress.confirmed,
            "failed_payouts": progress.failed,
            "completed_amount_usdt": str(to_decimal(progress.paid)),
        },
    )
