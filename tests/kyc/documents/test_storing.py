"""Documents at rest and on the desk: sealed, never changed, shown to few, for a purpose, and every time on record."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, transaction
from django.test import Client

from kyc import vault
from kyc.documents import admin, showing, storing
from kyc.documents.converting import convert
from kyc.documents.errors import WORDS
from kyc.models import DocumentKind, Finding, KycDocument, KycDocumentPage, KycMark, KycRecord, KycStep
from kyc.review import applying, committing, contents, marking, taking
from kyc.review.errors import Conflict, Refused
from kyc.review.reading import Purpose
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from tests.kyc import desk
from tests.kyc.documents import files
from tests.payouts.admin import world

pytestmark = pytest.mark.django_db
PASSPORT = DocumentKind.PASSPORT


def added(record: KycRecord | None = None, **options: Any) -> KycDocument:
    record = record or desk.draft()
    return storing.add(record, PASSPORT, desk.SCAN, actor=record.operator.user, **options)


def test_a_document_is_stored_sealed_and_opens_unchanged() -> None:
    record, content = desk.draft(), files.jpeg_with_a_place()
    found = convert(content)
    document = storing.add(record, PASSPORT, found, actor=record.operator.user)
    assert (document.sha256, document.size) == (hashlib.sha256(content).hexdigest(), len(content))
    page = KycDocumentPage.objects.select_related("document__record__subject").get()
    picture = found.pages[0].content
    assert picture[:20] not in bytes(page.sealed)
    assert storing.opened(page) == picture
    assert page.sha256 == hashlib.sha256(picture).hexdigest()
    step = KycStep.objects.get(act="document_added")
    assert step.details == {"document": str(document.pk), "kind": "passport", "sha256": document.sha256}


def test_pages_can_t_be_exchanged_in_the_database() -> None:
    record = desk.draft()
    first, second = added(record), added(record)
    one, other = (
        KycDocumentPage.objects.select_related("document__record__subject").get(document=document)
        for document in (first, second)
    )
    one.sealed = other.sealed
    with pytest.raises(vault.Unreadable):
        storing.opened(one)


@pytest.mark.parametrize("model", [KycDocument, KycDocumentPage])
def test_rows_stay_as_they_are(model: Any) -> None:
    added()
    with pytest.raises(DatabaseError), transaction.atomic():
        model.objects.update(media_type="text/html")
    with pytest.raises(DatabaseError), transaction.atomic():
        model.objects.all()._raw_delete("default")


def test_row_and_pictures_are_stored_together_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    record = desk.draft()

    def killed(*arguments: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(vault, "seal", killed)
    with pytest.raises(KeyboardInterrupt):
        added(record)
    assert (KycDocument.objects.count(), KycDocumentPage.objects.count()) == (0, 0)
    assert not KycStep.objects.filter(act="document_added").exists()


def test_a_better_document_takes_the_place_of_the_first_which_stays() -> None:
    record = desk.draft()
    first = added(record)
    assert marking.places(record)[-1] == f"document:{first.pk}"
    second = added(record, replaces=first.pk)
    assert [place for place in marking.places(record) if place.startswith("document:")] == [
        f"document:{second.pk}"
    ]
    assert [document.pk for document in storing.of(record)] == [first.pk, second.pk]
    for wrong in (first.pk, uuid4(), added().pk):
        with pytest.raises(Refused, match="no such document"):
            added(record, replaces=wrong)
    assert KycDocument.objects.filter(record=record).count() == 2


def test_documents_come_only_while_the_applicant_has_the_word() -> None:
    record = desk.submitted()
    before = KycDocument.objects.count()
    with pytest.raises(Conflict):
        added(record)
    assert KycDocument.objects.count() == before


def test_there_is_an_end_to_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "MOST_DOCUMENTS", 2)
    record = desk.draft()
    added(record)
    added(record)
    with pytest.raises(Refused, match="at most 2"):
        added(record)


def test_a_record_passes_only_when_each_document_was_found_in_order() -> None:
    record = desk.draft()
    document = added(record)
    officer = desk.officer()
    applying.submit(record, actor=record.operator.user)
    record = taking.claim(record, actor=officer)
    for place in marking.places(record)[:-1]:
        marking.mark(record, place, Finding.GOOD, actor=officer)
    assert marking.undecided(record) == [f"document:{document.pk}"]
    marking.mark(record, f"document:{document.pk}", Finding.GOOD, actor=officer)
    assert marking.undecided(record) == []
    assert KycMark.objects.filter(place=f"document:{document.pk}").count() == 1


def test_the_commitment_names_the_documents_that_proved_it() -> None:
    record = desk.draft()
    declared = contents.opened(record)
    assert not any(name.startswith("document.") for name in committing.committed(record, declared))
    document = added(record)
    assert committing.committed(record, declared)[f"document.{document.pk}"] == f"sha256:{document.sha256}"


def test_after_an_erasure_no_picture_opens_and_the_hashes_stay() -> None:
    document = added()
    page = KycDocumentPage.objects.select_related("document__record__subject").get()
    vault.destroy(page.document.record.subject)
    with pytest.raises(vault.Destroyed):
        showing.page(document.pk, 1, actor=desk.officer(), purpose=Purpose.REVIEW)
    assert KycDocument.objects.get().sha256 == desk.SCAN.sha256


# --- On the desk ------------------------------------------------------------------------------------------


def browser(role: str) -> Client:
    client = Client()
    client.force_login(world.user(role))
    return client


def picture_url(document: KycDocument, number: int = 1) -> str:
    return f"/admin/kyc/kycdocument/{document.pk}/{number}/"


def views() -> list[tuple[str, Any]]:
    entries = AuditEntry.objects.filter(action="kyc.document_viewed")
    return [(entry.role, entry.details) for entry in entries]


@pytest.mark.parametrize("role", ["compliance_officer", "auditor"])
def test_a_page_is_shown_for_a_purpose_and_each_look_is_on_record(role: str) -> None:
    document = added()
    answer = browser(role).get(picture_url(document), {"purpose": "review"})
    assert (answer.status_code, answer.content) == (200, desk.SCAN.pages[0].content)
    assert answer["Content-Type"] == "image/png"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer["Cache-Control"]
    assert answer["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert answer["Content-Disposition"] == "inline"
    details = {"document": str(document.pk), "page": 1, "purpose": "review"}
    assert views() == [(role, details)]


@pytest.mark.parametrize("role", ["admin", "payout_approver"])
def test_who_doesn_t_work_on_records_sees_nothing(role: str) -> None:
    document = added()
    client = browser(role)
    assert client.get(picture_url(document), {"purpose": "review"}).status_code == 403
    assert client.get(f"/admin/kyc/kycdocument/{document.pk}/").status_code == 403
    with pytest.raises(Refused):
        showing.page(document.pk, 1, actor=User.objects.get(role=role), purpose=Purpose.REVIEW)
    assert views() == []


def test_a_stranger_is_sent_to_log_in_and_an_applicant_can_t() -> None:
    document = added()
    assert Client().get(picture_url(document), {"purpose": "review"}).status_code == 302
    client = Client()
    client.force_login(document.record.operator.user)
    assert client.get(picture_url(document), {"purpose": "review"}).status_code == 302
    assert views() == []


@pytest.mark.parametrize("purpose", ["", "applicant", "curiosity"])
def test_without_a_purpose_nothing_is_shown(purpose: str) -> None:
    document = added()
    client = browser("compliance_officer")
    assert client.get(picture_url(document), {"purpose": purpose}).status_code == 400
    page = client.get(f"/admin/kyc/kycdocument/{document.pk}/", {"purpose": purpose}).content.decode()
    assert "<img" not in page
    assert "Hidden until you say what for" in page
    assert views() == []


@pytest.mark.parametrize("number", [0, 2, 99])
def test_a_page_that_isn_t_there_is_not_found(number: int) -> None:
    client = browser("compliance_officer")
    assert client.get(picture_url(added(), number), {"purpose": "review"}).status_code == 404
    assert client.get(f"/admin/kyc/kycdocument/{uuid4()}/1/", {"purpose": "review"}).status_code == 404
    assert client.get(f"/admin/kyc/kycdocument/{uuid4()}/").status_code == 404
    assert client.post(picture_url(added()) + "?purpose=review").status_code == 405
    assert views() == []


def test_the_page_turns_and_enlarges_by_links_alone() -> None:
    document = added()
    client = browser("compliance_officer")
    asked = {"purpose": "review", "zoom": "200", "turn": "270", "page": "7"}
    page = client.get(f"/admin/kyc/kycdocument/{document.pk}/", asked).content.decode()
    assert 'class="document-picture zoom-200 turn-270"' in page
    assert f"{picture_url(document)}?purpose=review" in page
    assert "zoom=200&amp;turn=0" in page
    assert "zoom=200&amp;turn=180" in page
    assert " style=" not in page
    # Opening the page shows the picture's address; the look itself is what is on record.
    assert views() == []


def test_of_several_documents_on_one_page_the_query_is_about_one() -> None:
    record = desk.draft()
    first, second = added(record), added(record)
    asked = {"document": str(second.pk), "purpose": "review", "zoom": "200"}
    base = "/admin/somewhere/"
    assert admin.parts(first, asked, base)["picture_url"] == ""
    shown = admin.parts(second, asked, base)
    assert shown["picture_url"] == f"{picture_url(second)}?purpose=review"
    assert shown["turn_right"].startswith(
        f"{base}?document={second.pk}&purpose=review&page=1&zoom=200&turn=90"
    )


def test_every_reason_for_a_refusal_is_explained() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "verification.md").read_text()
    assert [code for code in WORDS if f"`{code}`" not in page] == []
