"""A record's way through the desk, as the desk's rules say it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from kyc import commitment
from kyc.models import Finding, InfoRequest, KycDecision, KycMark, KycRecord, KycStep, Risk
from kyc.models.operators import OperatorStatus as State
from kyc.review import (
    applying,
    committing,
    contents,
    deciding,
    enduring,
    marking,
    reading,
    sweeping,
    taking,
)
from kyc.review.errors import Conflict, InvalidFields, Refused
from kyc.review.reading import Purpose
from lucid_payments import clock
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from tests.kyc import desk

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
WHY = "a reason long enough to be one"


@pytest.fixture(autouse=True)
def _noon() -> None:
    clock.freeze(NOW)


def later(**by: float) -> None:
    clock.freeze(clock.now() + timedelta(**by))


def now_of(record: KycRecord) -> KycRecord:
    return KycRecord.objects.select_related("operator").get(pk=record.pk)


# --- the decision -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("risk", "until"), [(Risk.LOW, date(2029, 7, 15)), (Risk.MEDIUM, date(2028, 7, 15))])
def test_an_approval_verifies_the_operator_until_the_risk_s_next_verification(
    risk: Risk, until: date
) -> None:
    record = now_of(desk.approved(risk=risk))
    assert (record.state, record.operator.status) == (State.APPROVED, State.APPROVED)
    assert record.expires_at is not None
    assert record.expires_at.date() == until
    declared = contents.opened(record)
    assert commitment.matches(record.kyc_hash, committing.committed(record, declared), declared.salt)
    assert record.operator.kyc_hash == record.kyc_hash


def test_a_high_risk_takes_two_who_aren_t_the_same() -> None:
    first, second = desk.officer("first"), desk.officer("second")
    record = desk.pending(first)
    assert now_of(record).operator.status == State.PENDING_SECOND_REVIEW
    with pytest.raises(Conflict, match="first reviewer"):
        taking.claim(record, actor=first)
    record = deciding.confirm(taking.claim(record, actor=second), actor=second, code="verified_with_care")
    assert record.state == State.APPROVED
    assert record.expires_at is not None
    assert record.expires_at.date() == date(2027, 7, 15)
    assert list(KycDecision.objects.values_list("outcome", "by__username")) == [
        ("approved", "first"),
        ("confirmed", "second"),
    ]


@pytest.mark.parametrize(
    "change",
    ["second_reviewer_id = first_reviewer_id", "second_reviewer_id = NULL", "kyc_hash = ''"],
)
def test_the_database_itself_refuses_a_high_risk_approved_by_one(change: str) -> None:
    record, second = desk.pending(desk.officer("first")), desk.officer("second")
    deciding.confirm(taking.claim(record, actor=second), actor=second, code="verified")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE kyc_kycrecord SET {change}")


def test_the_second_reviewer_may_send_it_back_and_the_marks_stay() -> None:
    record, second = desk.pending(), desk.officer("second")
    back = deciding.send_back(taking.claim(record, actor=second), actor=second, code="evidence_missing")
    assert (back.state, back.risk, back.first_reviewer, back.owner) == (State.IN_REVIEW, "", None, None)
    assert marking.undecided(back) == []


def test_nothing_passes_before_each_thing_is_in_order() -> None:
    by = desk.officer()
    record = desk.marked(by)
    record = marking.mark(record, "field:city", Finding.BAD, actor=by, code="doesnt_match")
    with pytest.raises(Refused, match="field:city"):
        deciding.approve(record, actor=by, risk=Risk.LOW, code="verified")
    assert now_of(record).state == State.IN_REVIEW


def test_without_a_document_nobody_is_verified() -> None:
    by = desk.officer()
    bare = applying.submit(record := desk.draft(), actor=record.operator.user)
    taking.claim(bare, actor=by)
    for place in marking.places(bare):
        marking.mark(bare, place, Finding.GOOD, actor=by)
    with pytest.raises(Refused, match="No document"):
        deciding.approve(bare, actor=by, risk=Risk.LOW, code="verified")
    assert now_of(bare).state == State.IN_REVIEW


def test_who_handed_it_in_for_the_applicant_doesn_t_review_it() -> None:
    by = desk.officer()
    record = applying.submit(desk.draft(), actor=by)
    with pytest.raises(Conflict, match="another person"):
        taking.claim(record, actor=by)
    assert taking.take_next(actor=by) is None
    assert taking.take_next(actor=desk.officer("other")) == record


@pytest.mark.parametrize("code", ["unreadable", "verified", "", "no such reason"])
def test_only_a_final_reason_rejects(code: str) -> None:
    by = desk.officer()
    record = desk.in_review(by)
    with pytest.raises(Refused):
        deciding.reject(record, actor=by, code=code)
    assert now_of(record).state == State.IN_REVIEW
    assert not KycDecision.objects.exists()


def test_a_decision_on_what_has_changed_since_isn_t_taken() -> None:
    by = desk.officer()
    record = desk.marked(by)
    taking.note(record, actor=desk.officer("other"), text="look at page two")
    with pytest.raises(Conflict, match="changed since"):
        deciding.approve(record, actor=by, risk=Risk.LOW, code="verified", seen=record.revision)


# --- asking the applicant -----------------------------------------------------------------------------------


def test_all_that_is_wrong_goes_out_as_one_request_and_the_clock_stands_until_the_answer() -> None:
    by = desk.officer()
    record = desk.marked(by)
    for place in ("field:birth_date", "field:street"):
        record = marking.mark(record, place, Finding.BAD, actor=by, code="doesnt_match")
    due = record.due_at
    assert due is not None
    record = deciding.ask(record, actor=by, text="Please look at your passport.")
    request = InfoRequest.objects.get()
    assert [item["place"] for item in request.items] == ["field:birth_date", "field:street"]
    later(days=3)
    applicant = record.operator.user
    record = applying.edit(
        record, desk.DECLARED | {"birth_date": "1984-02-28", "city": "Graz"}, actor=applicant
    )
    record = applying.answer(record, actor=applicant)
    assert (record.state, record.due_at) == (State.IN_REVIEW, due + timedelta(days=3))
    assert record.woke_because == "answered"
    # What was wrong and what reads otherwise now is looked at again; the rest stays decided.
    assert set(marking.undecided(record)) == {"field:birth_date", "field:street", "field:city"}


def test_who_asks_must_say_what_is_wrong() -> None:
    by = desk.officer()
    record = desk.marked(by)
    with pytest.raises(Refused, match="Mark"):
        deciding.ask(record, actor=by)
    assert not InfoRequest.objects.exists()


def test_a_request_that_nobody_answers_closes_by_itself() -> None:
    record = desk.asked()
    later(days=14, seconds=-1)
    assert sweeping.sweep() == 0
    later(seconds=1)
    assert sweeping.sweep() == 1
    record = now_of(record)
    assert (record.state, record.reason_code) == (State.REJECTED, "not_answered")
    assert InfoRequest.objects.get().lapsed_at == clock.now()
    with pytest.raises(Conflict):
        applying.answer(record, actor=record.operator.user)


# --- who has it ---------------------------------------------------------------------------------------------


def test_take_next_gives_the_oldest_due_that_is_free() -> None:
    records = []
    for _ in range(6):
        records.append(desk.submitted())
        later(minutes=1)
    held, asleep, escalated, kept, free, newest = records
    taking.claim(held, actor=desk.officer("holder"))
    taking.snooze(
        taking.claim(asleep, actor=desk.officer("sleeper")),
        actor=desk.officer("sleeper"), until=clock.now() + timedelta(days=1), reason=WHY,
    )  # fmt: skip
    someone = desk.officer("someone")
    taking.escalate(taking.claim(escalated, actor=someone), actor=someone, code="unsure", reason=WHY)
    KycRecord.objects.filter(pk=kept.pk).update(restricted_at=clock.now())
    assert taking.take_next(actor=desk.officer()) == free
    assert taking.take_next(actor=desk.responsible()) == escalated
    assert taking.take_next(actor=desk.officer()) == newest
    assert taking.take_next(actor=desk.officer()) is None


def test_a_lease_lasts_thirty_minutes_and_nothing_is_lost_with_it() -> None:
    by = desk.officer()
    record = desk.marked(by)
    later(minutes=20)
    taking.renew(record, actor=by)
    later(minutes=29)
    assert sweeping.sweep() == 0
    later(minutes=1)
    with pytest.raises(Conflict, match="lease is over"):
        deciding.approve(record, actor=by, risk=Risk.LOW, code="verified")
    assert sweeping.sweep() == 1
    record = now_of(record)
    assert (record.owner, record.woke_because, record.state) == (None, "lease_over", State.IN_REVIEW)
    other = desk.officer("other")
    taken = taking.claim(record, actor=other)
    assert deciding.approve(taken, actor=other, risk=Risk.LOW, code="verified").state == State.APPROVED


def test_taking_over_needs_a_reason_and_ends_the_other_s_lease() -> None:
    first, second = desk.officer("first"), desk.officer("second")
    record = desk.marked(first)
    with pytest.raises(Conflict, match="first has it until 12:30 UTC"):
        taking.claim(record, actor=second)
    with pytest.raises(Refused):
        taking.steal(record, actor=second, reason="because")
    taking.steal(record, actor=second, reason=WHY)
    with pytest.raises(Conflict, match="isn't yours"):
        deciding.approve(record, actor=first, risk=Risk.LOW, code="verified")
    step = KycStep.objects.get(act="taken_over")
    assert step.details == {"taken_from": "first"}
    assert step.note is not None
    assert contents.note_text(step.note) == WHY


def test_what_was_put_off_comes_back_with_its_reason() -> None:
    by = desk.officer()
    record = desk.in_review(by)
    taking.snooze(record, actor=by, until=clock.now() + timedelta(days=1), reason=WHY)
    later(days=1)
    assert sweeping.sweep() == 1
    record = now_of(record)
    assert (record.snoozed_until, record.woke_because, record.owner) == (None, "snooze_over", by)


@pytest.mark.parametrize("days", [-1, 0, 31])
def test_it_is_put_off_for_a_while_and_no_longer(days: int) -> None:
    by = desk.officer()
    record = desk.in_review(by)
    with pytest.raises(Refused):
        taking.snooze(record, actor=by, until=clock.now() + timedelta(days=days), reason=WHY)


def test_a_lead_gives_a_case_to_who_can_review_it_alone() -> None:
    record = desk.pending(desk.officer("first"))
    for to in (desk.officer("first"), desk.operator().user):
        with pytest.raises(Refused):
            taking.reassign(record, actor=desk.lead(), to=to, reason=WHY)
    given = taking.reassign(record, actor=desk.lead(), to=desk.officer("second"), reason=WHY)
    assert given.owner == desk.officer("second")
    assert deciding.confirm(given, actor=desk.officer("second"), code="verified").state == State.APPROVED


# --- after the approval -------------------------------------------------------------------------------------


def test_a_re_verification_stands_beside_what_holds_and_replaces_it_when_approved() -> None:
    of = desk.operator()
    first = desk.approved(of=of)
    later(days=30 * 35)
    second = desk.in_review(of=of)
    assert (second.number, now_of(second).operator.status) == (2, State.APPROVED)
    rejected = deciding.reject(second, actor=desk.officer(), code="outside_risk_appetite")
    assert now_of(rejected).operator.status == State.APPROVED
    third = desk.approved(of=of)
    first = now_of(first)
    assert first.replaced_by == third
    assert first.retain_until == deciding.kept_from(clock.now())
    assert first.operator.kyc_hash == third.kyc_hash
    # What was replaced doesn't come back: it neither expires nor is suspended any more.
    later(days=30 * 3)
    assert sweeping.sweep() == 0
    with pytest.raises(Conflict, match="replaced"):
        enduring.revoke(first, actor=desk.officer(), code="operator_left")


def test_time_ends_an_approval_in_two_steps() -> None:
    record = desk.approved()
    assert record.expires_at is not None
    clock.freeze(record.expires_at - timedelta(days=30))
    assert sweeping.sweep() == 1
    assert now_of(record).operator.status == State.EXPIRING
    clock.freeze(record.expires_at)
    assert sweeping.sweep() == 1
    assert now_of(record).operator.status == State.EXPIRED


def test_a_document_that_expires_suspends_at_once() -> None:
    of = desk.operator()
    record = taking.claim(desk.submitted(of, document_expires="2026-08-01"), actor=desk.officer())
    for place in marking.places(record):
        record = marking.mark(record, place, Finding.GOOD, actor=desk.officer())
    deciding.approve(record, actor=desk.officer(), risk=Risk.LOW, code="verified")
    clock.freeze(datetime(2026, 8, 1, 23, tzinfo=UTC))
    assert sweeping.sweep() == 0
    clock.freeze(datetime(2026, 8, 2, tzinfo=UTC))
    assert sweeping.sweep() == 1
    record = now_of(record)
    assert (record.operator.status, record.reason_code) == (State.SUSPENDED, "document_expired")


def test_another_person_than_who_suspended_lifts_it() -> None:
    by = desk.officer()
    record = enduring.suspend(desk.approved(), actor=by, code="information_doubtful")
    with pytest.raises(Conflict, match="another person"):
        enduring.reinstate(record, actor=by, code="cleared")
    assert enduring.reinstate(record, actor=desk.officer("other"), code="cleared").state == State.APPROVED


# --- what is told, and to whom ------------------------------------------------------------------------------


def test_the_applicant_hears_of_the_outcome_and_never_of_a_list() -> None:
    by = desk.officer()
    record = desk.in_review(by)
    deciding.reject(record, actor=by, code="screening_confirmed", text="Matches an entry.")
    owner = record.operator.user
    told = list(Event.objects.filter(owner=owner).order_by("pk").values_list("type", "payload__reasons"))
    assert told == [("kyc.submitted", []), ("kyc.rejected", ["not_accepted"])]
    assert not Event.objects.filter(owner=owner, payload__icontains="screening").exists()


def test_the_applicant_isn_t_told_of_the_second_review() -> None:
    record = desk.pending()
    owner = record.operator.user
    assert list(Event.objects.filter(owner=owner).values_list("type", flat=True)) == ["kyc.submitted"]


def test_nobody_s_data_stands_in_steps_audit_or_events() -> None:
    by = desk.officer()
    record = desk.marked(by)
    record = taking.note(record, actor=by, text=f"{desk.NAME} called from 1010 Wien")
    deciding.approve(record, actor=by, risk=Risk.LOW, code="verified", text=f"{desk.NAME} it is")
    rows = [
        *KycStep.objects.values_list("act", "details", "actor_label", "reason_code"),
        *AuditEntry.objects.values_list("action", "object_label", "details"),
        *Event.objects.values_list("type", "subject_id", "payload"),
        *KycRecord.objects.values_list(),
    ]
    everything = json.dumps(rows, default=str)
    # A country is no secret, and the day a document ends must be known without opening anything.
    for field in set(desk.DECLARED) - {
        "nationality",
        "country",
        "postcode",
        "document_type",
        "document_expires",
    }:
        assert desk.DECLARED[field] not in everything, field
    assert desk.NAME.split()[0] not in everything


def test_reading_leaves_a_trace_and_is_for_the_desk_the_auditor_and_oneself() -> None:
    record = desk.submitted()
    for who in (desk.officer(), record.operator.user):
        assert reading.read(record, actor=who, purpose=Purpose.REVIEW).fields["full_name"] == desk.NAME
    assert AuditEntry.objects.filter(action="kyc.read").count() == 2
    for role in ("admin", "payout_approver", "service", "node_operator"):
        stranger = desk._user(f"a {role}", role)
        with pytest.raises(Refused):
            reading.read(record, actor=stranger, purpose=Purpose.REVIEW)
    assert AuditEntry.objects.filter(action="kyc.read").count() == 2


# --- what may be declared -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("full_name", ""),
        ("full_name", "x" * 201),
        ("full_name", "Kanari\0Vogelsang"),
        ("full_name", 7),
        ("birth_date", "1984-02-30"),
        ("birth_date", "2026-07-16"),
        ("birth_date", "29.02.1984"),
        ("nationality", "at"),
        ("document_type", "driving_licence"),
        ("document_expires", "2026-07-14"),
        ("email", "kanari"),
        ("risk", "low"),
    ],
)
def test_what_can_t_be_declared_is_named_without_repeating_it(field: str, value: object) -> None:
    of = desk.operator()
    with pytest.raises(InvalidFields) as refused:
        applying.begin(of, desk.DECLARED | {field: value}, actor=of.user)
    assert set(refused.value.problems) == {field}
    assert not KycRecord.objects.exists()


def test_one_undecided_application_at_a_time() -> None:
    of = desk.operator()
    desk.draft(of)
    with pytest.raises(Conflict):
        applying.begin(of, desk.DECLARED, actor=of.user)
    assert KycRecord.objects.count() == 1


def test_a_person_is_found_by_a_whole_value_capitals_and_blanks_aside() -> None:
    record = desk.submitted()
    desk.submitted(full_name="Somebody Else")
    assert contents.find("full_name", desk.NAME.upper().replace(" ", "  ")) == [record]
    assert contents.find("full_name", desk.NAME.split()[0]) == []


def test_a_mark_is_of_something_declared_and_has_a_reason_when_it_is_bad() -> None:
    by = desk.officer()
    record = desk.in_review(by)
    for place, finding, code in (
        ("field:shoe_size", Finding.GOOD, ""),
        ("field:city", Finding.BAD, ""),
        ("field:city", Finding.BAD, "underage"),
        ("field:city", Finding.GOOD, "unreadable"),
    ):
        with pytest.raises(Refused):
            marking.mark(record, place, finding, actor=by, code=code)
    assert not KycMark.objects.exists()
