"""The compliance officer's day: a queue of twelve, each with another end, by keyboard as far as the desk has keys."""

from __future__ import annotations

from datetime import timedelta

from playwright.sync_api import expect

from kyc.models import KycRecord
from lucid_payments import clock
from tests.browser.conftest import Office
from tests.browser.days.world import NAMES, Cases
from tests.browser.hands import Hands
from tests.browser.looking import check

LIST = "/admin/kyc/kycrecord/"
# What each case is afterwards: its state, whether somebody has it, and its badge.
ENDS = {
    "approved": ("approved", None, ""),
    "asked": ("info_requested", "compliance_officer", ""),
    "rejected": ("rejected", None, ""),
    "high": ("pending_second_review", None, "second_review"),
    "confirmed": ("approved", None, ""),
    "put_off": ("in_review", "compliance_officer", ""),
    "escalated": ("in_review", None, "escalated"),
    "answered": ("approved", None, ""),
    "sent_back": ("in_review", None, "second_review"),
    "given_back": ("in_review", None, "given_back"),
    "taken_over": ("rejected", None, ""),
    "suspended": ("suspended", None, ""),
}


def day(office: Office, cases: Cases) -> None:
    hands, page = Hands(office), office.page
    office.log_in("compliance_officer")
    see(office, "kyc-overview")
    office.follow(page.get_by_role("link", name="KYC desk").first)
    see(office, "kyc-desk", narrow=True)
    office.follow(page.get_by_role("link", name="Unassigned 10"))
    see(office, "kyc-queue")

    approve_the_first(office, hands, cases)
    ask_about_one(office, hands, cases.asked)
    hands.take_next(cases.rejected)
    hands.press("x")
    see(office)
    hands.answer("Reject", "Who this is", "No paper shows the face.")
    leave_the_second_decision_to_others(office, hands, cases.high)
    hands.take_next(cases.confirmed)
    hands.press("p")
    see(office)
    hands.answer("Confirm the approval", "Identity")
    put_off(office, hands, cases.put_off)
    hands.take_next(cases.escalated)
    hands.press("e")
    see(office)
    hands.answer("Escalate", "A suspicion", "Two firms at one address.")
    finish_what_was_asked(office, hands, cases.answered)
    hands.take_next(cases.sent_back)
    hands.press("q")
    see(office)
    hands.answer("Send it back", "A decision", "The bill is of another year.")
    give_back(office, hands, cases.given_back)
    take_over(office, hands, cases.taken_over)
    suspend(office, hands, cases.suspended)
    office.go(LIST)
    expect(page.get_by_role("link", name="Unassigned 4")).to_be_visible()
    assert ended(cases) == ENDS
    assert office.wrong == []


def see(office: Office, name: str = "", *, narrow: bool = False) -> None:
    """As every page, and nobody's name in its title or address."""
    check(office, name, narrow=narrow)
    shown = office.page.title() + office.page.url
    assert not [part for name in NAMES for part in name.split() if part in shown]


def approve_the_first(office: Office, hands: Hands, cases: Cases) -> None:
    page = office.page
    hands.take_next(cases.approved)
    assert NAMES[0] not in page.content()
    see(office, "kyc-case-masked")
    hands.press("s")
    expect(page.get_by_role("main")).to_contain_text(NAMES[0])
    page.keyboard.press("j")
    hands.accept(2)
    see(office, "kyc-case", narrow=True)
    hands.accept(11, already=2)
    hands.press("p")
    see(office, "kyc-approve")
    hands.answer("Approve", "Low", "Identity", "Face and papers agree.")
    expect(page.get_by_role("main")).to_contain_text("Approved; at a high risk")


def ask_about_one(office: Office, hands: Hands, record: KycRecord) -> None:
    page = office.page
    hands.take_next(record)
    hands.press("s")
    page.keyboard.press("j")
    hands.accept(1)
    page.keyboard.press("r")
    see(office, "kyc-case-refusing")
    page.keyboard.press("5")
    expect(page.locator("#progress")).to_contain_text("Not in order")
    page.keyboard.press("d")
    page.keyboard.press("+")
    expect(page.locator(".document-picture")).to_have_attribute("data-zoom", "150")
    hands.press("q")
    see(office, "kyc-ask")
    hands.answer("Ask the applicant", "Please declare the date as the passport has it.")


def leave_the_second_decision_to_others(office: Office, hands: Hands, record: KycRecord) -> None:
    """A colleague's marks stayed when the lease ran out; at a high risk one person isn't enough."""
    hands.take_next(record)
    expect(office.page.locator("#progress")).to_contain_text("13 of 13 in order")
    expect(office.page.get_by_role("main")).to_contain_text("by colleague")
    hands.press("p")
    hands.answer("Approve", "High", "Verified, with")
    expect(office.page.locator(".standing")).to_contain_text("Second approval")


def put_off(office: Office, hands: Hands, record: KycRecord) -> None:
    page = office.page
    hands.take_next(record)
    hands.press("o")
    see(office)
    until = clock.now() + timedelta(days=3)
    page.keyboard.type(f"{until:%m%d%Y}")
    page.get_by_label("Why").focus()
    hands.answer("Put it off", "The town hall answers on Thursday.")
    expect(page.locator(".standing")).to_contain_text("Put off until")


def finish_what_was_asked(office: Office, hands: Hands, record: KycRecord) -> None:
    """Only what was put right is to be looked at again."""
    page = office.page
    hands.take_next(record)
    hands.press("s")
    expect(page.locator("#progress")).to_contain_text("12 of 13 in order")
    page.get_by_role("button", name="Accept: Town").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#progress")).to_contain_text("13 of 13 in order")
    hands.press("p")
    hands.answer("Approve", "Medium", "Identity")
    expect(page.locator(".standing")).to_contain_text("Approved")


def give_back(office: Office, hands: Hands, record: KycRecord) -> None:
    """Opened from its queue and not by `take next`, and given back: it needs somebody who reads Finnish."""
    page = office.page
    office.go(f"{LIST}queue/due/")
    while hands.focused.count() == 0 or record.public_id not in hands.focused.inner_text():
        page.keyboard.press("j")
    hands.press("Enter")
    hands.press("t")
    page.keyboard.press("w")
    page.keyboard.type("Somebody must read it who knows Finnish.")
    page.keyboard.press("Tab")
    hands.press("Enter")
    hands.press("b")
    expect(page.get_by_role("main")).to_contain_text("Given back to the queue.")
    see(office)


def take_over(office: Office, hands: Hands, record: KycRecord) -> None:
    page = office.page
    office.go(f"{LIST}{record.public_id}/")
    expect(page.locator("#owner")).to_contain_text("colleague")
    office.follow(page.get_by_role("link", name="Take it over"))
    see(office)
    hands.answer("Take it over", "The colleague is ill since noon.")
    hands.press("x")
    hands.answer("Reject", "The person is", "See the first application.")


def suspend(office: Office, hands: Hands, record: KycRecord) -> None:
    """Found by the name that somebody called in."""
    page = office.page
    office.go(LIST)
    hands.press("f")
    see(office, "kyc-find")
    page.get_by_label("What is declared, whole").fill(NAMES[-1].upper())
    office.follow(page.get_by_role("button", name="Find"))
    see(office)
    office.follow(page.get_by_role("link", name=record.public_id))
    office.follow(page.get_by_role("link", name="Suspend"))
    see(office)
    hands.answer("Suspend", "What was declared", "Called in: the address is another by now.")
    expect(page.locator(".standing")).to_contain_text("Suspended")
    see(office)


def ended(cases: Cases) -> dict[str, tuple[str, str | None, str]]:
    told = {}
    for name in ENDS:
        record = KycRecord.objects.select_related("owner").get(pk=getattr(cases, name).pk)
        told[name] = (record.state, record.owner.username if record.owner else None, record.woke_because)
    return told
