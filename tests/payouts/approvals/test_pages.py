"""The approvers' pages: what stands in the queue, acts by their confirm pages, and what it costs with much waiting."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.accounts.tokens import AccessToken, issue
from lucid_payments.backoffice import acts
from payouts.approvals import recipients, requests
from payouts.manager import PayoutManager
from payouts.models import Approval, ApprovalRequest, ApprovalRule, Payout
from payouts.order import PayoutOrder
from tests.lucid_payments.backoffice.people import Desk, desk
from tests.payouts.approvals.conftest import OTHER, RECIPIENT, USDT, account, pay, request_of
from tests.policies import set_rule

QUEUE = "/admin/payouts/approvalrequest/"
# The same first and last four characters as RECIPIENT's.
DOUBLE = "TT6hXYZwvuTSRQPonmLKJihgFEDcba1BnCqJ9"[:30] + RECIPIENT[-4:]
WHY = "the invoice was paid already"


@pytest.fixture
def office(db: None) -> Desk:
    return desk("payout_approver")


def words(page: Any) -> str:
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", page.content.decode()).split()))


def paid(creator: User, address: str) -> None:
    Payout.objects.create(
        creator=creator, recipient_address=address, amount=USDT, reason="old", status="confirmed",
        router_type="PayoutRouterV0",
    )  # fmt: skip


def test_the_queue_shows_what_people_decide_by_oldest_first(
    admin: User, office: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipients, "_NAMES", [lambda addresses: {OTHER: "Exit node 7"}])
    paid(admin, OTHER)
    first, second = pay(admin, 50), pay(admin, 60, to=OTHER)
    page = office.client.get(QUEUE).content.decode()
    assert page.index(RECIPIENT) < page.index(OTHER)
    shown = words(office.client.get(QUEUE))
    assert "Waiting (2), the oldest first" in shown
    assert f"{RECIPIENT} ○ First time" not in shown
    assert re.search(rf"50\.00 USDT {RECIPIENT} \S+ First time paid V0 admin", shown), shown
    assert re.search(rf"60\.00 USDT {OTHER} Exit node 7 \S+ Paid before V0 admin", shown), shown
    assert "0 of 1" in shown
    assert {request_of(first).state, request_of(second).state} == {"waiting"}


def test_an_address_that_looks_like_a_known_one_is_warned_of(admin: User, office: Desk) -> None:
    paid(admin, DOUBLE)
    paid(admin, RECIPIENT)
    request = request_of(pay(admin))
    known = recipients.look_up([RECIPIENT, OTHER])
    assert known[RECIPIENT].paid_before
    assert (known[RECIPIENT].double, known[OTHER].double) == (DOUBLE, "")
    for path in (QUEUE, f"{QUEUE}{request.pk}/", acts.url("approval.approve", request.pk)):
        assert DOUBLE in words(office.client.get(path)), path


def test_one_is_approved_by_its_confirm_page(admin: User, office: Desk) -> None:
    payout = pay(admin)
    request = request_of(payout)
    path = acts.url("approval.approve", request.pk)
    assert "50.00 USDT may go" in words(office.client.get(path))
    answer = office.act("approval.approve", request.pk, reason="")
    assert (answer.status_code, answer["Location"]) == (302, QUEUE)
    payout.refresh_from_db()
    assert payout.status == "scheduled"
    assert Approval.objects.get().approver == office.user


def test_without_a_code_or_with_another_content_nothing_is_approved(admin: User, office: Desk) -> None:
    set_rule("admin", two_above=0)
    payout = pay(admin)
    request = request_of(payout)
    path = acts.url("approval.approve", request.pk)
    form = office.form(path)
    assert "recovery code" in words(office.send(path, form, code=""))
    Payout.objects.filter(pk=payout.pk).update(version=7)
    answer = office.send(path, form)
    assert (answer.status_code, "has changed since you looked" in words(answer)) == (409, True)
    assert not Approval.objects.exists()


def test_one_is_rejected_with_a_reason(admin: User, office: Desk) -> None:
    payout = pay(admin)
    request = request_of(payout)
    assert "At least 10 characters" in words(office.act("approval.reject", request.pk, reason=""))
    answer = office.act("approval.reject", request.pk, reason=WHY)
    assert answer.status_code == 302
    payout.refresh_from_db()
    assert (payout.status, payout.failure_code) == ("rejected", "LUCID_ERR_2014")
    assert WHY in words(office.client.get(f"{QUEUE}{request.pk}/"))


def test_the_chosen_are_summed_and_approved_together(admin: User, office: Desk) -> None:
    payouts = [pay(admin, amount) for amount in (10, 20, 30)]
    keys = [request_of(payout).pk for payout in payouts]
    answer = office.client.get(f"{QUEUE}selected/?act=approve&chosen={keys[0]}&chosen={keys[1]}")
    assert answer["Location"] == acts.url("approval.approve_many", f"{keys[0]},{keys[1]}")
    assert "Together 30.00 USDT" in words(office.client.get(answer["Location"]))
    office.act("approval.approve_many", f"{keys[0]},{keys[1]}", reason="")
    assert list(Payout.objects.order_by("pk").values_list("status", flat=True)) == [
        "scheduled",
        "scheduled",
        "awaiting_approval",
    ]


def test_what_can_t_be_approved_together_says_why(admin: User, office: Desk) -> None:
    keys = ",".join(str(request_of(pay(admin, amount)).pk) for amount in (10, 101))
    answer = office.client.get(acts.url("approval.approve_many", keys))
    assert (answer.status_code, "above 100.00 USDT" in words(answer)) == (403, True)
    office.act("approval.reject_many", keys, reason=WHY)
    assert set(Payout.objects.values_list("status", flat=True)) == {"rejected"}


def test_a_batch_has_a_page_of_all_its_payouts(admin: User, office: Desk) -> None:
    orders = [
        PayoutOrder(recipient_address=RECIPIENT, amount=part * USDT, reason=f"part {part}")
        for part in (1, 2, 3)
    ]
    batch = PayoutManager.create_batch(creator=admin, orders=orders, router_type=None)
    request = ApprovalRequest.objects.get()
    shown = words(office.client.get(f"{QUEUE}{request.pk}/"))
    assert "6.00 USDT" in shown
    assert all(payout.payout_id in shown for payout in batch.payouts.all())
    assert "Batch of 3" in words(office.client.get(QUEUE))
    assert "3 payouts, 6.00 USDT may go" in words(office.client.get(acts.url("approval.approve", request.pk)))


@pytest.mark.parametrize("role", ["admin", "compliance_officer", "auditor"])
def test_other_staff_superusers_too_read_and_decide_nothing(admin: User, role: str) -> None:
    payout = pay(admin)
    request = request_of(payout)
    other = desk(role, name="other")
    User.objects.filter(pk=other.user.pk).update(is_superuser=True)
    shown = words(other.client.get(f"{QUEUE}{request.pk}/"))
    assert "doesn't do this" in shown
    assert "Approve the chosen" not in words(other.client.get(QUEUE))
    for kind in ("approval.approve", "approval.reject", "approval.approve_many", "approval.reject_many"):
        path = acts.url(kind, request.pk)
        answer = other.send(path, {"version": "0" * 64, "token": "x"}, reason=WHY)
        assert answer.status_code == 403, kind
    payout.refresh_from_db()
    assert (payout.status, Approval.objects.count()) == ("awaiting_approval", 0)


def test_the_creator_s_button_is_refused_with_its_reason(db: None) -> None:
    mine = desk("admin", name="turncoat")
    request = request_of(pay(mine.user))
    User.objects.filter(pk=mine.user.pk).update(role="payout_approver")
    assert "another person decides" in words(mine.client.get(f"{QUEUE}{request.pk}/"))
    answer = mine.send(
        acts.url("approval.approve", request.pk), {"version": "0" * 64, "token": "x"}, reason=""
    )
    assert (answer.status_code, Approval.objects.count()) == (403, 0)


def test_a_machine_s_token_opens_no_act(admin: User) -> None:
    """Tokens are for the API, which has no way to approve; the back office knows sessions alone."""
    payout = pay(admin)
    machine = account("machine", "service")
    token = f"Bearer {issue(AccessToken, machine)}"
    for path in (acts.url("approval.approve", request_of(payout).pk), QUEUE):
        answer = Client().post(path, headers={"Authorization": token})
        assert answer.status_code in (302, 403), path
        assert "login" in answer.get("Location", "login")
    answer = Client().post(
        f"/api/payment/payouts/{payout.payout_id}/approve", headers={"Authorization": token}
    )
    assert answer.status_code == 404
    payout.refresh_from_db()
    assert (payout.status, Approval.objects.count()) == ("awaiting_approval", 0)


def test_a_rule_is_changed_on_its_page_by_two(db: None) -> None:
    first, second = desk("admin", name="one"), desk("admin", name="two")
    page = words(first.client.get("/admin/payouts/approvalrule/"))
    assert "One approval: payout above 500.00" in page
    answers = {"payout_above": "400", "batch_above": "", "day_above": "4,000", "two_above": "5000"}
    reviewed = first.act("approval_rule.change", "service", step="review", **answers)
    assert "One approval: payout above 500.00 400.00 asks for more" in words(reviewed)
    assert "One approval: batch above 1,000.00 never asks for fewer" in words(reviewed)
    first.act("approval_rule.change", "service", **answers)
    assert ApprovalRule.objects.filter(creator_role="service").count() == 1
    (number,) = acts_waiting()
    second.answer(number, "confirm")
    rule = ApprovalRule.objects.latest("pk")
    assert (rule.version, rule.payout_above, rule.batch_above) == (2, 400 * USDT, None)
    assert (rule.author, rule.second) == (first.user, second.user)
    assert "asks for fewer" in words(first.client.get(f"/admin/payouts/approvalrule/{rule.pk}/"))


def acts_waiting() -> list[int]:
    from lucid_payments.backoffice import second_person

    return [row.pk for row in second_person.waiting()]


def many_waiting(creator: User, count: int) -> None:
    rule = ApprovalRule.objects.get(creator_role="admin", version=1)
    before = ApprovalRequest.objects.count()
    ApprovalRequest.objects.bulk_create(
        ApprovalRequest(
            creator=creator, rule=rule, needed=1, network=settings.TRON_NETWORK, payouts_asked=1, largest=USDT,
            total=USDT, day=USDT, asked_at=clock.now(),
        )
        for _ in range(count)
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO payouts_payout (payout_id, creator_id, status, hold_reason, recipient_address, amount, reason,
                router_type, router_conditions, priority, batch_type, on_limit, request_id, retries, version,
                approval_id)
            SELECT 'payout_many' || id, %s, 'awaiting_approval', 'approval', %s, 1000000, 'many', 'PayoutRouterV0',
                '{}', 2, 'IMMEDIATE', 'hold', '', 0, 1, id
            FROM payouts_approvalrequest AS request
            WHERE NOT EXISTS (SELECT FROM payouts_payout WHERE approval_id = request.id)
            """,
            [creator.pk, RECIPIENT],
        )
    assert requests.waiting().count() == before + count


def statements(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        assert client.get(path).status_code == 200
    return len(asked)


def test_the_queue_costs_the_same_statements_with_30_and_with_3_000(admin: User, office: Desk) -> None:
    many_waiting(admin, 30)
    few = statements(office.client, QUEUE)
    many_waiting(admin, 2_970)
    assert statements(office.client, QUEUE) == few < 32
    page = office.client.get(QUEUE).content.decode()
    assert page.count('name="chosen"') == 50
    following = re.search(r'href="(\?following=\d+)"', page)
    assert following is not None
    assert statements(office.client, QUEUE + following[1]) == few
    later = office.client.get(QUEUE + following[1]).content.decode()
    assert set(re.findall(r'name="chosen" value="(\d+)"', page)).isdisjoint(
        re.findall(r'name="chosen" value="(\d+)"', later)
    )


@pytest.mark.prove
def test_the_queue_costs_the_same_statements_with_30_and_with_50_000(admin: User, office: Desk) -> None:
    many_waiting(admin, 30)
    few = statements(office.client, QUEUE)
    many_waiting(admin, 49_970)
    assert statements(office.client, QUEUE) == few
