"""Limits and breakers in a real browser: stopping, and letting go by two, on a page that refreshes itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import expect
from pytest_django import Settings

from lucid_payments import clock
from routers import breakers, killswitch
from routers.models import TripCause
from tests.browser.conftest import DESK, PHONE, Office
from tests.payouts.admin import world
from tests.policies import V0

pytestmark = pytest.mark.browser

PAGE = "/admin/routers/limitwindow/"
SMALL_TARGETS = """
    [...document.querySelectorAll("main button, main a.button")]
        .filter((target) => target.getBoundingClientRect().height < 44)
        .map((target) => target.outerHTML)
"""
REASON = "the price feed was wrong and is right again"


def check(office: Office) -> None:
    """Serious faults, and whether it fits a phone with targets for a thumb."""
    assert office.axe() == []
    office.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert office.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    # All at one moment: the page refreshes itself.
    assert office.page.evaluate(SMALL_TARGETS) == []
    office.page.set_viewport_size(DESK)  # type: ignore[arg-type]


def test_one_pulls_and_two_release(office: Office) -> None:
    office.users["second"] = world.user("admin", name="second")
    page = office.page
    office.log_in("admin")
    office.follow(
        page.get_by_role("navigation", name="Pages").get_by_role("link", name="Limits and breakers")
    )
    check(office)
    office.follow(page.get_by_role("link", name="Pull the kill switch").first)
    check(office)
    page.get_by_label("Reason").fill(REASON)
    office.follow(page.get_by_role("button", name="Pull the kill switch"))
    assert office.heading == "Limits and breakers"
    assert killswitch.is_pulled()
    expect(page.get_by_label("What everybody must know now")).to_contain_text("Kill switch pulled.")
    breakers.trip(V0, TripCause.COMPLIANCE, "a list changed")
    office.reload()
    check(office)

    office.follow(page.get_by_role("link", name="Release the kill switch"))
    page.get_by_label("Reason").fill(REASON)
    office.follow(page.get_by_role("button", name="Ask a second person"))
    office.follow(page.get_by_role("button", name="Log out"))
    assert killswitch.is_pulled()
    office.log_in("second")
    office.follow(page.get_by_role("link", name="1 for you to answer"))
    office.follow(page.get_by_role("link", name="Release the kill switch: All payouts"))
    expect(page.get_by_text("will go now")).to_be_visible()
    office.follow(page.get_by_role("button", name="Confirm"))
    assert office.heading == "Limits and breakers"
    assert not killswitch.is_pulled()
    assert office.wrong == []


def test_a_page_that_stands_open_follows_by_itself(office: Office) -> None:
    page = office.page
    page.clock.install()
    office.log_in("auditor")
    office.go(PAGE)
    expect(page.get_by_role("heading", name="Router V0 Closed")).to_be_visible()
    breakers.trip(V0, TripCause.COMPLIANCE, "a list changed")

    page.clock.run_for(10_000)

    expect(page.get_by_role("heading", name="Router V0 Open")).to_be_visible()
    assert office.wrong == []
    page.context.clear_cookies()
    page.clock.run_for(10_000)
    expect(page.get_by_role("status")).to_contain_text("Not refreshed: these figures are old.")


def test_one_breaks_the_glass_and_another_reviews_it(office: Office, settings: Settings) -> None:
    settings.BREAK_GLASS = True
    office.users["second"] = world.user("admin", name="second")
    page = office.page
    office.log_in("admin")
    office.go(PAGE)
    office.follow(page.get_by_role("link", name="Break the glass").first)
    check(office)
    page.get_by_label("USDT on top of the cap").fill("100")
    page.get_by_label("Reason").fill("the ambulance must be paid, and nobody else answers")
    office.follow(page.get_by_role("button", name="Break the glass"))
    assert office.heading == "Limits and breakers"
    everywhere = page.get_by_label("What everybody must know now")
    expect(everywhere).to_contain_text("Break-glass in use.")
    check(office)
    office.follow(page.get_by_role("button", name="Log out"))

    clock.freeze(clock.now() + timedelta(hours=1))
    office.log_in("second")
    expect(everywhere).to_contain_text("Break-glass waits for its review.")
    office.follow(page.get_by_role("link", name="Review it"))
    check(office)
    page.get_by_label("Verdict").select_option("Justified")
    page.get_by_label("Reason").fill("I was on the train, and it had to be done")
    office.follow(page.get_by_role("button", name="Record the verdict"))
    assert office.heading == "Limits and breakers"
    expect(page.get_by_role("main")).not_to_contain_text("Waiting for a review")
    assert office.wrong == []
