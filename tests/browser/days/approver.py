"""The approver's day: thirty requests, one by one and together, a look-alike, and an approval that a change voids."""

from __future__ import annotations

from playwright.sync_api import expect

from payouts.models import ApprovalRequest, Payout
from tests.browser.conftest import Office
from tests.browser.days.world import LOOK_ALIKE, RECIPIENT, Queue
from tests.browser.looking import check

QUEUE = "/admin/payouts/approvalrequest/"
WHY = "The invoice was paid in May already."


def day(office: Office, queue: Queue) -> None:
    page = office.page
    office.log_in("payout_approver")
    check(office, "approvals-overview")
    office.follow(page.get_by_role("link", name="Approvals:"))
    expect(page.get_by_role("heading", name="Waiting (30), the oldest first")).to_be_visible()
    check(office, "approvals-queue", narrow=True)

    approve_one(office, queue.single)
    reject_one(office, queue.rejected)
    refuse_the_look_alike(office, queue.look_alike)
    approve_the_batch(office, queue.batch)
    be_told_what_is_not_approved_together(office, queue)
    reject_many(office, queue.small[:5])
    approve_many(office, queue.small[5:])
    approve_what_changes(office, queue.changes)
    expect(page.get_by_role("heading", name="Waiting (1), the oldest first")).to_be_visible()
    assert ended(queue) == {
        "single": "approved", "rejected": "rejected", "look_alike": "rejected", "batch": "approved",
        "changes": "waiting", "small": ["rejected"] * 5 + ["approved"] * 20,
    }  # fmt: skip
    assert office.wrong == []


def approve_one(office: Office, request: ApprovalRequest) -> None:
    page = office.page
    office.follow(page.get_by_role("link", name="150.00 USDT"))
    check(office)
    office.follow(page.get_by_role("link", name="Approve", exact=True))
    check(office, "approvals-approve")
    office.follow(page.get_by_role("button", name="Approve"))
    expect(page.get_by_role("main")).to_contain_text("is approved and goes its way")


def reject_one(office: Office, request: ApprovalRequest) -> None:
    page = office.page
    office.follow(page.get_by_role("link", name="170.00 USDT"))
    office.follow(page.get_by_role("link", name="Reject"))
    check(office)
    page.get_by_label("Reason").fill(WHY)
    office.follow(page.get_by_role("button", name="Reject"))
    expect(page.get_by_text("Nothing of it is paid.")).to_be_visible()


def refuse_the_look_alike(office: Office, request: ApprovalRequest) -> None:
    """Its ends are those of an address that was paid; in between it is another."""
    page = office.page
    row = page.get_by_role("row").filter(has_text=RECIPIENT)
    expect(row).to_contain_text("Look-alike")
    office.follow(row.get_by_role("link"))
    expect(page.get_by_role("main")).to_contain_text(f"Its ends are those of {LOOK_ALIKE}")
    check(office, "approvals-look-alike")
    office.follow(page.get_by_role("link", name="Reject"))
    page.get_by_label("Reason").fill("Not the address that was paid in May.")
    office.follow(page.get_by_role("button", name="Reject"))


def approve_the_batch(office: Office, request: ApprovalRequest) -> None:
    page = office.page
    office.follow(page.get_by_role("link", name="360.00 USDT"))
    check(office, "approvals-batch")
    office.follow(page.get_by_role("link", name="Approve", exact=True))
    office.follow(page.get_by_role("button", name="Approve"))


def be_told_what_is_not_approved_together(office: Office, queue: Queue) -> None:
    """What needs two people has a page of its own; nothing is approved with it by the way."""
    page = office.page
    choose(office, [queue.small[0], queue.changes])
    office.follow(page.get_by_role("button", name="Approve the chosen"))
    expect(page.get_by_role("alert")).to_contain_text("needs 2 people: approve it on its own page")
    assert page.get_by_role("button", name="Approve all of them").count() == 0
    assert [line.startswith("403 ") or "403" in line for line in office.wrong] == [True] * len(office.wrong)
    office.wrong.clear()
    office.go(QUEUE)


def reject_many(office: Office, requests: list[ApprovalRequest]) -> None:
    page = office.page
    choose(office, requests)
    office.follow(page.get_by_role("button", name="Reject the chosen"))
    check(office)
    page.get_by_label("Reason").fill("The relays were off all month.")
    office.follow(page.get_by_role("button", name="Reject all of them"))
    expect(page.get_by_role("main")).to_contain_text("5, 75.00 USDT together, are rejected.")


def approve_many(office: Office, requests: list[ApprovalRequest]) -> None:
    page = office.page
    choose(office, requests)
    expect(page.get_by_role("status").filter(has_text="Chosen: 20, together 800.00 USDT")).to_be_visible()
    check(office)
    office.follow(page.get_by_role("button", name="Approve the chosen"))
    check(office, "approvals-approve-many")
    office.follow(page.get_by_role("button", name="Approve all of them"))
    expect(page.get_by_role("main")).to_contain_text("20, 800.00 USDT together, are approved")


def approve_what_changes(office: Office, request: ApprovalRequest) -> None:
    """Two people are needed. What the first one saw is changed under the form, and again after it was approved."""
    page = office.page
    office.follow(page.get_by_role("link", name="190.00 USDT"))
    office.follow(page.get_by_role("link", name="Approve", exact=True))
    change(request)
    office.follow(page.get_by_role("button", name="Approve"))
    expect(page.get_by_role("alert")).to_contain_text("changed since you looked")
    check(office)
    assert all("409" in line for line in office.wrong)
    office.wrong.clear()
    office.follow(page.get_by_role("button", name="Approve"))
    expect(page.get_by_role("main")).to_contain_text("another person must approve it, too")
    row = page.get_by_role("row").filter(has_text="190.00").first
    expect(row).to_contain_text("1 of 2")
    change(request)
    office.reload()
    expect(row).to_contain_text("Void")
    expect(row).to_contain_text("0 of 2")
    office.follow(page.get_by_role("link", name="190.00 USDT").first)
    expect(page.get_by_role("main")).to_contain_text("Void: it changed since")
    check(office, "approvals-void")
    office.go(QUEUE)


def change(request: ApprovalRequest) -> None:
    """As whatever changes a payout does: its version is another."""
    payout = Payout.objects.get(approval=request)
    Payout.objects.filter(pk=payout.pk).update(version=payout.version + 1)


def choose(office: Office, requests: list[ApprovalRequest]) -> None:
    for request in requests:
        office.page.locator(f'input[name="chosen"][value="{request.pk}"]').check()


def ended(queue: Queue) -> dict[str, str | list[str]]:
    def state(request: ApprovalRequest) -> str:
        return str(ApprovalRequest.objects.get(pk=request.pk).state)

    alone = ("single", "rejected", "look_alike", "batch", "changes")
    return {name: state(getattr(queue, name)) for name in alone} | {"small": [*map(state, queue.small)]}
