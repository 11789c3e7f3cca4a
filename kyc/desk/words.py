"""How the desk's pages name states, acts, badges and purposes, and where they are."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.urls import reverse
from django.utils.safestring import SafeString

from kyc.documents.admin import WORDS
from kyc.models import DocumentKind, KycRecord, Risk
from kyc.models.operators import OperatorStatus as State
from kyc.review import marking, policy
from kyc.review.fields import FIELDS
from kyc.review.policy import Act
from kyc.review.queues import SOON
from kyc.review.reading import Purpose
from kyc.review.taking import ESCALATED, GIVEN_BACK, HANDED_ON, LEASE_OVER, SNOOZE_OVER
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.backoffice import formats
from lucid_payments.backoffice.formats import Tone

STATES: Final[dict[State, tuple[str, Tone]]] = {
    State.DRAFT: ("Draft", Tone.QUIET),
    State.SUBMITTED: ("Submitted", Tone.WAITING),
    State.IN_REVIEW: ("In review", Tone.MOVING),
    State.INFO_REQUESTED: ("Waiting for applicant", Tone.QUIET),
    State.PENDING_SECOND_REVIEW: ("Second approval", Tone.WAITING),
    State.APPROVED: ("Approved", Tone.GOOD),
    State.REJECTED: ("Rejected", Tone.BAD),
    State.EXPIRING: ("Re-verification due", Tone.WAITING),
    State.EXPIRED: ("Expired", Tone.BAD),
    State.SUSPENDED: ("Suspended", Tone.BAD),
    State.REVOKED: ("Revoked", Tone.BAD),
}
RISKS: Final[dict[str, Tone]] = {Risk.LOW: Tone.GOOD, Risk.MEDIUM: Tone.WAITING, Risk.HIGH: Tone.BAD}
# Why a record is back in the queue.
WOKE: Final[dict[str, str]] = {
    SNOOZE_OVER: "Its day has come",
    LEASE_OVER: "A lease ran out",
    GIVEN_BACK: "Given back",
    HANDED_ON: "Handed on by a lead",
    ESCALATED: "Escalated",
    "answered": "The applicant answered",
    "second_review": "By the other reviewer",
}
ACTS: Final[dict[str, str]] = {
    Act.BEGIN: "began the application",
    Act.EDIT: "changed what is declared",
    Act.ADD_DOCUMENT: "added a document",
    Act.SUBMIT: "submitted it",
    Act.ANSWER: "answered what was asked",
    Act.CLAIM: "took it",
    Act.STEAL: "took it over",
    Act.RELEASE: "gave it back",
    Act.REASSIGN: "handed it on",
    Act.ESCALATE: "escalated it",
    Act.SNOOZE: "put it off",
    Act.WAKE: "brought it back",
    Act.MARK: "marked",
    Act.NOTE: "wrote a note",
    Act.ASK: "asked the applicant",
    Act.APPROVE: "approved it",
    Act.CONFIRM: "confirmed the approval",
    Act.RETURN: "sent it back",
    Act.REJECT: "rejected it",
    Act.SUSPEND: "suspended it",
    Act.REINSTATE: "lifted the suspension",
    Act.REVOKE: "revoked it",
    Act.CORRECT: "corrected what is declared",
    Act.RESTRICT: "restricted the processing",
    Act.UNRESTRICT: "lifted the restriction",
    Act.HOLD: "put a legal hold on it",
    Act.LIFT_HOLD: "lifted the legal hold",
    Act.ERASE: "erased what is known of the person",
    Act.LAPSE_LEASE: "ended a lease that ran out",
    Act.CLOSE: "closed it: nobody answered",
    Act.EXPIRING: "said that the re-verification is due",
    Act.EXPIRE: "let it expire",
    Act.REPLACE: "put a newer record in its place",
}


def purposes(user: User) -> list[tuple[str, str]]:
    """What one may look for, in words; each reader's own comes first."""
    own = Purpose.AUDIT if user.role == Role.AUDITOR else Purpose.REVIEW
    ordered = sorted(WORDS, key=lambda purpose: purpose != own)
    return [(purpose.value, WORDS[purpose]) for purpose in ordered]


def case_url(record: KycRecord) -> str:
    return reverse("admin:kyc_kycrecord_change", args=[record.public_id])


def state(record: KycRecord) -> SafeString:
    words, tone = STATES[State(record.state)]
    return formats.badge(words, tone)


def risk(record: KycRecord) -> SafeString | str:
    if not record.risk:
        return formats.NOTHING
    return formats.badge(Risk(record.risk).label, RISKS[record.risk])


def due(record: KycRecord, now: datetime) -> SafeString | str:
    """How long there is to decide, or by how much that is over."""
    if record.clock_stopped_at is not None:
        return formats.badge("The clock stands", Tone.QUIET)
    if record.due_at is None:
        return formats.NOTHING
    if record.due_at <= now:
        return formats.badge(f"{formats.span(now - record.due_at)} overdue", Tone.BAD)
    soon = record.due_at <= now + SOON
    return formats.badge(f"in {formats.span(record.due_at - now)}", Tone.WAITING if soon else Tone.QUIET)


def owner(record: KycRecord, now: datetime) -> str:
    """Who has it, and for how long yet."""
    if record.owner is None:
        return "Nobody"
    name = record.owner.get_username()
    if record.lease_until is None:
        return name
    if not policy.has_lease(record, now):
        return f"{name}, whose lease is over"
    return f"{name}, {formats.span(record.lease_until - now)} left"


def woke(record: KycRecord, now: datetime) -> str:
    """What the record's badge says of why it is here."""
    if record.snoozed_until is not None:
        return f"Put off until {record.snoozed_until:%Y-%m-%d %H:%M} UTC"
    return WOKE.get(record.woke_because, record.woke_because)


def documents(record: KycRecord) -> dict[str, str]:
    """Its documents' names, by the place that marks know them by."""
    kinds = marking.current_documents(record).values_list("pk", "kind")
    return {f"{marking.DOCUMENT}:{pk}": DocumentKind(kind).label for pk, kind in kinds}


def place(key: str, documents: dict[str, str]) -> str:
    """A field's or document's name. `documents`: theirs, by place."""
    kind, _, name = key.partition(":")
    if kind == "field":
        return FIELDS[name].label if name in FIELDS else name
    return documents.get(key, "Document")
