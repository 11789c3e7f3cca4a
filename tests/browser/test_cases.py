"""What needs people, in a real browser: from the first page to the case, a search, and the act of two."""

from __future__ import annotations

import pytest
from django.conf import settings
from playwright.sync_api import expect

from payouts.models import ChainSearch, ManualCase
from tests.browser.conftest import DESK, PHONE, Office
from tests.payouts.admin import case_world

pytestmark = pytest.mark.browser

REASON = "read with the other operator on the phone"


@pytest.fixture(autouse=True)
def two_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "TRON_NODES", [{"name": "node1"}, {"name": "node2"}])


def check(office: Office) -> None:
    """No serious fault, and it fits a phone."""
    assert office.axe() == []
    office.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert office.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    office.page.set_viewport_size(DESK)  # type: ignore[arg-type]


def test_an_administrator_finds_searches_and_asks(office: Office) -> None:
    case = case_world.unresolved(office.users["service"], office.users["admin"])
    case_world.paid_differently(office.users["service"])
    case_world.unknown_transfer()
    page = office.page
    office.log_in("admin")
    check(office)
    office.follow(page.get_by_role("link", name="3 cases"))
    assert office.heading == "Needs people"
    check(office)
    office.follow(page.get_by_role("link", name=f"Case {case.pk}: Not resolved in time"))
    check(office)
    expect(page.get_by_role("region", name="What each node says").first).to_contain_text("doesn't find it")
    expect(page.get_by_role("button", name="It was paid")).to_be_disabled()
    office.follow(page.get_by_role("link", name="Search the chain"))
    check(office)
    page.get_by_label("Reason").fill(REASON)
    office.follow(page.get_by_role("button", name="Search the chain"))
    assert ChainSearch.objects.filter(case=case).count() == 3
    office.follow(page.get_by_role("link", name="It can't be paid any more"))
    check(office)
    expect(page.get_by_role("main")).to_contain_text("the recipient would be paid twice")
    page.get_by_label("Reason").fill(REASON)
    office.follow(page.get_by_role("button", name="Ask a second person"))
    expect(page.get_by_role("main")).to_contain_text("It wasn't paid and can't be any more")
    assert ManualCase.objects.filter(closed_at=None).count() == 3
    assert office.wrong == []


def test_an_auditor_reads_every_kind(office: Office) -> None:
    made = [
        case_world.unresolved(office.users["service"]),
        case_world.paid_differently(office.users["service"]),
        case_world.unknown_transfer(),
    ]
    office.log_in("auditor")
    for case in made:
        office.go(f"/admin/payouts/manualcase/{case.pk}/")
        check(office)
        expect(office.page.get_by_role("main")).to_contain_text("doesn't do this")
    assert office.wrong == []
