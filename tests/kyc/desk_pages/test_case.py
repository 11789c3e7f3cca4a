"""The case page: masked until asked for, marks saved as they are made, and acts by the one policy."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from kyc.desk.acts import OFFERED
from kyc.models import Finding, KycMark, KycNote, KycRecord, Risk
from kyc.models.operators import OperatorStatus as State
from kyc.review import marking, taking
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice import acts
from tests.kyc import desk
from tests.kyc.desk_pages.conftest import NOW
from tests.lucid_payments.backoffice.people import hidden
from tests.payouts.admin import world

pytestmark = pytest.mark.django_db
SECRETS = (desk.NAME, desk.DECLARED["document_number"], desk.DECLARED["email"], desk.DECLARED["street"])


def url(record: KycRecord) -> str:
    return f"/admin/kyc/kycrecord/{record.public_id}/"


def step(client: Client, record: KycRecord, name: str, **given: Any) -> Any:
    return client.post(f"{url(record)}step/{name}/", given)


def said(client: Client, record: KycRecord) -> str:
    return client.get(url(record)).content.decode()


def decide(client: Client, user: User, record: KycRecord, kind: str, **answers: Any) -> Any:
    path = acts.url(kind, record.public_id)
    form = hidden(client.get(path).content.decode())
    return client.post(path, {**form, **answers})


def test_nothing_personal_shows_before_it_is_asked_for_and_each_look_is_kept() -> None:
    me = desk.officer("me")
    record = desk.in_review(me)
    taking.note(record, actor=me, text=f"{desk.NAME} rang back")
    client = desk.browser(me)
    masked = said(client, record)
    assert not [secret for secret in SECRETS if secret in masked]
    assert not AuditEntry.objects.filter(action__in=("kyc.read", "kyc.notes_read")).exists()

    shown = client.get(f"{url(record)}?purpose=review")
    page = shown.content.decode()
    assert [secret for secret in (*SECRETS, f"{desk.NAME} rang back") if secret not in page] == []
    assert shown["Cache-Control"].find("no-store") >= 0
    for action in ("kyc.read", "kyc.notes_read"):
        entry = AuditEntry.objects.get(action=action)
        assert (entry.actor_id, entry.details["purpose"]) == (me.pk, "review")
        assert desk.NAME not in str(entry.details)
    title = re.search(r"<title>(.*?)</title>", page, re.S)
    assert title is not None
    assert desk.NAME not in title[1]
    assert not [link for link in re.findall(r'(?:href|action|src)="([^"]*)"', page) if "Kanari" in link]


@pytest.mark.parametrize("purpose", ["", "curiosity", "applicant", "review%00", "REVIEW"])
def test_without_a_purpose_of_the_list_it_stays_masked(purpose: str) -> None:
    me = desk.officer("me")
    record = desk.in_review(me)
    page = desk.browser(me).get(f"{url(record)}?purpose={purpose}").content.decode()
    assert not [secret for secret in SECRETS if secret in page]
    assert not AuditEntry.objects.filter(action="kyc.read").exists()


def test_a_mark_is_saved_as_it_is_made_and_renews_the_lease() -> None:
    me = desk.officer("me")
    record = desk.in_review(me)
    document = next(place for place in marking.places(record) if place.startswith("document:"))
    client = desk.browser(me)
    clock.freeze(NOW + timedelta(minutes=20))
    answer = client.post(
        f"{url(record)}step/mark/?purpose=review&zoom=200&junk=%2Fevil", {"place": "field:city"}
    )
    assert answer["Location"] == f"{url(record)}?purpose=review&zoom=200#at-field-city"
    step(client, record, "mark", place=document, refuse="unreadable")
    marks = {mark.place: (mark.finding, mark.reason_code) for mark in KycMark.objects.filter(record=record)}
    assert marks == {"field:city": (Finding.GOOD, ""), document: (Finding.BAD, "unreadable")}
    record.refresh_from_db()
    assert record.lease_until == NOW + timedelta(minutes=50)
    page = said(client, record)
    assert "Can&#x27;t be read: blurred, cut off, too dark" in page
    assert "made 2 marks" in page


def test_in_place_only_the_part_comes_back_with_nothing_opened() -> None:
    me = desk.officer("me")
    record = desk.in_review(me)
    answer = desk.browser(me).post(
        f"{url(record)}step/mark/", {"place": "field:city"}, headers={"X-Requested-With": "fetch"}
    )
    told = answer.json()
    assert told["revision"] == record.revision + 1
    assert "In order" in told["mark"]
    assert "1 of 12 in order" in told["progress"]
    assert not AuditEntry.objects.filter(action="kyc.read").exists()


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"place": "field:shoe_size"}, 403),
        ({"place": "field:city", "refuse": "ugly"}, 403),
        ({}, 403),
    ],
)
def test_what_is_no_mark_changes_nothing(given: dict[str, str], status: int) -> None:
    me = desk.officer("me")
    record = desk.in_review(me)
    answer = desk.browser(me).post(f"{url(record)}step/mark/", given, headers={"X-Requested-With": "fetch"})
    assert answer.status_code == status
    assert not KycMark.objects.exists()
    assert KycRecord.objects.get(pk=record.pk).revision == record.revision


def test_who_lost_the_lease_is_told_and_what_was_marked_stays() -> None:
    me, other = desk.officer("me"), desk.officer("other")
    record = desk.in_review(me)
    client = desk.browser(me)
    step(client, record, "mark", place="field:city")
    taking.steal(record, actor=other, reason="on leave from this noon on")
    step(client, record, "mark", place="field:country")
    assert "Take it first: it isn&#x27;t yours." in said(client, record)
    assert list(KycMark.objects.values_list("place", "by__username")) == [("field:city", "me")]
    told = client.get(f"{url(record)}now/").json()
    assert told == {"revision": KycRecord.objects.get(pk=record.pk).revision, "owner": "other, 30 min left"}


def test_taking_and_giving_back_by_the_page() -> None:
    me = desk.officer("me")
    record = desk.submitted()
    client = desk.browser(me)
    step(client, record, "claim")
    record.refresh_from_db()
    assert record.owner == me
    clock.freeze(NOW + timedelta(minutes=10))
    step(client, record, "renew")
    record.refresh_from_db()
    assert record.lease_until == NOW + timedelta(minutes=40)
    step(client, record, "note", text=f"{desk.NAME} again")
    note = KycNote.objects.get()
    assert desk.NAME.encode() not in bytes(note.sealed)
    step(client, record, "release")
    assert not KycRecord.objects.filter(owner=me).exists()
    assert client.post(f"{url(record)}step/approve/").status_code == 404
    assert client.get(f"{url(record)}step/claim/").status_code == 405


def test_a_case_goes_from_the_request_to_the_second_reviewer_by_confirm_pages() -> None:
    me, other = desk.officer("me"), desk.officer("other")
    record = desk.in_review(me)
    client, others = desk.browser(me), desk.browser(other)
    assert "Nothing is refused: mark what isn&#x27;t in order first." in said(client, record)
    assert "12 of its fields and documents are not in order yet." in said(client, record)
    step(client, record, "mark", place="field:birth_date", refuse="doesnt_match")
    preview = client.get(acts.url("kyc.ask", record.public_id)).content.decode()
    assert "Asked about: Date of birth. Declaration and document differ (doesnt_match)." in preview
    assert 'name="code"' not in preview
    decide(client, me, record, "kyc.ask", text="Please send the page again.")
    record.refresh_from_db()
    assert record.state == State.INFO_REQUESTED

    record = desk.answered(record)
    for place in marking.places(record):
        step(client, record, "mark", place=place)
    refused = decide(client, me, record, "kyc.approve", risk=Risk.HIGH, reason_code="verified")
    assert refused.status_code == 200
    assert KycRecord.objects.get(pk=record.pk).state == State.IN_REVIEW
    decide(
        client, me, record, "kyc.approve", risk=Risk.HIGH, why="verified_with_care", code=world.code_of(me)
    )
    record.refresh_from_db()
    assert (record.state, record.first_reviewer) == (State.PENDING_SECOND_REVIEW, me)
    step(client, record, "claim")
    assert "You were the first reviewer" in said(client, record)
    step(others, record, "claim")
    decide(others, other, record, "kyc.confirm", why="verified", code=world.code_of(other))
    record.refresh_from_db()
    assert (record.state, record.second_reviewer) == (State.APPROVED, other)
    details = " ".join(str(entry.details) for entry in AuditEntry.objects.all())
    assert "Please send" not in details
    assert desk.NAME not in details


def test_a_lead_hands_on_what_others_have_and_sees_the_load() -> None:
    lead, me, third = desk.lead("lead"), desk.officer("me"), desk.officer("third")
    record = desk.in_review(me)
    client = desk.browser(lead)
    index = client.get("/admin/kyc/kycrecord/").content.decode()
    assert "Who has what" in index
    assert "Who has what" not in desk.browser(me).get("/admin/kyc/kycrecord/").content.decode()
    decide(client, lead, record, "kyc.reassign", to=str(third.public_id), text="me is ill this week")
    record.refresh_from_db()
    assert record.owner == third
    refused = decide(
        desk.browser(me), me, record, "kyc.reassign", to=str(me.public_id), text="I want it back"
    )
    assert refused.status_code == 403
    assert KycRecord.objects.get(pk=record.pk).owner == third


def test_what_changed_between_looking_and_acting_is_not_acted_on() -> None:
    me = desk.officer("me")
    record = desk.in_review(me)
    client = desk.browser(me)
    path = acts.url("kyc.snooze", record.public_id)
    form = hidden(client.get(path).content.decode())
    taking.note(record, actor=desk.officer("other"), text="look at this first")
    answer = client.post(path, {**form, "until": "2026-07-20", "text": "waiting for a colleague"})
    assert answer.status_code == 409
    assert "changed since you looked" in answer.content.decode()
    assert KycRecord.objects.get(pk=record.pk).snoozed_until is None
    decide(client, me, record, "kyc.snooze", until="2026-07-20", text="waiting for a colleague")
    assert KycRecord.objects.get(pk=record.pk).snoozed_until is not None
    assert "Put off until 2026-07-20 00:00 UTC" in said(client, record)


@pytest.mark.parametrize("kind", list(OFFERED.values()))
def test_an_act_that_its_state_doesnt_know_is_refused_with_a_reason_and_a_way_back(kind: str) -> None:
    """By an old link, or a page that stood open: no act's sentences need what the record lacks."""
    client = desk.browser(desk.lead("me"))
    for record in (desk.submitted(), desk.rejected()):
        answer = client.get(acts.url(kind, record.public_id))
        assert answer.status_code == (
            200 if kind == "kyc.reassign" and record.state == State.SUBMITTED else 403
        )
        assert f'<p class="back"><a href="{url(record)}">' in answer.content.decode()


def test_the_same_number_declared_by_somebody_else_is_pointed_out() -> None:
    me = desk.officer("me")
    first, second = desk.in_review(me), desk.in_review(me)
    page = said(desk.browser(me), second)
    assert "The same is declared elsewhere" in page
    assert first.public_id in page


def test_a_case_costs_the_same_statements_however_much_is_in_it() -> None:
    me = desk.officer("me")
    record = desk.in_review(me)
    client = desk.browser(me)
    step(client, record, "mark", place="field:city")
    taking.note(record, actor=me, text="first")

    def count(query: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(f"{url(record)}{query}")
        return len(captured)

    queries = ("", "?purpose=review")
    before = [count(query) for query in queries]
    for place in marking.places(record):
        step(client, record, "mark", place=place, refuse="too_old")
    for number in range(4):
        taking.note(record, actor=me, text=f"note {number}")
    for query in queries:
        count(query)
    assert [count(query) for query in queries] == before
    assert before[0] <= 45
