"""An invented compliance desk: its people, and records brought to any state by the acts that lead there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count

from django.conf import settings
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from kyc.documents import storing
from kyc.documents.converting import Converted, Picture
from kyc.models import DocumentKind, Finding, KycRecord, NodeOperator, Risk
from kyc.models.operators import OperatorStatus as State
from kyc.review import applying, deciding, enduring, marking, taking
from lucid_payments import clock
from lucid_payments.accounts import staff
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Duty

# A canary: it may stand in no log, address, page title, event, error or audit entry.
NAME = "Kanari Vogelsang"
DECLARED = {
    "full_name": NAME,
    "birth_date": "1984-02-29",
    "nationality": "AT",
    "street": "Erfundene Gasse 7",
    "postcode": "1010",
    "city": "Wien",
    "country": "AT",
    "document_type": "passport",
    "document_number": "P-0000-INVENTED",
    "document_expires": "2039-12-31",
    "email": "kanari@example.invalid",
}
# A passport's picture, as far as anybody but a reader of pictures can tell.
SCAN = Converted(
    "image/png", "5c" * 32, 9_000, (Picture(b"\x89PNG Kanari Vogelsang", "image/png", 640, 400),)
)
_numbers = count(1)


def officer(name: str = "officer") -> User:
    return _user(name, "compliance_officer")


def lead(name: str = "lead") -> User:
    return _with(_user(name, "compliance_officer"), Duty.LEAD)


def responsible(name: str = "responsible") -> User:
    return _with(_user(name, "compliance_officer"), Duty.RESPONSIBLE)


def ready(person: User) -> User:
    """With an authenticator: without one the back office shows nothing but its enrolment."""
    TOTPDevice.objects.get_or_create(user=person, name="authenticator", defaults={"confirmed": True})
    return person


def browser(person: User) -> Client:
    """Logged in as `person`."""
    client = Client()
    client.force_login(ready(person))
    return client


def operator(name: str = "") -> NodeOperator:
    name = name or f"operator-{next(_numbers)}"
    user = _user(name, "node_operator")
    return NodeOperator.objects.get_or_create(user=user, defaults={"operator_id": name})[0]


def draft(of: NodeOperator | None = None, **fields: str) -> KycRecord:
    of = of or operator()
    return applying.begin(of, DECLARED | fields, actor=of.user)


def submitted(of: NodeOperator | None = None, **fields: str) -> KycRecord:
    record = draft(of, **fields)
    storing.add(record, DocumentKind.PASSPORT, SCAN, actor=record.operator.user)
    return hand_in(record)


def hand_in(record: KycRecord) -> KycRecord:
    return applying.submit(record, actor=record.operator.user)


def answered(record: KycRecord) -> KycRecord:
    """Put right, answered, and taken again by its owner."""
    applying.edit(record, DECLARED, actor=record.operator.user)
    owner = record.owner or officer()
    return taking.claim(applying.answer(record, actor=record.operator.user), actor=owner)


def in_review(by: User | None = None, of: NodeOperator | None = None) -> KycRecord:
    """Taken by `by`, whose lease runs."""
    return taking.claim(submitted(of), actor=by or officer())


def marked(by: User | None = None, of: NodeOperator | None = None) -> KycRecord:
    """Everything in order."""
    record = in_review(by, of)
    for place in marking.places(record):
        record = marking.mark(record, place, Finding.GOOD, actor=record.owner or officer())
    return record


def asked(by: User | None = None) -> KycRecord:
    record = in_review(by)
    by = by or officer()
    marking.mark(record, "field:birth_date", Finding.BAD, actor=by, code="doesnt_match")
    return deciding.ask(record, actor=by)


def pending(by: User | None = None) -> KycRecord:
    """A high risk, approved by the first reviewer."""
    by = by or officer()
    return deciding.approve(marked(by), actor=by, risk=Risk.HIGH, code="verified_with_care")


def approved(by: User | None = None, of: NodeOperator | None = None, risk: Risk = Risk.LOW) -> KycRecord:
    by = by or officer()
    return deciding.approve(marked(by, of), actor=by, risk=risk, code="verified")


def rejected() -> KycRecord:
    return deciding.reject(in_review(), actor=officer(), code="identity_not_proven")


def expiring() -> KycRecord:
    record = approved()
    clock.freeze(_ends(record) - timedelta(days=settings.KYC_EXPIRING_DAYS))
    return enduring.begin_expiring(record)


def expired() -> KycRecord:
    record = approved()
    clock.freeze(_ends(record))
    return enduring.expire(record)


def suspended() -> KycRecord:
    return enduring.suspend(approved(), actor=None, code="screening_confirmed")


def revoked() -> KycRecord:
    return enduring.revoke(approved(), actor=officer(), code="operator_left")


IN_STATE: dict[State, Callable[[], KycRecord]] = {
    State.DRAFT: draft,
    State.SUBMITTED: submitted,
    State.IN_REVIEW: in_review,
    State.INFO_REQUESTED: asked,
    State.PENDING_SECOND_REVIEW: pending,
    State.APPROVED: approved,
    State.REJECTED: rejected,
    State.EXPIRING: expiring,
    State.EXPIRED: expired,
    State.SUSPENDED: suspended,
    State.REVOKED: revoked,
}


def _ends(record: KycRecord) -> datetime:
    assert record.expires_at is not None
    return record.expires_at


def _user(name: str, role: str) -> User:
    user, _ = User.objects.get_or_create(username=name, defaults={"role": role})
    return user


def _with(user: User, duty: Duty) -> User:
    if duty not in user.duties:
        staff.change_duties(user, duties=[*user.duties, duty], actor=None, evidence={})
    return User.objects.get(pk=user.pk)
