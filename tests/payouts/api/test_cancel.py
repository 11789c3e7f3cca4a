"""`POST /payouts/{id}/cancel`: by its creator or an administrator, while nothing of it is signed."""

from __future__ import annotations

from typing import Any

import pytest

from kyc.models import Node, NodeOperator
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from payouts.models import Payout
from tests.api_client import Answer, ApiClient
from tests.payouts.api.conftest import MakePayout, MakeUser
from tests.payouts.api.rows import attempt_of


@pytest.fixture
def payout(service: User, make_payout: MakePayout) -> Payout:
    return make_payout(service)


def cancel(api: ApiClient, payout: Payout, body: Any = "", **headers: str) -> Answer:
    return api.post(f"/payouts/{payout.payout_id}/cancel", body, headers=headers)


def status_of(payout: Payout) -> str:
    payout.refresh_from_db()
    return payout.status


def test_the_answer_is_the_cancelled_payout(api: ApiClient, payout: Payout) -> None:
    answer = cancel(api, payout, {"reason": "the wrong address"})
    assert answer.status == 200
    assert (answer.body["payout_id"], answer.body["status"]) == (payout.payout_id, "cancelled")
    assert answer.body["failure"] == {"code": "CANCELLED", "message": "Cancelled: the wrong address"}
    assert answer.body["estimated_completion"] is None
    assert AuditEntry.objects.filter(action="payout.cancelled", object_id=str(payout.pk)).count() == 1


def test_it_needs_no_body(api: ApiClient, payout: Payout) -> None:
    assert cancel(api, payout).status == 200
    assert status_of(payout) == "cancelled"


def test_an_administrator_cancels_any(make_user: MakeUser, payout: Payout) -> None:
    assert cancel(ApiClient(make_user("admin")), payout).status == 200


def test_a_foreign_one_does_not_exist(make_user: MakeUser, payout: Payout) -> None:
    cancel(ApiClient(make_user()), payout).refused(404, "LUCID_ERR_2005")
    assert status_of(payout) == "scheduled"


def test_a_node_operator_reads_but_does_not_cancel_what_others_pay_the_node(
    make_user: MakeUser, service: User, make_payout: MakePayout
) -> None:
    operator = make_user("node_operator")
    Node.objects.create(operator=NodeOperator.objects.create(user=operator), node_id="node-1", is_active=True)
    payout = make_payout(service, node_id="node-1")
    client = ApiClient(operator)
    assert client.get(f"/payouts/{payout.payout_id}").status == 200
    cancel(client, payout).refused(403, "LUCID_ERR_2010")
    assert status_of(payout) == "scheduled"


@pytest.mark.parametrize("state", ["signed", "sent", "included", "succeeded"])
def test_what_is_signed_is_not_cancelled(api: ApiClient, payout: Payout, state: str) -> None:
    attempt_of(payout, state)
    Payout.objects.update(status="released")
    details = cancel(api, payout).refused(409, "LUCID_ERR_2011")
    assert details == {"status": "processing"}
    assert status_of(payout) == "released"


def test_a_second_time_it_is_refused_and_with_the_same_key_replayed(api: ApiClient, payout: Payout) -> None:
    first = cancel(api, payout, **{"Idempotency-Key": "once"})
    again = cancel(api, payout, **{"Idempotency-Key": "once"})
    assert (again.status, again.content) == (200, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    cancel(api, payout).refused(409, "LUCID_ERR_2011")
    assert AuditEntry.objects.filter(action="payout.cancelled").count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": 5}, "reason"),
        ({"reason": "x" * 201}, "reason"),
        ({"why": "x"}, "why"),
        ([], "body"),
        ("{", "body"),
    ],
)
def test_bad_input_is_named_and_nothing_happens(
    api: ApiClient, payout: Payout, body: Any, field: str
) -> None:
    assert field in cancel(api, payout, body).refused(400, "LUCID_ERR_1002")
    assert status_of(payout) == "scheduled"


def test_without_a_token_nothing_happens(payout: Payout) -> None:
    cancel(ApiClient(), payout).refused(401, "LUCID_ERR_1001")
    assert status_of(payout) == "scheduled"
