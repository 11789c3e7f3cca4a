"""Names against the lists at the desk: cases for people, no approval while one stands, suspended once confirmed."""

from __future__ import annotations

from typing import Any

import pytest

from kyc import vault
from kyc.models import (
    CaseState,
    KycRecord,
    ListVersion,
    Moment,
    Node,
    Risk,
    ScreeningCase,
    ScreeningEncounter,
)
from kyc.models.operators import OperatorStatus as State
from kyc.review import contents, deciding, enduring, rights, taking
from kyc.review.errors import Refused
from kyc.screening import cases, rescreening
from lucid_payments.accounts.models import User
from payouts.manager import PayoutManager
from payouts.order import PayoutOrder
from tests.kyc import desk
from tests.kyc.attestations import attest
from tests.kyc.screening.lists import listing, people, put_in_force, sdn_xml, stage, tron

pytestmark = pytest.mark.django_db
SDN = {"name": "ofac-sdn", "format": "ofac_sdn"}
LISTED = "Ivan Inventorov"


def list_names(*names: str) -> ListVersion:
    return put_in_force(
        stage(sdn_xml([(n, name, [("TRX", tron(name))]) for n, name in enumerate(names)]), SDN)
    )


def decide_all(to: CaseState, code: str) -> None:
    for case in ScreeningCase.objects.filter(kind="name").exclude(state=to):
        cases.decide(case, to, by=people()[0], code=code, note="", details={})


def state_of(record: KycRecord) -> tuple[str, str]:
    found = KycRecord.objects.select_related("operator").get(pk=record.pk)
    return found.state, found.operator.status


def test_a_listed_name_opens_a_case_when_it_is_submitted_and_refuses_nobody() -> None:
    list_names(LISTED)
    record = desk.submitted(full_name="Inventorov, Ivan")
    assert state_of(record)[0] == State.SUBMITTED
    case = ScreeningCase.objects.filter(entry__value=LISTED).get()
    assert (case.subject, case.state) == (f"operator {record.operator.operator_id}", CaseState.OPEN)
    met = ScreeningEncounter.objects.get(case=case)
    assert (met.moment, met.about) == (Moment.REGISTRATION, f"application {record.public_id}")


def test_nothing_is_approved_while_a_hit_stands() -> None:
    officer = desk.officer()
    record = desk.marked(officer)
    list_names(desk.DECLARED["full_name"])
    with pytest.raises(Refused, match="screening cases"):
        deciding.approve(record, actor=officer, risk=Risk.LOW, code="verified")
    assert state_of(record)[0] == State.IN_REVIEW
    assert rescreening.work() > 0
    decide_all(CaseState.CLEARED, "another_person")
    deciding.approve(record, actor=officer, risk=Risk.LOW, code="verified")
    assert state_of(record) == (State.APPROVED, State.APPROVED)


def test_a_second_reviewer_is_held_to_it_too() -> None:
    first, second = desk.officer("first"), desk.officer("second")
    record = desk.pending(first)
    list_names(desk.DECLARED["full_name"])
    taken = taking.claim(record, actor=second)
    with pytest.raises(Refused, match="screening cases"):
        deciding.confirm(taken, actor=second, code="verified_with_care")
    assert state_of(record)[0] == State.PENDING_SECOND_REVIEW


def test_who_stands_verified_is_compared_when_a_list_comes_into_force() -> None:
    record = desk.approved()
    list_names(desk.DECLARED["full_name"])
    assert rescreening.work() > 0
    assert ScreeningEncounter.objects.filter(
        case__kind="name", moment=Moment.ACTIVATION, about=f"application {record.public_id}"
    ).exists()
    # A candidate is for a person to look at.
    assert state_of(record) == (State.APPROVED, State.APPROVED)


def test_a_confirmed_name_suspends_at_once_and_another_person_reinstates() -> None:
    record = desk.approved()
    list_names(desk.DECLARED["full_name"])
    rescreening.work()
    decide_all(CaseState.CONFIRMED, "same_person")
    assert state_of(record) == (State.SUSPENDED, State.SUSPENDED)
    enduring.reinstate(record, actor=people()[1], code="hit_cleared")
    assert state_of(record)[0] == State.APPROVED


def test_a_confirmed_wallet_suspends_its_nodes_operator() -> None:
    record = desk.approved()
    record.operator.nodes.create(node_id="node-1")
    attested = attest(Node.objects.select_related("operator").get())
    listing(attested.wallet)
    rescreening.work()
    case = ScreeningCase.objects.get(subject=attested.wallet)
    cases.decide(case, CaseState.CONFIRMED, by=people()[0], code="same_address", note="", details={})
    assert state_of(record) == (State.SUSPENDED, State.SUSPENDED)


def test_a_ring_of_keys_that_is_away_keeps_no_recipient_from_being_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk.approved()
    service = User.objects.create_user("service", role="service")
    PayoutManager.create(
        creator=service,
        order=PayoutOrder(recipient_address=tron("met"), amount=1_000_000, reason="relay work"),
    )
    listing(tron("met"))

    def away(*asked: Any, **more: Any) -> Any:
        raise vault.KeysUnavailable("The ring is away.")

    monkeypatch.setattr(contents, "opened", away)
    with pytest.raises(vault.KeysUnavailable):
        rescreening.work()
    assert ScreeningCase.objects.filter(subject=tron("met")).exists()
    # Names are compared once it is back.
    assert rescreening.open_now() is not None


def test_a_corrected_name_is_compared_at_once() -> None:
    record = desk.approved()
    list_names(LISTED)
    declared = {**desk.DECLARED, "full_name": LISTED}
    rights.correct(record, declared, actor=desk.officer("other"), reason="A letter of today")
    case = ScreeningCase.objects.filter(kind="name", entry__value=LISTED).get()
    assert case.subject == f"operator {record.operator.operator_id}"


def test_a_hit_on_who_stands_verified_no_more_is_confirmed_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The record ends between the look for it and its lock."""
    record = desk.approved()
    list_names(desk.DECLARED["full_name"])
    rescreening.work()
    real = enduring.suspend

    def late(row: KycRecord, **how: Any) -> KycRecord:
        KycRecord.objects.filter(pk=row.pk).update(state=State.EXPIRED)
        return real(row, **how)

    monkeypatch.setattr(enduring, "suspend", late)
    decide_all(CaseState.CONFIRMED, "same_person")
    assert state_of(record)[0] == State.EXPIRED
    assert not ScreeningCase.objects.filter(kind="name").exclude(state=CaseState.CONFIRMED).exists()


def test_somebody_elses_hit_suspends_nobody() -> None:
    record = desk.approved()
    list_names(LISTED)
    other = desk.submitted(full_name=LISTED)
    decide_all(CaseState.CONFIRMED, "same_person")
    assert state_of(record) == (State.APPROVED, State.APPROVED)
    assert state_of(other)[0] == State.SUBMITTED
