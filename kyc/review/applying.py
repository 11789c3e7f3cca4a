"""The applicant's side: begin an application, correct it, submit it, answer what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max

from kyc import vault
from kyc.models import Finding, InfoRequest, KycMark, KycRecord, Moment, NodeOperator
from kyc.models.operators import OperatorStatus as State
from kyc.review import contents, fields, screened, steps
from kyc.review.errors import Conflict
from kyc.review.policy import Act
from kyc.review.steps import Begun
from lucid_payments import clock
from lucid_payments.accounts.models import User

ANSWERED = "answered"


@transaction.atomic
def begin(operator: NodeOperator, given: Mapping[str, Any], *, actor: User) -> KycRecord:
    """A draft with these declared fields (`fields.FIELDS`): a first verification, or the next beside what stands.

    Raises InvalidFields; Conflict while another one isn't decided; Refused for who may not; VaultError.
    """
    last = KycRecord.objects.filter(operator=operator).aggregate(last=Max("number"))["last"] or 0
    try:
        with transaction.atomic():
            row = KycRecord.objects.create(
                operator=operator, number=last + 1, subject=vault.new_subject(), created_at=clock.now()
            )
    except IntegrityError:
        raise Conflict("This operator has an application that isn't decided yet.") from None
    return _declare(steps.admit(row, Act.BEGIN, actor), given)


@transaction.atomic
def edit(record: KycRecord, given: Mapping[str, Any], *, actor: User) -> KycRecord:
    """A new version of what is declared, in whole, while it is a draft or asked about. Raises as `begin` does."""
    return _declare(steps.begin(record, Act.EDIT, actor), given)


@transaction.atomic
def submit(record: KycRecord, *, actor: User) -> KycRecord:
    """Hand it in: from now on it is to be decided within KYC_REVIEW_HOURS. Raises Refused, Conflict."""
    begun = steps.begin(record, Act.SUBMIT, actor)
    row = steps.finish(
        begun,
        to=State.SUBMITTED,
        submitted_at=begun.now,
        submitted_by=actor,
        due_at=begun.now + timedelta(hours=settings.KYC_REVIEW_HOURS),
    )
    screened.look(row, Moment.REGISTRATION)
    return row


@transaction.atomic
def answer(record: KycRecord, *, actor: User) -> KycRecord:
    """All that was asked is there: the clock goes on where it stood, and what changed is looked at anew.

    Raises Refused, Conflict.
    """
    begun = steps.begin(record, Act.ANSWER, actor)
    row = begun.row
    open_ones = InfoRequest.objects.filter(record=row, answered_at=None, lapsed_at=None)
    if open_ones.update(answered_at=begun.now) != 1:
        raise Conflict("Nothing is asked of the applicant any more.")
    _forget_marks(row)
    stopped, due = row.clock_stopped_at or begun.now, row.due_at or begun.now
    # Who helped the applicant doesn't review what came of it.
    helper = actor if actor.pk != row.operator.user_id else row.submitted_by
    screened.look(row, Moment.REGISTRATION)
    return steps.finish(
        begun,
        to=State.IN_REVIEW,
        due_at=due + (begun.now - stopped),
        clock_stopped_at=None,
        woke_because=ANSWERED,
        submitted_by=helper,
    )


def _declare(begun: Begun, given: Mapping[str, Any]) -> KycRecord:
    values = fields.checked(given, begun.now.date())
    content = contents.add_version(begun.row, values)
    return steps.finish(begun, version=content.version, details={"version": content.version})


def _forget_marks(row: KycRecord) -> None:
    """What wasn't in order, and what reads otherwise now, is to be looked at again; the rest stays decided."""
    now = contents.opened(row).fields
    gone = []
    for mark in KycMark.objects.filter(record=row):
        kind, _, name = mark.place.partition(":")
        before = contents.opened(row, mark.version).fields if kind == "field" else {}
        if mark.finding == Finding.BAD or (kind == "field" and before.get(name) != now.get(name)):
            gone.append(mark.pk)
    KycMark.objects.filter(pk__in=gone).delete()
