"""Finding a person's case, and what one officer has: who may, what it shows, and what is kept of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from kyc.desk import queue_page
from kyc.models import Node
from kyc.review import finding
from kyc.review.errors import Refused
from kyc.review.reading import Purpose
from kyc.vault import KeysUnavailable
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from tests.kyc import desk

pytestmark = pytest.mark.django_db
LIST = "/admin/kyc/kycrecord/"
FIND = f"{LIST}find/"


def find(client: Client, text: str, by: str = "full_name", purpose: str = "review") -> Any:
    return client.post(FIND, {"by": by, "text": text, "purpose": purpose})


def records(answer: Any) -> list[Any]:
    assert answer.status_code == 200
    return [row.record for row in answer.context["rows"]]


def test_a_person_is_found_by_what_they_declare_whole_and_the_log_keeps_who_looked() -> None:
    me = desk.officer("me")
    first, second = desk.submitted(), desk.in_review(me)
    stranger = desk.submitted(
        full_name="Erika Erfunden", document_number="P-9999-INVENTED", email="e@example.invalid"
    )
    client = desk.browser(me)
    answer = find(client, f"  {desk.NAME.upper().replace(' ', '   ')} ")
    assert records(answer) == [second, first]
    assert answer["Cache-Control"].find("no-store") >= 0
    for by, text in (("document_number", "p-9999-invented"), ("email", "E@EXAMPLE.invalid")):
        assert records(find(client, text, by, "rights")) == [stranger]
    entries = AuditEntry.objects.filter(action="kyc.searched").order_by("pk")
    assert [(entry.actor_id, entry.object_id, entry.details["purpose"]) for entry in entries] == [
        (me.pk, str(second.pk), "review"), (me.pk, str(first.pk), "review"),
        (me.pk, str(stranger.pk), "rights"), (me.pk, str(stranger.pk), "rights"),
    ]  # fmt: skip


def test_who_isnt_there_is_looked_for_all_the_same_and_the_log_never_holds_the_text() -> None:
    desk.submitted()
    client = desk.browser(desk.officer("me"))
    answer = find(client, desk.NAME.split()[0])
    assert records(answer) == []
    assert "Nobody declares exactly this" in answer.content.decode()
    entry = AuditEntry.objects.get(action="kyc.searched")
    assert (entry.object_id, entry.details) == ("", {"purpose": "review", "field": "full_name", "found": 0})
    assert "Kanari" not in "".join(map(str, AuditEntry.objects.values_list("details", "object_label")))


@pytest.mark.parametrize(
    "given",
    [{"by": "birth_date"}, {"purpose": "curiosity"}, {"purpose": ""}, {"text": ""}, {"text": "x" * 201},
     {"text": "\0"}],
    ids=["by what the index doesn't know", "for no purpose of the list", "for none", "for nothing", "too long", "NUL"],
)  # fmt: skip
def test_what_can_not_be_looked_for_is_not(given: dict[str, str]) -> None:
    desk.submitted()
    client = desk.browser(desk.officer("me"))
    asked = {"by": "full_name", "text": desk.NAME, "purpose": "review"} | given
    assert records(client.post(FIND, asked)) == []
    assert not AuditEntry.objects.filter(action="kyc.searched").exists()


def test_a_name_in_the_address_finds_nobody() -> None:
    desk.submitted()
    page = desk.browser(desk.officer("me")).get(f"{FIND}?by=full_name&text=Kanari+Vogelsang&purpose=review")
    assert page.context["asked"] is False
    assert desk.NAME not in page.content.decode()
    assert not AuditEntry.objects.filter(action="kyc.searched").exists()


@pytest.mark.parametrize(("role", "status"), [("admin", 403), ("payout_approver", 403), ("auditor", 200)])
def test_only_who_reads_here_looks_for_anybody(role: str, status: int) -> None:
    desk.submitted()
    person = User.objects.create(username="somebody", role=role)
    client = desk.browser(person)
    assert client.get(FIND).status_code == status
    assert find(client, desk.NAME, purpose="audit").status_code == status
    assert AuditEntry.objects.filter(action="kyc.searched").exists() is (status == 200)
    if status == 403:
        with pytest.raises(Refused):
            finding.declaring("full_name", desk.NAME, actor=person, purpose=Purpose.REVIEW)


def test_without_the_keys_nobody_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    desk.submitted()

    def gone(*_: object) -> None:
        raise KeysUnavailable("the ring is away")

    monkeypatch.setattr("kyc.vault.blind", gone)
    answer = find(desk.browser(desk.officer("me")), desk.NAME)
    assert "Nobody can be looked for now" in answer.content.decode()
    assert not AuditEntry.objects.filter(action="kyc.searched").exists()


def test_the_desks_own_search_knows_records_operators_and_nodes() -> None:
    record, other = desk.submitted(), desk.submitted()
    for name in ("node-7", "node-8"):
        Node.objects.create(node_id=name, operator=record.operator)
    client = desk.browser(desk.officer("me"))
    for term in (record.public_id, record.operator.operator_id, "node-7"):
        page = client.get(LIST, {"q": term}).content.decode()
        assert page.count(f">{record.public_id}<") == 1, term
        assert other.public_id not in page


def test_a_lead_sees_what_one_officer_has_and_the_officers_dont() -> None:
    lead, me, idle = desk.lead("lead"), desk.officer("me"), desk.officer("idle")
    mine, waiting, free = desk.in_review(me), desk.asked(me), desk.submitted()
    client = desk.browser(lead)
    index = client.get(LIST).content.decode()
    for officer in (me, idle):
        assert queue_page.officers_url(officer) in index
    shown = client.get(queue_page.officers_url(me))
    assert [row.record for row in shown.context["rows"]] == [mine, waiting]
    assert free.public_id not in shown.content.decode()
    assert "<h1>Cases of me</h1>" in shown.content.decode()
    assert records(client.get(queue_page.officers_url(idle))) == []
    auditor = desk.browser(User.objects.create(username="auditor", role="auditor"))
    assert records(auditor.get(queue_page.officers_url(me))) == [mine, waiting]
    for name, status in (("me", 403), ("admin", 403)):
        person = User.objects.get_or_create(username=name, defaults={"role": "admin"})[0]
        assert desk.browser(person).get(queue_page.officers_url(me)).status_code == status
    nobody = "00000000-0000-4000-8000-000000000000"
    assert client.get(f"{LIST}officer/{nobody}/").status_code == 404
