"""A document in a real browser: hidden, shown for a purpose, turned, enlarged, with a script and without."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from kyc.documents import storing
from kyc.documents.converting import convert
from kyc.models import DocumentKind, KycDocument
from lucid_payments.audit.models import AuditEntry
from tests.browser.conftest import DESK, PHONE, Office, opened
from tests.kyc import desk
from tests.kyc.documents import files
from tests.payouts.admin import world

pytestmark = pytest.mark.browser
OFFICER = "compliance_officer"


def passport() -> KycDocument:
    record = desk.draft()
    found = convert(files.pdf(pages=2))
    return storing.add(record, DocumentKind.PASSPORT, found, actor=record.operator.user)


def address(document: KycDocument) -> str:
    return f"/admin/kyc/kycdocument/{document.pk}/"


def show(office: Office) -> None:
    office.page.get_by_label("What for").select_option("review")
    office.follow(office.page.get_by_role("button", name="Show the document"))


def picture_s(page: Page) -> list[str]:
    return str(page.get_by_role("img", name="Page 1 of the document").get_attribute("class")).split()[1:]


def check(office: Office) -> None:
    assert office.axe() == []
    office.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert office.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    office.page.set_viewport_size(DESK)  # type: ignore[arg-type]


def test_an_officer_says_what_for_looks_turns_and_enlarges(office: Office) -> None:
    document, page = passport(), office.page
    office.log_in(OFFICER)
    office.go(address(document))
    check(office)
    assert page.get_by_role("img").count() == 0
    show(office)
    check(office)
    assert page.evaluate("document.querySelector('.document-picture').naturalWidth") > 500
    looks = AuditEntry.objects.filter(action="kyc.document_viewed")
    assert looks.get().details["purpose"] == "review"

    page.get_by_role("link", name="200 %").click()
    page.get_by_role("link", name="Right").click()
    assert picture_s(page) == ["zoom-200", "turn-90"]
    frame = page.get_by_role("region", name="Picture of page 1")
    frame.press("+")
    frame.press("r")
    assert picture_s(page) == ["zoom-300", "turn-180"]
    frame.press("r")
    frame.press("-")
    # However it is turned, all of it can be scrolled to.
    left, top = page.evaluate(
        """() => {
            const frame = document.querySelector(".document-frame");
            frame.scrollTo(0, 0);
            const [outer, inner] = [frame, frame.firstElementChild].map((part) => part.getBoundingClientRect());
            return [inner.left - outer.left, inner.top - outer.top];
        }"""
    )
    assert (left >= 0, top >= 0) == (True, True)
    check(office)
    # In place: nothing was fetched again.
    assert looks.count() == 1
    office.follow(
        page.get_by_role("navigation", name="How it is shown").get_by_role("link", name="2", exact=True)
    )
    expect(page.get_by_role("img", name="Page 2 of the document")).to_be_visible()
    office.follow(page.get_by_role("link", name="Hide"))
    expect(page.get_by_text("Hidden until you say what for")).to_be_visible()
    assert office.wrong == []


def test_without_a_script_the_links_do_the_same(office: Office, browser: Browser) -> None:
    document = passport()
    window = browser.new_context(viewport=DESK, java_script_enabled=False)  # type: ignore[arg-type]
    plain = opened(window, office.url, office.users)
    plain.log_in(OFFICER, world.PASSWORD)
    plain.go(address(document))
    show(plain)
    plain.follow(plain.page.get_by_role("link", name="150 %"))
    expect(plain.page.locator(".zoom-150")).to_be_visible()
    plain.follow(plain.page.get_by_role("link", name="Left"))
    expect(plain.page.locator(".zoom-150.turn-270")).to_be_visible()
    assert plain.wrong == []
    window.close()
