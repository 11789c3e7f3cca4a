"""The back office in a real browser: the door, the way through it, and what everybody can use."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from lucid_payments.accounts import attempts
from lucid_payments.backoffice import login
from payouts.models import Payout
from routers import killswitch
from tests.browser.conftest import DESK, PHONE, Office
from tests.payouts.admin import world

pytestmark = pytest.mark.browser

# Looking at every page takes longer than any other test: so that several can share the work.
PARTS = 3
# What a finger may miss.
SMALL_TARGETS = """
    [...document.querySelectorAll("button, input:not([type=hidden]), select, nav a, summary")]
        .filter((target) => target.getBoundingClientRect().height < 44)
        .map((target) => target.outerHTML)
"""


def test_the_door(office: Office) -> None:
    office.log_in("auditor", "wrong")
    expect(office.page.get_by_role("alert")).to_have_text(login.REFUSED)

    office.log_in("end_user")
    expect(office.page.get_by_role("alert")).to_have_text(login.REFUSED)
    office.go("/admin/payouts/payout/")
    assert office.heading == "Log in"

    office.log_in("admin", code="")
    expect(office.page.get_by_role("alert")).to_have_text(login.CODE_MISSING)

    # Whoever was refused waits for a second at least, and this test takes no longer on a fast machine.
    for name in ("admin", "auditor"):
        attempts.clear(office.users[name])
    office.log_in("admin")
    assert office.heading == "Overview"

    office.follow(office.page.get_by_role("button", name="Log out"))
    office.go("/admin/")
    assert office.heading == "Log in"

    office.log_in("auditor")
    assert office.heading == "Overview"
    assert office.wrong == []


def test_from_the_overview_to_a_held_payout(office: Office) -> None:
    held = Payout.objects.get(hold_reason="possible_duplicate")
    office.log_in("payout_approver")

    office.follow(office.page.get_by_role("link", name="Held: Possible duplicate"))
    assert office.heading == "Payouts"
    expect(office.page.get_by_label("Held because of")).to_have_value("possible_duplicate")
    expect(office.page.locator("tbody tr")).to_have_count(1)

    office.follow(office.page.get_by_role("link", name=held.payout_id))
    assert office.heading == f"Payout {held.payout_id}"
    expect(office.page.get_by_text("A person compares the two.")).to_be_visible()
    expect(office.page.get_by_label("Summary").get_by_text(held.recipient_address)).to_be_visible()
    assert office.wrong == []


def test_pages_stand_in_groups_and_the_keyboard_walks_through_them(office: Office) -> None:
    office.log_in("admin")
    pages = office.page.get_by_role("navigation", name="Pages")
    expect(pages.get_by_role("list", name="Money").get_by_role("link", name="Treasury")).to_be_visible()
    expect(pages.get_by_role("list", name="Limits").get_by_role("link")).to_have_count(4)

    pages.get_by_role("link", name="Limits and breakers").focus()
    office.page.keyboard.press("Tab")
    with office.next_page():
        office.page.keyboard.press("Enter")
    assert office.heading == "Policies"
    expect(pages.locator("[aria-current]")).to_have_text("Policies")
    assert (office.axe(), office.wrong) == ([], [])


def test_search_filter_and_page(office: Office) -> None:
    for number in range(60):
        world.payout(office.users["service"], "cancelled", reference_id=f"bulk-{number}")
    office.log_in("auditor")
    office.follow(office.page.get_by_role("navigation", name="Pages").get_by_role("link", name="Payouts"))
    page, rows = office.page, office.page.locator("tbody tr")

    page.get_by_label("Search", exact=True).fill("bulk-7")
    office.follow(page.get_by_role("button", name="Show"))
    expect(rows).to_have_count(1)
    office.follow(page.get_by_role("link", name="Clear"))

    page.get_by_label("Status").select_option(label="Cancelled")
    office.follow(page.get_by_role("button", name="Show"))
    expect(rows).to_have_count(50)
    office.follow(page.get_by_role("link", name="Older"))
    expect(rows).to_have_count(11)
    expect(page.get_by_label("Status")).to_have_value("cancelled")
    office.follow(page.get_by_role("link", name="Newer"))
    expect(rows).to_have_count(50)

    page.get_by_label("Search", exact=True).fill("nowhere")
    office.follow(page.get_by_role("button", name="Show"))
    expect(page.get_by_text("Nothing matches.")).to_be_visible()
    assert office.wrong == []


def test_text_that_would_run_does_not(office: Office) -> None:
    office.page.on("dialog", lambda dialog: office.wrong.append(dialog.message))
    office.log_in("auditor")

    for payout in Payout.objects.filter(reason=world.INJECTION):
        office.go(f"/admin/payouts/payout/{payout.payout_id}/")
        expect(office.page.get_by_text(world.INJECTION).first).to_be_visible()

    assert office.wrong == []


def test_the_policy_stops_what_slips_through(office: Office) -> None:
    """The console is really watched: a page that did have an inline script would fail the tests here."""
    office.log_in("auditor")

    with office.page.expect_console_message():
        office.page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))"
        )

    assert office.page.evaluate("window.ran") is None
    assert "Content Security Policy" in office.wrong[0]


def test_axe_is_really_asked(office: Office) -> None:
    office.go("/admin/login/")
    office.page.evaluate("document.querySelector('label').remove()")

    assert office.axe() == ["label: ['#id_username']"]


@pytest.mark.parametrize("part", range(PARTS))
def test_every_page_is_accessible_fits_a_phone_and_keeps_the_policy(office: Office, part: int) -> None:
    office.go("/admin/login/")
    look(office)
    office.log_in("auditor")
    statuses = Payout.objects.order_by("status", "-pk").distinct("status")
    pages = ["/admin/", *world.LISTS, *(f"/admin/payouts/payout/{row.payout_id}/" for row in statuses)]

    for path in pages[part::PARTS]:
        office.go(path)
        look(office)

    assert office.wrong == []


def look(office: Office) -> None:
    """At the open page, with all of it unfolded: by day and by night, on a desk and on a phone."""
    page, path = office.page, office.page.url
    for summary in page.locator("summary").all():
        summary.click()
    assert office.axe() == [], path
    assert page.locator("h1").count() == 1, path
    page.emulate_media(color_scheme="dark")
    assert office.axe(only="color-contrast") == [], path
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
    small = page.evaluate(SMALL_TARGETS)
    assert small == [], path
    page.set_viewport_size(DESK)  # type: ignore[arg-type]


def test_the_keyboard_reaches_the_content_first_and_shows_where_it_is(office: Office) -> None:
    office.log_in("auditor")
    office.go("/admin/payouts/payout/")

    office.page.keyboard.press("Tab")
    expect(office.page.locator(":focus")).to_have_text("Skip to content")
    outline = office.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    office.page.keyboard.press("Enter")
    assert office.page.evaluate("document.activeElement.id") == "main"


def test_the_kill_switch_stands_on_every_page(office: Office) -> None:
    killswitch.pull(actor=office.users["admin"], reason="a drill")
    office.log_in("compliance_officer")

    for path in ("/admin/", "/admin/payouts/payout/", "/admin/routers/limitwindow/"):
        office.go(path)
        banners = office.page.get_by_label("What everybody must know now")
        expect(banners).to_contain_text("Kill switch pulled.")
        expect(banners).to_contain_text("Pulled by admin: a drill")
        expect(banners).to_contain_text("Alarm: Not enough TRX.")
    assert office.axe() == []
