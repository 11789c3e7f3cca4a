"""The decision: ask the applicant, approve, pass to a second reviewer, send back, reject."""

from __future__ import annotations

import calendar
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from kyc.models import InfoRequest, KycDecision, KycNote, KycRecord, NoteKind, Risk
from kyc.models.operators import OperatorStatus as State
from kyc.models.records import STANDING
from kyc.review import committing, contents, exposed, fields, marking, reasons, screened, steps
from kyc.review.errors import Conflict, Refused
from kyc.review.policy import Act
from kyc.review.reasons import Reason
from kyc.review.steps import SYSTEM, Begun
from lucid_payments.accounts.models import User

SECOND_REVIEW = "second_review"


@transaction.atomic
def ask(record: KycRecord, *, actor: User, text: str = "", seen: int | None = None) -> KycRecord:
    """All that isn't in order goes to the applicant as one request; the clock stops until it is answered.

    `text` is shown to the applicant. `seen`: the revision that was looked at. Raises Refused without a mark that
    says what is wrong, Conflict.
    """
    begun = steps.begin(record, Act.ASK, actor, seen=seen)
    row = begun.row
    items = [{"place": mark.place, "reason": mark.reason_code} for mark in marking.bad(row)]
    if not items:
        raise Refused("Mark what isn't in order first.")
    answer_by = begun.now + timedelta(days=settings.KYC_ANSWER_DAYS)
    InfoRequest.objects.create(
        record=row,
        number=InfoRequest.objects.filter(record=row).count() + 1,
        items=items,
        asked_by=actor,
        asked_at=begun.now,
        answer_by=answer_by,
    )
    note = contents.add_note(row, NoteKind.TO_APPLICANT, text, author=actor)
    return steps.finish(
        begun,
        to=State.INFO_REQUESTED,
        note=note,
        details={"items": items},
        told={
            "reasons": reasons.outward(item["reason"] for item in items),
            "answer_by": answer_by.isoformat(),
        },
        clock_stopped_at=begun.now,
        lease_until=None,
        woke_because="",
    )


@transaction.atomic
def approve(
    record: KycRecord, *, actor: User, risk: Risk, code: str, text: str = "", seen: int | None = None
) -> KycRecord:
    """Everything is in order. A high risk goes to a second reviewer; else the operator is verified from now on.

    Raises Refused while something isn't marked in order, screening has a hit that isn't cleared, or a provider speaks
    against it (`exposed`), Conflict.
    """
    screened.before_approval(record)
    exposed.before_approval(record, risk)
    begun = steps.begin(record, Act.APPROVE, actor, seen=seen)
    note = decide(begun, code, reasons.APPROVAL, risk, text)
    left = marking.undecided(begun.row)
    if left:
        raise Refused(f"Not in order yet: {', '.join(left)}.")
    if not marking.current_documents(begun.row).exists():
        raise Refused("No document proves who this is.")
    if risk != Risk.HIGH:
        return _grant(begun, code, note=note, risk=risk, first_reviewer=actor)
    return steps.finish(
        begun,
        to=State.PENDING_SECOND_REVIEW,
        code=code,
        note=note,
        details={"risk": risk.value},
        risk=risk,
        first_reviewer=actor,
        owner=None,
        lease_until=None,
        woke_because=SECOND_REVIEW,
    )


@transaction.atomic
def confirm(
    record: KycRecord, *, actor: User, code: str, text: str = "", seen: int | None = None
) -> KycRecord:
    """The second reviewer agrees: the operator is verified from now on.

    Raises Conflict for the first one, Refused while screening has a hit that isn't cleared.
    """
    screened.before_approval(record)
    exposed.before_approval(record, record.risk)
    begun = steps.begin(record, Act.CONFIRM, actor, seen=seen)
    note = decide(begun, code, reasons.APPROVAL, begun.row.risk, text)
    return _grant(begun, code, note=note, risk=Risk(begun.row.risk), second_reviewer=actor)


@transaction.atomic
def send_back(
    record: KycRecord, *, actor: User, code: str, text: str = "", seen: int | None = None
) -> KycRecord:
    """The second reviewer doesn't agree: the review begins again, by whoever takes it; the marks stay."""
    begun = steps.begin(record, Act.RETURN, actor, seen=seen)
    note = decide(begun, code, reasons.RETURN, begun.row.risk, text)
    return steps.finish(
        begun,
        to=State.IN_REVIEW,
        code=code,
        note=note,
        risk="",
        first_reviewer=None,
        owner=None,
        lease_until=None,
        woke_because=SECOND_REVIEW,
    )


@transaction.atomic
def reject(
    record: KycRecord, *, actor: User, code: str, text: str = "", seen: int | None = None
) -> KycRecord:
    """For a final reason. Whatever stands beside this record goes on standing. Raises Refused, Conflict."""
    begun = steps.begin(record, Act.REJECT, actor, seen=seen)
    note = decide(begun, code, reasons.REJECTION, begun.row.risk, text)
    return _end(begun, code, note=note)


@transaction.atomic
def close(record: KycRecord) -> KycRecord:
    """Nobody answered in time. The system's own. Raises Conflict when somebody did, or there is time left."""
    begun = steps.begin(record, Act.CLOSE, None)
    late = InfoRequest.objects.filter(
        record=begun.row, answered_at=None, lapsed_at=None, answer_by__lte=begun.now
    )
    if late.update(lapsed_at=begun.now) != 1:
        raise Conflict("There is time left to answer.")
    decide(begun, reasons.UNANSWERED, reasons.LAPSE, "")
    return _end(begun, reasons.UNANSWERED)


def decide(begun: Begun, code: str, listed: dict[str, Reason], risk: str, text: str = "") -> KycNote | None:
    """Write a decision's row, and its words as a sealed note. Raises Refused for a reason that isn't listed."""
    if code not in listed:
        raise Refused("Choose one of the reasons.")
    row, actor = begun.row, begun.actor
    KycDecision.objects.create(
        record=row,
        version=row.version,
        outcome=begun.act.value,
        reason_code=code,
        risk=risk,
        by=actor,
        by_label=actor.get_username() if actor else SYSTEM,
    )
    return contents.add_note(row, NoteKind.REASON, text, author=actor) if actor else None


def months_for(risk: Risk) -> int:
    """After so many months a record is verified again (compliance.md: 36, 24, 12)."""
    return {
        Risk.LOW: settings.KYC_MONTHS_LOW_RISK,
        Risk.MEDIUM: settings.KYC_MONTHS_MEDIUM_RISK,
        Risk.HIGH: settings.KYC_MONTHS_HIGH_RISK,
    }[risk]


def months_later(moment: datetime, months: int) -> datetime:
    """The same day so many months on, or the month's last where there is no such day."""
    year, month = divmod(moment.month - 1 + months, 12)
    year, month = moment.year + year, month + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


def kept_from(moment: datetime) -> datetime:
    """Until when a record that ends at `moment` is kept."""
    return months_later(moment, 12 * settings.KYC_RETENTION_YEARS)


def _grant(begun: Begun, code: str, *, risk: Risk, **values: Any) -> KycRecord:
    row, now = begun.row, begun.now
    declared = contents.opened(row)
    for older in _standing_beside(row):
        steps.finish(steps.admit(older, Act.REPLACE, None), replaced_by=row, retain_until=kept_from(now))
    return steps.finish(
        begun,
        to=State.APPROVED,
        code=code,
        details={"risk": risk.value},
        risk=risk,
        reason_code=code,
        decided_at=now,
        kyc_hash=committing.kyc_hash(row),
        expires_at=months_later(now, months_for(risk)),
        document_expires=fields.document_expires(declared.fields),
        due_at=None,
        owner=None,
        lease_until=None,
        escalated_at=None,
        **values,
    )


def _standing_beside(row: KycRecord) -> list[KycRecord]:
    """What the new approval replaces. Only who holds a newer record's lock waits for an older one's."""
    others = KycRecord.objects.filter(operator_id=row.operator_id, state__in=STANDING, replaced_by=None)
    return list(others.exclude(pk=row.pk).select_for_update(of=("self",)).select_related("operator__user"))


def _end(begun: Begun, code: str, **values: Any) -> KycRecord:
    return steps.finish(
        begun,
        to=State.REJECTED,
        code=code,
        reason_code=code,
        decided_at=begun.now,
        retain_until=kept_from(begun.now),
        due_at=None,
        clock_stopped_at=None,
        owner=None,
        lease_until=None,
        woke_because="",
        **values,
    )
