"""What time does to records: leases and snoozes end, unanswered requests close, approvals and documents expire.

Safe to run at any time, at once, late or never: each act asks again whether its time has come.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from kyc.models import KycRecord
from kyc.models.operators import OperatorStatus as State
from kyc.models.records import REVIEWABLE, UNDECIDED, VERIFIED
from kyc.review import deciding, enduring, steps, taking
from kyc.review.errors import Conflict
from kyc.review.policy import Act
from lucid_payments import clock

AT_ONCE: Final = 500


def sweep() -> int:
    """Do all that is due; how many acts that were."""
    now = clock.now()
    records = KycRecord.objects.filter(erased_at=None, replaced_by=None)
    soon = now + timedelta(days=settings.KYC_EXPIRING_DAYS)
    return sum(
        (
            _each(records.filter(state__in=UNDECIDED, lease_until__lte=now), lapse),
            _each(records.filter(state__in=REVIEWABLE, snoozed_until__lte=now), _wake),
            _each(
                records.filter(
                    state=State.INFO_REQUESTED,
                    info_requests__answer_by__lte=now,
                    info_requests__answered_at=None,
                    info_requests__lapsed_at=None,
                ),
                deciding.close,
            ),
            _each(records.filter(state__in=VERIFIED, expires_at__lte=now), enduring.expire),
            _each(records.filter(state=State.APPROVED, expires_at__lte=soon), enduring.begin_expiring),
            _each(records.filter(state__in=VERIFIED, document_expires__lt=now.date()), _suspend),
        )
    )


@transaction.atomic
def lapse(record: KycRecord) -> KycRecord:
    """A lease ended without a word: the record is anybody's again. Raises Conflict when it was renewed."""
    begun = steps.begin(record, Act.LAPSE_LEASE, None)
    until = begun.row.lease_until
    if until is None or until > begun.now:
        raise Conflict("The lease was renewed.")
    return steps.finish(begun, owner=None, lease_until=None, woke_because=taking.LEASE_OVER)


def _wake(record: KycRecord) -> KycRecord:
    return taking.wake(record, actor=None)


def _suspend(record: KycRecord) -> KycRecord:
    return enduring.suspend(record, actor=None, code="document_expired")


def _each(due: QuerySet[KycRecord], act: Callable[[KycRecord], KycRecord]) -> int:
    done = 0
    for record in due.order_by("pk")[:AT_ONCE]:
        try:
            act(record)
        except Conflict:
            # Somebody was first; the next sweep looks again.
            continue
        done += 1
    return done
