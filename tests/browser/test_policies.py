"""Policies in a real browser: read, changed by the form and its confirm page by two, and compared."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from routers import policy
from tests.browser.conftest import Office
from tests.browser.test_limits import check
from tests.payouts.admin import world
from tests.policies import V0

pytestmark = pytest.mark.browser

REASON = "prices have moved since the spring"


def test_a_change_is_filled_in_looked_at_asked_for_confirmed_and_compared(office: Office) -> None:
    office.users["second"] = world.user("admin", name="second")
    page = office.page
    office.log_in("admin")
    office.follow(page.get_by_role("navigation", name="Pages").get_by_role("link", name="Policies"))
    check(office)
    office.follow(page.get_by_role("region", name="Router V0").get_by_role("link", name="Change the policy"))
    check(office)
    page.get_by_label("Per hour (USDT)").fill("500")
    page.get_by_label("Weekly").uncheck()
    office.follow(page.get_by_role("button", name="Show what it changes"))
    expect(page.get_by_role("row", name="Per hour (USDT) 400.00 500.00 loosens")).to_be_visible()
    expect(page.get_by_role("row", name="Batch types")).to_contain_text("tightens")
    check(office)
    page.get_by_label("Reason").fill(REASON)
    office.follow(page.get_by_role("button", name="Ask a second person"))
    office.follow(page.get_by_role("button", name="Log out"))
    assert policy.current().routers[V0].version == 1

    office.log_in("second")
    office.follow(page.get_by_role("link", name="1 for you to answer"))
    office.follow(page.get_by_role("link", name="Change a policy: Router V0"))
    expect(page.get_by_role("row", name="Per hour (USDT) 400.00 500.00 loosens")).to_be_visible()
    check(office)
    office.follow(page.get_by_role("button", name="Confirm"))
    assert office.heading == "Router V0: version 2"
    expect(page.get_by_role("heading", name="Version 1 and version 2 side by side")).to_be_visible()
    check(office)
    assert policy.current().routers[V0].hourly_limit == 500_000_000
    assert office.wrong == []
