"""The compliance desk in a real browser: a case by keyboard alone, a day's queue, and who only reads.

SCREENS_FOLDER=docs/screens keeps a picture of each page.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, expect

from kyc.documents import storing
from kyc.models import DocumentKind, Finding, KycMark, KycRecord, Risk
from kyc.models.operators import OperatorStatus as State
from kyc.review import deciding, marking, taking
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice import factor
from tests.browser import papers
from tests.browser.conftest import DESK, PHONE, Office
from tests.kyc import desk

pytestmark = pytest.mark.browser

LIST = "/admin/kyc/kycrecord/"
WIDE = {"width": 1440, "height": 900}
NARROW = {"width": 420, "height": 900}
WHY = "waiting for an answer from a colleague"


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


class Hands:
    """Somebody who uses the keyboard alone."""

    def __init__(self, office: Office) -> None:
        self.page = office.page

    def press(self, key: str) -> None:
        """A key that leads to another page."""
        with self.page.expect_navigation():
            self.page.keyboard.press(key)

    @property
    def focused(self) -> Locator:
        return self.page.locator(":focus")

    def tab_to(self, name: str) -> None:
        """Tab on until what has this name has the focus."""
        for _ in range(60):
            self.page.keyboard.press("Tab")
            if self.focused.inner_text().strip() == name:
                return
        pytest.fail(f"Tab never came to {name}")

    def take_next(self, expected: KycRecord) -> None:
        self.press("n")
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(expected.public_id)

    def accept(self, number: int) -> None:
        """From where one is, one after the other."""
        good = self.page.locator("#progress")
        for done in range(1, number + 1):
            self.page.keyboard.press("a")
            expect(good).to_contain_text(f"{done} of 13 in order")

    def refuse(self, reason: str) -> None:
        self.page.keyboard.press("r")
        self.page.keyboard.press(reason)
        expect(self.page.locator("#progress")).to_contain_text("Not in order")

    def look_and_accept_all(self) -> None:
        self.press("s")
        self.page.keyboard.press("j")
        self.accept(13)

    def answer(self, button: str, *answers: str) -> None:
        """Fill in an act's page, whose first question has the focus, and send it."""
        for answer in answers:
            self.page.keyboard.type(answer)
            self.page.keyboard.press("Tab")
        if self.focused.inner_text().strip() != button:
            self.tab_to(button)
        self.press("Enter")


def picture(office: Office, name: str) -> None:
    """The page as it is, for people to look at: at a desk and on a telephone."""
    folder = os.environ.get("SCREENS_FOLDER")
    if not folder:
        return
    for ending, size in (("", WIDE), ("-narrow", NARROW)):
        office.page.set_viewport_size(size)  # type: ignore[arg-type]
        shot = Image.open(io.BytesIO(office.page.screenshot(full_page=True)))
        # Few colours say as much, in a fifth of the bytes.
        shot.convert("RGB").quantize(48).save(Path(folder) / f"{name}{ending}.png", optimize=True)
    office.page.set_viewport_size(DESK)  # type: ignore[arg-type]


def check(office: Office, name: str) -> None:
    """No serious fault, one heading, and it fits a phone."""
    assert office.axe() == [], name
    assert office.page.get_by_role("heading", level=1).count() == 1
    assert desk.NAME not in office.page.title() + office.page.url
    office.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert office.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
    office.page.set_viewport_size(DESK)  # type: ignore[arg-type]
    picture(office, name)


def test_an_officer_decides_a_case_by_keyboard_alone(office: Office, me: User) -> None:
    record = handed_in()
    handed_in("P-0001-INVENTED")
    hands, page = Hands(office), office.page
    office.go(f"{LIST}queue/unassigned/")
    check(office, "kyc-queue")
    page.keyboard.press("?")
    expect(page.locator("#keyboard")).to_have_attribute("open", "")
    page.keyboard.press("?")
    hands.take_next(record)
    assert desk.NAME not in page.content()
    check(office, "kyc-case-masked")
    hands.press("s")
    expect(page.get_by_role("main")).to_contain_text(desk.NAME)
    page.keyboard.press("j")
    hands.accept(2)
    hands.refuse("5")
    check(office, "kyc-case")
    page.keyboard.press("d")
    for key in ("+", "r"):
        page.keyboard.press(key)
    expect(page.locator(".document-picture")).to_have_attribute("data-zoom", "150")
    expect(page.locator(".document-picture")).to_have_attribute("data-turn", "90")
    assert AuditEntry.objects.filter(action="kyc.document_viewed", actor=me).exists()
    hands.press("q")
    check(office, "kyc-ask")
    hands.answer("Ask the applicant", "Please send it again.")
    record.refresh_from_db()
    assert record.state == State.INFO_REQUESTED
    expect(page.get_by_role("main")).to_contain_text("Waiting for applicant")
    hands.press("u")
    check(office, "kyc-desk")


def test_without_a_script_all_of_it_still_works(office: Office, me: User) -> None:
    record = taking.claim(handed_in(), actor=me)
    state = office.page.context.storage_state()
    browser = office.page.context.browser
    assert browser is not None
    window = browser.new_context(java_script_enabled=False, storage_state=state)
    page = window.new_page()
    page.goto(f"{office.url}{LIST}{record.public_id}/")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("main")).to_contain_text(desk.NAME)
    page.get_by_role("button", name="Accept: Full name").click()
    page.get_by_label("Refuse: Date of birth").click()
    page.get_by_role("button", name="Declaration and document differ").click()
    page.get_by_role("link", name="Proof of address").click()
    page.get_by_role("link", name="200 %").click()
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
    check(office, "kyc-case-auditor")
    for name in ("Accept", "Take next", "Keep the note"):
        assert page.get_by_role("button", name=name).count() == 0, name
    for name in ("Confirm the approval", "Take it"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()
    assert office.wrong == []


@pytest.mark.prove
def test_an_officer_clears_a_queue_of_twelve_with_one_of_each_outcome(office: Office, me: User) -> None:
    first = desk.officer("first")
    pending = [second_approval(first) for _ in range(3)]
    fresh = [handed_in(f"P-{number:04d}-INVENTED") for number in range(9)]
    queue = [*pending, *fresh]
    hands, page = Hands(office), office.page
    office.go(f"{LIST}queue/unassigned/")
    later = str((clock.now() + timedelta(days=3)).date())

    hands.take_next(queue[0])
    hands.press("p")
    check(office, "kyc-confirm")
    hands.answer("Confirm the approval", "Verified, with")
    hands.take_next(queue[1])
    hands.press("q")
    hands.answer("Send it back", "The risk was")
    hands.take_next(queue[2])
    hands.press("x")
    hands.answer("Reject", "A document is forged")

    # What was sent back is the oldest again.
    hands.take_next(queue[1])
    hands.press("b")
    hands.take_next(queue[1])
    hands.press("e")
    hands.answer("Escalate", "A suspicion", "more than I may decide")

    for place, (risk, reason) in enumerate(
        (("Low", "Identity"), ("Medium", "Identity"), ("High", "Verified, with"))
    ):
        hands.take_next(fresh[place])
        hands.look_and_accept_all()
        hands.press("p")
        hands.answer("Approve", risk, reason)
    hands.take_next(fresh[3])
    hands.press("s")
    page.keyboard.press("j")
    hands.accept(1)
    hands.refuse("1")
    hands.press("q")
    hands.answer("Ask the applicant", "Sharper, please.")
    hands.take_next(fresh[4])
    hands.press("x")
    check(office, "kyc-reject")
    hands.answer("Reject", "Who this is")
    hands.take_next(fresh[5])
    hands.press("o")
    check(office, "kyc-put-off")
    page.keyboard.type(f"{later[5:7]}{later[8:]}{later[:4]}")
    page.keyboard.press("Tab")
    hands.answer("Put it off", WHY)
    hands.take_next(fresh[6])
    page.keyboard.press("w")
    page.keyboard.type("rang, and nobody answered")
    page.keyboard.press("Tab")
    hands.press("Enter")
    hands.press("b")
    taken = taking.claim(fresh[7], actor=first)
    hands.take_next(fresh[6])
    hands.press("x")
    hands.answer("Reject", "The applicant withdrew")
    hands.take_next(fresh[8])
    hands.look_and_accept_all()
    hands.press("p")
    hands.answer("Approve", "Low", "Identity")
    office.go(f"{LIST}{taken.public_id}/")
    page.get_by_role("link", name="Take it over").press("Enter")
    hands.answer("Take it over", "the other went home early")
    hands.press("x")
    hands.answer("Reject", "Under the age")

    states = {record.pk: record.state for record in KycRecord.objects.all()}
    assert [states[record.pk] for record in queue] == [
        State.APPROVED, State.IN_REVIEW, State.REJECTED, State.APPROVED, State.APPROVED,
        State.PENDING_SECOND_REVIEW, State.INFO_REQUESTED, State.REJECTED, State.IN_REVIEW, State.REJECTED,
        State.REJECTED, State.APPROVED,
    ]  # fmt: skip
    hands.press("n")
    expect(page.get_by_role("main")).to_contain_text("Nothing is free now")
    check(office, "kyc-desk-at-the-end")
    office.go(f"{LIST}{fresh[0].public_id}/")
    page.get_by_role("link", name="Suspend").press("Enter")
    check(office, "kyc-suspend")
    hands.answer("Suspend", "What was declared")
    page.get_by_role("link", name="Revoke for good").press("Enter")
    hands.answer("Revoke for good", "The operator has left")
    assert KycRecord.objects.get(pk=fresh[0].pk).state == State.REVOKED
    told = " ".join(f"{entry.details}{entry.object_label}" for entry in AuditEntry.objects.all())
    assert desk.NAME not in told
