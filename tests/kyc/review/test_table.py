"""Every state, every act, everybody: what the policy answers, and that an act obeys it and changes nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from kyc.documents import storing
from kyc.models import DocumentKind, Finding, KycMark, KycRecord, KycStep, Risk
from kyc.models.operators import OperatorStatus as State
from kyc.review import applying, deciding, enduring, erasing, marking, policy, rights, sweeping, taking
from kyc.review.errors import ReviewError
from kyc.review.policy import Act
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from tests.kyc import desk

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
WHY = "a reason long enough to be one"

REVIEWABLE = {State.SUBMITTED, State.IN_REVIEW, State.PENDING_SECOND_REVIEW}
VALID = {State.APPROVED, State.EXPIRING}
# Each act: the states in which the right person may do it. Written out, not taken from the policy.
STATES: dict[Act, set[State]] = {
    Act.EDIT: {State.DRAFT, State.INFO_REQUESTED},
    Act.ADD_DOCUMENT: {State.DRAFT, State.INFO_REQUESTED},
    Act.SUBMIT: {State.DRAFT},
    Act.ANSWER: {State.INFO_REQUESTED},
    Act.CLAIM: REVIEWABLE,
    Act.STEAL: REVIEWABLE,
    Act.RENEW: REVIEWABLE,
    Act.RELEASE: REVIEWABLE,
    Act.REASSIGN: REVIEWABLE | {State.INFO_REQUESTED},
    Act.ESCALATE: REVIEWABLE,
    Act.SNOOZE: REVIEWABLE,
    Act.WAKE: REVIEWABLE,
    Act.MARK: {State.IN_REVIEW},
    Act.NOTE: set(State),
    Act.ASK: {State.IN_REVIEW},
    Act.APPROVE: {State.IN_REVIEW},
    Act.CONFIRM: {State.PENDING_SECOND_REVIEW},
    Act.RETURN: {State.PENDING_SECOND_REVIEW},
    Act.REJECT: {State.IN_REVIEW, State.PENDING_SECOND_REVIEW},
    Act.SUSPEND: VALID,
    Act.REINSTATE: {State.SUSPENDED},
    Act.REVOKE: VALID | {State.SUSPENDED, State.EXPIRED},
    Act.CORRECT: set(State) - {State.DRAFT, State.INFO_REQUESTED},
    Act.RESTRICT: set(State),
    Act.UNRESTRICT: set(State),
    Act.HOLD: set(State),
    Act.LIFT_HOLD: set(State),
    Act.ERASE: set(State) - REVIEWABLE - {State.INFO_REQUESTED},
    Act.CLOSE: {State.INFO_REQUESTED},
    Act.EXPIRING: {State.APPROVED},
    Act.EXPIRE: VALID,
    Act.LAPSE_LEASE: REVIEWABLE | {State.INFO_REQUESTED},
}
APPLICANTS = {Act.EDIT, Act.ADD_DOCUMENT, Act.SUBMIT, Act.ANSWER}
SYSTEMS = {Act.CLOSE, Act.EXPIRING, Act.EXPIRE, Act.LAPSE_LEASE}
SYSTEMS_TOO = {Act.SUSPEND, Act.WAKE, Act.ERASE}
# Acts of whoever has the record now.
NEEDS_OWN_LEASE = {
    Act.RENEW, Act.RELEASE, Act.ESCALATE, Act.SNOOZE, Act.MARK, Act.ASK, Act.APPROVE, Act.CONFIRM, Act.RETURN,
    Act.REJECT,
}  # fmt: skip

CALLS: dict[Act, Callable[[KycRecord, User], object]] = {
    Act.EDIT: lambda r, a: applying.edit(r, desk.DECLARED | {"city": "Linz"}, actor=a),
    Act.ADD_DOCUMENT: lambda r, a: storing.add(r, DocumentKind.PASSPORT, desk.SCAN, actor=a),
    Act.SUBMIT: lambda r, a: applying.submit(r, actor=a),
    Act.ANSWER: lambda r, a: applying.answer(r, actor=a),
    Act.CLAIM: lambda r, a: taking.claim(r, actor=a),
    Act.STEAL: lambda r, a: taking.steal(r, actor=a, reason=WHY),
    Act.RENEW: lambda r, a: taking.renew(r, actor=a),
    Act.RELEASE: lambda r, a: taking.release(r, actor=a),
    Act.REASSIGN: lambda r, a: taking.reassign(r, actor=a, to=desk.officer("third"), reason=WHY),
    Act.ESCALATE: lambda r, a: taking.escalate(r, actor=a, code="unsure", reason=WHY),
    Act.SNOOZE: lambda r, a: taking.snooze(r, actor=a, until=clock.now() + timedelta(days=2), reason=WHY),
    Act.WAKE: lambda r, a: taking.wake(r, actor=a),
    Act.MARK: lambda r, a: marking.mark(r, "field:city", Finding.GOOD, actor=a),
    Act.NOTE: lambda r, a: taking.note(r, actor=a, text="seen"),
    Act.ASK: lambda r, a: deciding.ask(r, actor=a),
    Act.APPROVE: lambda r, a: deciding.approve(r, actor=a, risk=Risk.LOW, code="verified"),
    Act.CONFIRM: lambda r, a: deciding.confirm(r, actor=a, code="verified"),
    Act.RETURN: lambda r, a: deciding.send_back(r, actor=a, code="not_convinced"),
    Act.REJECT: lambda r, a: deciding.reject(r, actor=a, code="underage"),
    Act.SUSPEND: lambda r, a: enduring.suspend(r, actor=a, code="information_doubtful"),
    Act.REINSTATE: lambda r, a: enduring.reinstate(r, actor=a, code="cleared"),
    Act.REVOKE: lambda r, a: enduring.revoke(r, actor=a, code="operator_left"),
    Act.CORRECT: lambda r, a: rights.correct(r, desk.DECLARED | {"city": "Linz"}, actor=a, reason=WHY),
    Act.RESTRICT: lambda r, a: rights.restrict(r, actor=a, reason=WHY),
    Act.UNRESTRICT: lambda r, a: rights.unrestrict(r, actor=a, reason=WHY),
    Act.HOLD: lambda r, a: rights.hold(r, actor=a, reason=WHY),
    Act.LIFT_HOLD: lambda r, a: rights.lift_hold(r, actor=a, reason=WHY),
    Act.ERASE: lambda r, a: erasing.erase(r, actor=a, second=desk.officer("third"), code="person_asked"),
}
ROLES = (
    "applicant", "stranger", "officer", "lead", "responsible", "auditor", "admin", "payout_approver",
    "service", "end_user",
)  # fmt: skip
OFFICERS = {"officer", "lead", "responsible"}
SITTING: dict[str, User] = {}
COLUMNS = [field.attname for field in KycRecord._meta.concrete_fields]


@pytest.fixture(autouse=True)
def _noon() -> None:
    clock.freeze(NOW)


def person(who: str, record: KycRecord) -> User:
    if who == "applicant":
        return record.operator.user
    if who == "stranger":
        return desk.operator("stranger").user
    if who in OFFICERS:
        # The officers of this table had no part in bringing the record to its state.
        return {"officer": desk.officer, "lead": desk.lead, "responsible": desk.responsible}[who](
            f"other {who}"
        )
    return User.objects.get_or_create(username=who, defaults={"role": who})[0]


def expected(act: Act, state: State, who: str) -> bool:
    """For a record that fits the act in every other way: free to be taken, or held by who acts."""
    if state not in STATES[act]:
        return False
    if act in APPLICANTS:
        return who == "applicant" or who in OFFICERS
    if act in (Act.REASSIGN, Act.LIFT_HOLD):
        return who in {"lead", "responsible"}
    return act not in SYSTEMS and who in OFFICERS


def fit(record: KycRecord, act: Act, actor: User) -> KycRecord:
    """Everything but person and state as the act needs it; not saved."""
    later = NOW + timedelta(minutes=10)
    record.owner, record.lease_until, record.snoozed_until = None, None, None
    if act in NEEDS_OWN_LEASE:
        record.owner, record.lease_until = actor, later
    elif act is Act.STEAL:
        record.owner, record.lease_until = SITTING["person"], later
    elif act is Act.WAKE:
        record.snoozed_until = later
    record.restricted_at = NOW if act is Act.UNRESTRICT else None
    record.legal_hold_since = NOW if act is Act.LIFT_HOLD else None
    record.retain_until = NOW if act is Act.ERASE else record.retain_until
    return record


def mark_all(record: KycRecord, act: Act, actor: User) -> None:
    finding, code = (Finding.GOOD, "") if act is Act.APPROVE else (Finding.BAD, "unreadable")
    KycMark.objects.filter(record=record).delete()
    KycMark.objects.bulk_create(
        KycMark(record=record, place=place, finding=finding, reason_code=code, version=1, by=actor, at=NOW)
        for place in marking.places(record)
    )


def snapshot(record: KycRecord) -> tuple[Any, tuple[int, ...]]:
    """The record and its operator as they are stored, and how many rows tell of acts."""
    row = KycRecord.objects.filter(pk=record.pk).values("operator__status", "operator__kyc_hash", *COLUMNS)[0]
    return row, (KycStep.objects.count(), AuditEntry.objects.count(), Event.objects.count())


@pytest.mark.parametrize("state", list(State))
def test_each_act_is_done_by_whom_it_belongs_to_in_its_states_and_by_nobody_else(state: State) -> None:
    made = desk.IN_STATE[state]()
    assert made.state == state
    people = {who: person(who, made) for who in ROLES}
    SITTING["person"] = desk.officer("sitting on it")
    now = clock.now()
    for act in CALLS:
        for who, actor in people.items():
            verdict = policy.may(actor, act, fit(made, act, actor), now)
            assert bool(verdict) is expected(act, state, who), f"{act} by {who} while {state}"
            assert bool(verdict.reason) is not bool(verdict)


@pytest.mark.parametrize("state", list(State))
def test_the_act_itself_obeys_and_a_refusal_changes_nothing(state: State) -> None:
    made = desk.IN_STATE[state]()
    SITTING["person"] = desk.officer("sitting on it")
    for number, act in enumerate(CALLS):
        for who in ("responsible", ("auditor", "applicant")[number % 2]):
            _try(made, act, who, expected(act, state, who))


def _try(made: KycRecord, act: Act, who: str, allowed: bool) -> None:
    words = f"{act} by {who} while {made.state}"
    with transaction.atomic():
        actor = person(who, made)
        record = fit(KycRecord.objects.get(pk=made.pk), act, actor)
        record.save()
        if act in (Act.APPROVE, Act.ASK):
            mark_all(record, act, actor)
        before, told_before = snapshot(record)
        if allowed:
            CALLS[act](record, actor)
            after, told = snapshot(record)
            assert after != before, words
            # A renewal is a sign of life and no step; the vault tells of a key's end itself.
            more = (1, 2, 1) if act is Act.ERASE else (act is not Act.RENEW,) * 3
            assert told == tuple(number + one for number, one in zip(told_before, more, strict=True)), words
        else:
            with pytest.raises(ReviewError):
                CALLS[act](record, actor)
            assert snapshot(record) == (before, told_before), words
        transaction.set_rollback(True)


@pytest.mark.parametrize("state", list(State))
def test_what_comes_by_itself_is_the_system_s_in_its_states(state: State) -> None:
    record = desk.IN_STATE[state]()
    for act in Act:
        if act in (Act.BEGIN, Act.REPLACE):
            continue
        allowed = state in STATES[act] and (act in SYSTEMS or act in SYSTEMS_TOO)
        fitting = fit(record, act, person("officer", record))
        assert bool(policy.may(None, act, fitting, clock.now())) is allowed, act


@pytest.mark.parametrize("state", list(State))
def test_a_sweep_before_its_time_changes_nothing(state: State) -> None:
    record = desk.IN_STATE[state]()
    before = snapshot(record)
    sweeping.sweep()
    assert snapshot(record) == before
