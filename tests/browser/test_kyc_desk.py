"""The compliance desk in a real browser: a case by keyboard alone, without a script, and who only reads."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from kyc.documents import storing
from kyc.models import DocumentKind, Finding, KycMark, KycRecord, Risk
from kyc.models.operators import OperatorStatus as State
from kyc.review import deciding, marking, taking
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice import factor
from tests.browser import papers
from tests.browser.conftest import Office, opened
from tests.browser.hands import Hands
from tests.browser.looking import check
from tests.kyc import desk

pytestmark = pytest.mark.browser

LIST = "/admin/kyc/kycrecord/"


@pytest.fixture
def me(office: Office, monkeypatch: pytest.MonkeyPatch) -> Iterator[User]:
    """The officer at the desk. Their factor stays fresh: how long it does is tested elsewhere."""
    monkeypatch.setattr(factor, "FRESH_FOR", timedelta(hours=1))
    user = office.users["compliance_officer"]
    office.log_in("compliance_officer")
    yield user
    assert office.wrong == []


def handed_in(number: str = "P-0000-INVENTED") -> KycRecord:
    """An application with two documents."""
    record = desk.draft(document_number=number)
    applicant = record.operator.user
    storing.add(record, DocumentKind.PASSPORT, papers.passport(), actor=applicant)
    storing.add(record, DocumentKind.PROOF_OF_ADDRESS, papers.bill(), actor=applicant)
    return desk.hand_in(record)


def second_approval(by: User) -> KycRecord:
    record = taking.claim(handed_in(), actor=by)
    for place in marking.places(record):
        marking.mark(record, place, Finding.GOOD, actor=by)
    return deciding.approve(record, actor=by, risk=Risk.HIGH, code="verified_with_care")


def test_an_officer_decides_a_case_by_keyboard_alone(office: Office, me: User) -> None:
    record = handed_in()
    handed_in("P-0001-INVENTED")
    hands, page = Hands(office), office.page
    office.go(f"{LIST}queue/unassigned/")
    check(office)
    page.keyboard.press("?")
    expect(page.locator("#keyboard")).to_have_attribute("open", "")
    page.keyboard.press("?")
    hands.take_next(record)
    assert desk.NAME not in page.content()
    check(office)
    hands.press("s")
    expect(page.get_by_role("main")).to_contain_text(desk.NAME)
    page.keyboard.press("j")
    hands.accept(2)
    hands.refuse("5")
    check(office)
    page.keyboard.press("d")
    for key in ("+", "r"):
        page.keyboard.press(key)
    expect(page.locator(".document-picture")).to_have_attribute("data-zoom", "150")
    expect(page.locator(".document-picture")).to_have_attribute("data-turn", "90")
    assert AuditEntry.objects.filter(action="kyc.document_viewed", actor=me).exists()
    hands.press("q")
    check(office)
    hands.answer("Ask the applicant", "Please send it again.")
    record.refresh_from_db()
    assert record.state == State.INFO_REQUESTED
    expect(page.get_by_role("main")).to_contain_text("Waiting for applicant")
    hands.press("u")
    check(office)


def test_without_a_script_all_of_it_still_works(office: Office, me: User, browser: Browser) -> None:
    record = taking.claim(handed_in(), actor=me)
    window = browser.new_context(java_script_enabled=False, storage_state=office.page.context.storage_state())
    plain = opened(window, office.url, office.users)
    page = plain.page
    plain.go(f"{LIST}{record.public_id}/")
    plain.follow(page.get_by_role("button", name="Show", exact=True))
    expect(page.get_by_role("main")).to_contain_text(desk.NAME)
    plain.follow(page.get_by_role("button", name="Accept: Full name"))
    page.get_by_label("Refuse: Date of birth").click()
    plain.follow(page.get_by_role("button", name="Declaration and document differ"))
    plain.follow(page.get_by_role("link", name="Proof of address"))
    plain.follow(page.get_by_role("link", name="200 %"))
    expect(page.locator(".zoom-200")).to_have_count(1)
    marks = dict(KycMark.objects.filter(record=record).values_list("place", "finding"))
    assert marks == {"field:full_name": Finding.GOOD, "field:birth_date": Finding.BAD}
    expect(page.locator("#progress")).to_contain_text("1 of 13 in order")
    window.close()


def test_an_auditor_reads_a_case_and_has_no_button_to_change_it(office: Office) -> None:
    record = second_approval(desk.officer("first"))
    office.log_in("auditor")
    office.go(f"{LIST}{record.public_id}/?purpose=audit")
    page = office.page
    expect(page.get_by_role("main")).to_contain_text(desk.NAME)
    check(office)
    for name in ("Accept", "Take next", "Keep the note"):
        assert page.get_by_role("button", name=name).count() == 0, name
    for name in ("Confirm the approval", "Take it"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()
    assert office.wrong == []
