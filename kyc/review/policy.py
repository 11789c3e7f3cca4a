"""Who may do what to a record, and in which of its states: one table, asked by page, API and act alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from kyc.models.operators import OperatorStatus as State
from kyc.models.records import REVIEWABLE, KycRecord
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Duty, Role
from lucid_payments.backoffice.policy import Verdict


class Act(StrEnum):
    """The value is the word in timeline and audit log."""

    BEGIN = "begun"
    EDIT = "edited"
    ADD_DOCUMENT = "document_added"
    SUBMIT = "submitted"
    ANSWER = "answered"
    CLAIM = "claimed"
    STEAL = "taken_over"
    RENEW = "renewed"
    RELEASE = "released"
    REASSIGN = "reassigned"
    ESCALATE = "escalated"
    SNOOZE = "snoozed"
    WAKE = "woken"
    MARK = "marked"
    NOTE = "noted"
    ASK = "info_requested"
    APPROVE = "approved"
    CONFIRM = "confirmed"
    RETURN = "returned"
    REJECT = "rejected"
    SUSPEND = "suspended"
    REINSTATE = "reinstated"
    REVOKE = "revoked"
    # The person's rights, and what stands against them.
    CORRECT = "corrected"
    RESTRICT = "restricted"
    UNRESTRICT = "unrestricted"
    HOLD = "held"
    LIFT_HOLD = "hold_lifted"
    ERASE = "erased"
    # The system's own, which no person does.
    LAPSE_LEASE = "lease_lapsed"
    CLOSE = "closed"
    EXPIRING = "expiring"
    EXPIRE = "expired"
    REPLACE = "replaced"


class Who(StrEnum):
    """Whose act it is."""

    APPLICANT = "applicant"  # the operator's own user, or an officer for them
    OFFICER = "officer"
    OWNER = "owner"  # the officer whose lease runs
    LEAD = "lead"  # an officer who leads the desk, or is responsible
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Rule:
    """`or_system`: the system does it, too, by what it finds."""

    states: tuple[State, ...]
    who: Who
    or_system: bool = False


_WORKED_ON: Final = (*REVIEWABLE, State.INFO_REQUESTED)
_VALID: Final = (State.APPROVED, State.EXPIRING)
_BY_APPLICANT: Final = (State.DRAFT, State.INFO_REQUESTED)
RULES: Final[dict[Act, Rule]] = {
    Act.BEGIN: Rule((State.DRAFT,), Who.APPLICANT),
    Act.EDIT: Rule((State.DRAFT, State.INFO_REQUESTED), Who.APPLICANT),
    Act.ADD_DOCUMENT: Rule((State.DRAFT, State.INFO_REQUESTED), Who.APPLICANT),
    Act.SUBMIT: Rule((State.DRAFT,), Who.APPLICANT),
    Act.ANSWER: Rule((State.INFO_REQUESTED,), Who.APPLICANT),
    Act.CLAIM: Rule(REVIEWABLE, Who.OFFICER),
    Act.STEAL: Rule(REVIEWABLE, Who.OFFICER),
    Act.RENEW: Rule(REVIEWABLE, Who.OWNER),
    Act.RELEASE: Rule(REVIEWABLE, Who.OWNER),
    Act.REASSIGN: Rule(_WORKED_ON, Who.LEAD),
    Act.ESCALATE: Rule(REVIEWABLE, Who.OWNER),
    Act.SNOOZE: Rule(REVIEWABLE, Who.OWNER),
    Act.WAKE: Rule(REVIEWABLE, Who.OFFICER, or_system=True),
    Act.MARK: Rule((State.IN_REVIEW,), Who.OWNER),
    Act.NOTE: Rule(tuple(State), Who.OFFICER),
    Act.ASK: Rule((State.IN_REVIEW,), Who.OWNER),
    Act.APPROVE: Rule((State.IN_REVIEW,), Who.OWNER),
    Act.CONFIRM: Rule((State.PENDING_SECOND_REVIEW,), Who.OWNER),
    Act.RETURN: Rule((State.PENDING_SECOND_REVIEW,), Who.OWNER),
    Act.REJECT: Rule((State.IN_REVIEW, State.PENDING_SECOND_REVIEW), Who.OWNER),
    Act.SUSPEND: Rule(_VALID, Who.OFFICER, or_system=True),
    Act.REINSTATE: Rule((State.SUSPENDED,), Who.OFFICER),
    Act.REVOKE: Rule((*_VALID, State.SUSPENDED, State.EXPIRED), Who.OFFICER),
    Act.CORRECT: Rule(tuple(state for state in State if state not in _BY_APPLICANT), Who.OFFICER),
    Act.RESTRICT: Rule(tuple(State), Who.OFFICER),
    Act.UNRESTRICT: Rule(tuple(State), Who.OFFICER),
    Act.HOLD: Rule(tuple(State), Who.OFFICER),
    Act.LIFT_HOLD: Rule(tuple(State), Who.LEAD),
    Act.ERASE: Rule(
        (State.DRAFT, State.REJECTED, State.EXPIRED, State.REVOKED, *_VALID, State.SUSPENDED),
        Who.OFFICER,
        or_system=True,
    ),
    Act.LAPSE_LEASE: Rule(_WORKED_ON, Who.SYSTEM),
    Act.CLOSE: Rule((State.INFO_REQUESTED,), Who.SYSTEM),
    Act.EXPIRING: Rule((State.APPROVED,), Who.SYSTEM),
    Act.EXPIRE: Rule(_VALID, Who.SYSTEM),
    Act.REPLACE: Rule((*_VALID, State.EXPIRED, State.SUSPENDED), Who.SYSTEM),
}
_RIGHTS: Final = frozenset({Act.CORRECT, Act.RESTRICT, Act.UNRESTRICT, Act.HOLD, Act.LIFT_HOLD, Act.ERASE})
# What a restriction of processing leaves: what protects others, and what only time does.
_DESPITE_RESTRICTION: Final = frozenset(
    {
        Act.RELEASE, Act.WAKE, Act.SUSPEND, Act.REVOKE, Act.LAPSE_LEASE, Act.CLOSE, Act.EXPIRING, Act.EXPIRE,
        Act.REPLACE, *_RIGHTS,
    }
)  # fmt: skip
YES: Final = Verdict(True)
_NOT_YOURS: Final = {
    Who.APPLICANT: "Only the applicant does this, or a compliance officer for them.",
    Who.OFFICER: "Only compliance officers do this.",
    Who.OWNER: "Only compliance officers do this.",
    Who.LEAD: "Only who leads the desk or is a responsible officer does this.",
    Who.SYSTEM: "Nobody does this: it comes by itself.",
}


def is_officer(user: Any) -> bool:
    return isinstance(user, User) and user.is_active and user.role == Role.COMPLIANCE_OFFICER


def leads(user: User) -> bool:
    return is_officer(user) and (user.has_duty(Duty.LEAD) or is_responsible(user))


def sees_load(user: User) -> bool:
    """What each officer has: for who leads the desk, and for who reads here without working here."""
    return leads(user) or not is_officer(user)


def is_responsible(user: User) -> bool:
    return is_officer(user) and user.has_duty(Duty.RESPONSIBLE)


def has_lease(record: KycRecord, now: datetime) -> bool:
    """Whether somebody's lease runs."""
    return record.lease_until is not None and record.lease_until > now


def may(actor: User | None, act: Act, record: KycRecord, now: datetime) -> Verdict:
    """Whether `actor` (None: the system) may do this to the record as it is now; the reason is a sentence."""
    rule = RULES[act]
    person = is_ones_to_do(actor, act, record)
    if not person:
        return person
    if record.state not in rule.states:
        return Verdict(False, f"This record is {State(record.state).label.lower()}.")
    if record.erased_at is not None and act is not Act.REPLACE:
        return Verdict(False, "This record was erased.")
    if record.replaced_by_id is not None and act is not Act.NOTE and act not in _RIGHTS:
        return Verdict(False, "A newer record has replaced this one.")
    if record.restricted_at is not None and act not in _DESPITE_RESTRICTION:
        return Verdict(False, "The person asked that this record be kept and not worked with.")
    if act in _RIGHTS:
        return _may_exercise(act, record, now)
    if actor is None:
        return YES
    if rule.who is Who.OWNER:
        return _holds(actor, record, now)
    if act in (Act.CLAIM, Act.STEAL):
        return _may_take(actor, act, record, now)
    if act is Act.REINSTATE and record.suspended_by_id == actor.pk:
        return Verdict(False, "You suspended it: another person lifts that.")
    return YES


def may_work_on(actor: User, record: KycRecord) -> Verdict:
    """Whether this officer may ever review this record in its present state, whoever has it."""
    if record.submitted_by_id == actor.pk:
        return Verdict(False, "You submitted it for the applicant: another person reviews it.")
    if record.state == State.PENDING_SECOND_REVIEW and record.first_reviewer_id == actor.pk:
        return Verdict(False, "You were the first reviewer: another person is the second.")
    if record.escalated_at is not None and not is_responsible(actor):
        return Verdict(False, "It was escalated: a responsible officer works on it.")
    return YES


def is_ones_to_do(actor: User | None, act: Act, record: KycRecord) -> Verdict:
    """Whether it is this person's act at all, in whatever state."""
    rule = RULES[act]
    if actor is None:
        allowed = rule.who is Who.SYSTEM or rule.or_system
    elif rule.who is Who.APPLICANT:
        own = actor.is_active and actor.pk == record.operator.user_id
        allowed = own or is_officer(actor)
    elif rule.who is Who.LEAD:
        allowed = leads(actor)
    else:
        allowed = rule.who is not Who.SYSTEM and is_officer(actor)
    return YES if allowed else Verdict(False, _NOT_YOURS[rule.who])


def _holds(actor: User, record: KycRecord, now: datetime) -> Verdict:
    if record.owner_id != actor.pk:
        return Verdict(False, "Take it first: it isn't yours.")
    if not has_lease(record, now):
        return Verdict(False, "Your lease is over: take it again.")
    return may_work_on(actor, record)


def _may_take(actor: User, act: Act, record: KycRecord, now: datetime) -> Verdict:
    fit = may_work_on(actor, record)
    if not fit:
        return fit
    leased = has_lease(record, now)
    if leased and record.owner_id == actor.pk:
        return Verdict(False, "You have it already.")
    if act is Act.CLAIM and leased:
        return Verdict(False, f"{record.owner} has it until {record.lease_until:%H:%M} UTC.")
    if act is Act.STEAL and not leased:
        return Verdict(False, "Nobody has it: just take it.")
    return YES


def _may_exercise(act: Act, record: KycRecord, now: datetime) -> Verdict:
    restricted, held = record.restricted_at is not None, record.legal_hold_since is not None
    if (act is Act.RESTRICT and restricted) or (act is Act.HOLD and held):
        return Verdict(False, "So it is already.")
    if (act is Act.UNRESTRICT and not restricted) or (act is Act.LIFT_HOLD and not held):
        return Verdict(False, "There is none.")
    return may_be_erased(record, now) if act is Act.ERASE else YES


def may_be_erased(record: KycRecord, now: datetime) -> Verdict:
    """Whether anything speaks against destroying what is known: a legal hold, its standing, the law's retention."""
    if record.legal_hold_since is not None:
        return Verdict(False, f"A legal hold is on it since {record.legal_hold_since:%Y-%m-%d}.")
    if record.state == State.DRAFT:
        # Nothing ever came of it that a law would want kept.
        return YES
    if record.retain_until is None:
        return Verdict(False, "It stands: what an operator is paid by is kept.")
    if record.retain_until > now:
        return Verdict(False, f"It is kept for the law until {record.retain_until:%Y-%m-%d}.")
    return YES
