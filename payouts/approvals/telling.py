"""Telling approvers that something waits: an event for whoever listens, and one e-mail in a quarter of an hour."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from lucid_payments.accounts.roles import Role
from lucid_payments.backoffice import notices
from lucid_payments.events import outbox
from payouts.models.approval import ApprovalRequest

APPROVERS: Final = frozenset({Role.PAYOUT_APPROVER})
MAIL_EVERY: Final = timedelta(minutes=15)
SUBJECT: Final = "Lucid Payments: payouts wait for approval"
BODY: Final = (
    "Something waits for an approver.\n"
    'Log in to the back office and open "Approvals": what is there already stands in the queue, the oldest first.\n'
)


def tell_of(request: ApprovalRequest) -> None:
    """In the transaction that asks. Neither event nor mail holds an address, a name or a reason."""
    outbox.emit(
        "approval.needed",
        subject_type="approval",
        subject_id=str(request.pk),
        owner=None,
        payload={
            "approval": request.pk,
            "needed": request.needed,
            "payouts": request.payouts_asked,
            "batch_id": request.batch.batch_id if request.batch is not None else None,
        },
    )
    if settings.EMAIL_HOST and _is_first_of_its_quarter(request):
        notices.tell(APPROVERS, subject=SUBJECT, body=BODY)


def _is_first_of_its_quarter(request: ApprovalRequest) -> bool:
    """Ten creations a minute must not become ten mails; of two at once both may tell."""
    before = ApprovalRequest.objects.filter(pk__lt=request.pk).order_by("-pk").first()
    return before is None or _quarter(before.asked_at) < _quarter(request.asked_at)


def _quarter(at: datetime) -> int:
    return int(at.timestamp() // MAIL_EVERY.total_seconds())
