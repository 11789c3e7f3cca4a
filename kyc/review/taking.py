"""Who works on a record: take the next, claim, take over, renew, give back, hand on, put off, pass upwards.

A lease is for KYC_LEASE_MINUTES. When it is over the record is anybody's, and nothing that its owner did is lost.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet

from kyc.models import KycRecord, NoteKind
from kyc.models.operators import OperatorStatus as State
from kyc.models.records import REVIEWABLE
from kyc.review import contents, policy, reasons, steps
from kyc.review.errors import Conflict, Refused
from kyc.review.policy import Act
from kyc.review.steps import Begun
from lucid_payments import clock
from lucid_payments.accounts.models import User

LONGEST_SNOOZE: Final = timedelta(days=30)
MINIMUM_REASON: Final = 10
# Why a record came back, as its badge says.
SNOOZE_OVER, LEASE_OVER, GIVEN_BACK, HANDED_ON, ESCALATED = (
    "snooze_over", "lease_over", "given_back", "handed_on", "escalated",
)  # fmt: skip


def free(actor: User, now: datetime) -> QuerySet[KycRecord]:
    """What `actor` could take now without asking anybody, oldest due first."""
    rows = KycRecord.objects.filter(
        Q(lease_until=None) | Q(lease_until__lte=now),
        state__in=REVIEWABLE,
        snoozed_until=None,
        restricted_at=None,
        erased_at=None,
    ).exclude(submitted_by=actor)
    rows = rows.exclude(state=State.PENDING_SECOND_REVIEW, first_reviewer=actor)
    if not policy.is_responsible(actor):
        rows = rows.filter(escalated_at=None)
    return rows.order_by(F("due_at").asc(nulls_last=True), "pk")


@transaction.atomic
def take_next(*, actor: User) -> KycRecord | None:
    """The oldest due record that is free, taken; None when there is none. Several who ask at once get different ones.

    Raises Refused for who doesn't work here.
    """
    if not policy.is_officer(actor):
        raise Refused("Only compliance officers do this.")
    rows = free(actor, clock.now()).select_for_update(of=("self",), skip_locked=True)
    row = rows.select_related("operator__user").first()
    return None if row is None else _take(steps.admit(row, Act.CLAIM, actor))


@transaction.atomic
def claim(record: KycRecord, *, actor: User) -> KycRecord:
    """Take this very record. Raises Conflict when somebody has it: whoever comes second gets that."""
    return _take(steps.begin(record, Act.CLAIM, actor))


@transaction.atomic
def steal(record: KycRecord, *, actor: User, reason: str) -> KycRecord:
    """Take it from who has it, saying why. Raises Refused without a reason, Conflict when nobody has it."""
    begun = steps.begin(record, Act.STEAL, actor)
    before = begun.row.owner
    return _take(begun, reason=_required(reason), taken_from=before.get_username() if before else "")


def renew(record: KycRecord, *, actor: User) -> datetime:
    """Go on for another lease; until when. It is a sign of life and no step: the timeline doesn't show it.

    Raises Refused for who may not review, Conflict when the lease is over or somebody else's.
    """
    now = clock.now()
    until = now + timedelta(minutes=settings.KYC_LEASE_MINUTES)
    if not policy.is_officer(actor):
        raise Refused("Only compliance officers do this.")
    mine = KycRecord.objects.filter(pk=record.pk, owner=actor, lease_until__gt=now, state__in=REVIEWABLE)
    if mine.update(lease_until=until) != 1:
        raise Conflict("Your lease is over: take it again.")
    return until


@transaction.atomic
def release(record: KycRecord, *, actor: User) -> KycRecord:
    """Give it back to the queue."""
    begun = steps.begin(record, Act.RELEASE, actor)
    return steps.finish(begun, owner=None, lease_until=None, woke_because=GIVEN_BACK)


@transaction.atomic
def reassign(record: KycRecord, *, actor: User, to: User, reason: str) -> KycRecord:
    """A lead gives it to another officer, with a fresh lease. Raises Refused for one who could not review it."""
    begun = steps.begin(record, Act.REASSIGN, actor)
    row = begun.row
    fit = policy.may_work_on(to, row) if policy.is_officer(to) else None
    if not fit:
        raise Refused("This person doesn't review here." if fit is None else f"{to}: {fit.reason}")
    note = contents.add_note(row, NoteKind.REASON, _required(reason), author=actor)
    asked = row.state == State.INFO_REQUESTED
    return steps.finish(
        begun,
        note=note,
        details={"to": to.get_username()},
        owner=to,
        lease_until=None if asked else _lease(begun),
        snoozed_until=None,
        woke_because=HANDED_ON,
    )


@transaction.atomic
def escalate(record: KycRecord, *, actor: User, code: str, reason: str) -> KycRecord:
    """Pass it to the responsible officers, who alone work on it from now on."""
    begun = steps.begin(record, Act.ESCALATE, actor)
    if begun.row.escalated_at is not None:
        raise Conflict("It is escalated already.")
    if code not in reasons.ESCALATION:
        raise Refused("Choose one of the reasons.")
    note = contents.add_note(begun.row, NoteKind.REASON, _required(reason), author=actor)
    return steps.finish(
        begun,
        code=code,
        note=note,
        escalated_at=begun.now,
        owner=None,
        lease_until=None,
        woke_because=ESCALATED,
    )


@transaction.atomic
def snooze(record: KycRecord, *, actor: User, until: datetime, reason: str) -> KycRecord:
    """Put it off; it stays its owner's, and its clock goes on. Raises Refused for more than 30 days, or the past."""
    begun = steps.begin(record, Act.SNOOZE, actor)
    if not begun.now < until <= begun.now + LONGEST_SNOOZE:
        raise Refused(f"Until some time within {LONGEST_SNOOZE.days} days.")
    note = contents.add_note(begun.row, NoteKind.REASON, _required(reason), author=actor)
    return steps.finish(
        begun,
        note=note,
        details={"until": until.isoformat()},
        snoozed_until=until,
        lease_until=None,
        woke_because="",
    )


@transaction.atomic
def wake(record: KycRecord, *, actor: User | None) -> KycRecord:
    """Back into the queue; by itself when its time has come. Raises Conflict when it isn't put off."""
    begun = steps.begin(record, Act.WAKE, actor)
    if begun.row.snoozed_until is None:
        raise Conflict("It isn't put off.")
    return steps.finish(begun, snoozed_until=None, woke_because=SNOOZE_OVER)


@transaction.atomic
def note(record: KycRecord, *, actor: User, text: str) -> KycRecord:
    """Add an internal note, sealed. Raises Refused for an empty one."""
    begun = steps.begin(record, Act.NOTE, actor)
    written = contents.add_note(begun.row, NoteKind.INTERNAL, text, author=actor)
    if written is None:
        raise Refused("Write something.")
    return steps.finish(begun, note=written)


def _take(begun: Begun, *, reason: str = "", **details: str) -> KycRecord:
    actor, row = begun.actor, begun.row
    assert actor is not None  # noqa: S101 - the policy lets no process take a record
    note = contents.add_note(row, NoteKind.REASON, reason, author=actor)
    return steps.finish(
        begun,
        to=State.IN_REVIEW if row.state == State.SUBMITTED else None,
        note=note,
        details=details,
        owner=actor,
        lease_until=_lease(begun),
        snoozed_until=None,
        woke_because="",
    )


def _lease(begun: Begun) -> datetime:
    return begun.now + timedelta(minutes=settings.KYC_LEASE_MINUTES)


def _required(reason: str) -> str:
    if len(reason.strip()) < MINIMUM_REASON:
        raise Refused(f"Say why, in {MINIMUM_REASON} characters at least.")
    return reason
