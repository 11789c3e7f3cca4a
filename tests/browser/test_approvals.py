"""The approver's queue in a real browser: chosen, summed, approved with a code, rejected with a reason."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from payouts.manager import PayoutManager
from payouts.models import Payout
from payouts.order import PayoutOrder
from tests.browser.conftest import Office
from tests.browser.test_limits import check
from tests.payouts.admin.world import OTHER_RECIPIENT, RECIPIENT

pytestmark = pytest.mark.browser

USDT = 1_000_000


def test_a_queue_is_worked_through(office: Office) -> None:
    admin, page = office.users["admin"], office.page
    orders = [
        PayoutOrder(recipient_address=to, amount=amount * USDT, reason="relay work of March")
        for amount, to in ((20, RECIPIENT), (30, OTHER_RECIPIENT), (150, RECIPIENT))
    ]
    payouts = [PayoutManager.create(creator=admin, order=order) for order in orders]
    PayoutManager.create_batch(creator=admin, orders=orders, router_type=None)
    office.log_in("payout_approver")
    office.follow(page.get_by_role("link", name="Approvals:"))
    check(office)
    boxes = page.get_by_role("checkbox")
    boxes.nth(0).check()
    boxes.nth(1).check()
    expect(page.get_by_role("status").filter(has_text="Chosen: 2, together 50.00 USDT")).to_be_visible()
    office.follow(page.get_by_role("button", name="Approve the chosen"))
    assert office.heading == "Approve several: 2 chosen"
    check(office)
    office.follow(page.get_by_role("button", name="Approve all of them"))
    expect(page.get_by_text("2, 50.00 USDT together, are approved and go their way.")).to_be_visible()

    office.follow(page.get_by_role("link", name="150.00 USDT").first)
    check(office)
    office.follow(page.get_by_role("link", name="Reject"))
    check(office)
    page.get_by_label("Reason").fill("the invoice was paid already")
    office.follow(page.get_by_role("button", name="Reject"))
    expect(page.get_by_text("Nothing of it is paid.")).to_be_visible()

    office.follow(page.get_by_role("link", name="200.00 USDT").first)
    check(office)
    office.follow(page.get_by_role("link", name="Approve", exact=True))
    check(office)
    office.follow(page.get_by_role("button", name="Approve"))
    expect(page.get_by_text("Nothing waits for an approver.")).to_be_visible()
    states = Payout.objects.filter(pk__in=[payout.pk for payout in payouts]).order_by("pk")
    assert list(states.values_list("status", flat=True)) == ["scheduled", "scheduled", "rejected"]
    office.follow(page.get_by_role("navigation", name="Pages").get_by_role("link", name="Approval rules"))
    check(office)
    assert office.wrong == []
