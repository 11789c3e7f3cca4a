"""`POST /payouts`: what is accepted, what comes back, and who may ask for what."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest

from kyc.models import Node, NodeOperator
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from payouts.models import Payout
from routers import killswitch
from tests.api_client import BASE, Answer, ApiClient
from tests.payouts.api.conftest import RECIPIENT, MakePayout, MakeUser, order

ALWAYS_KNOWN = {
    *("payout_id", "status", "recipient_address", "amount_usdt", "reason", "router_type", "priority"),
    *("batch_type", "confirmations", "estimated_completion", "created_at", "request_id"),
}
UNKNOWN_AT_FIRST = {
    *("session_id", "node_id", "batch_id", "reference_id", "retry_of", "custom_data", "txid"),
    *("block_number", "block_timestamp", "fee_trx", "hold_reason", "failure", "confirmed_at"),
}


def test_a_payout_is_accepted_and_answered_with_every_field(api: ApiClient) -> None:
    answer = api.post("/payouts", order(), headers={"X-Request-ID": "from-the-caller"})
    assert answer.status == 201
    body = answer.body
    assert set(body) == ALWAYS_KNOWN | UNKNOWN_AT_FIRST
    assert re.fullmatch(r"payout_[a-zA-Z0-9]+", body["payout_id"])
    assert (body["status"], body["recipient_address"], body["reason"]) == ("pending", RECIPIENT, "relay work")
    assert (body["router_type"], body["priority"], body["batch_type"]) == (
        "PayoutRouterV0",
        "NORMAL",
        "IMMEDIATE",
    )
    assert (body["confirmations"], body["request_id"]) == (0, "from-the-caller")
    assert {name for name in body if body[name] is None} == UNKNOWN_AT_FIRST
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", body["created_at"])


def test_every_field_that_was_given_comes_back(api: ApiClient) -> None:
    given = {
        "router_type": "PayoutRouterV0",
        "priority": "URGENT",
        "batch_type": "DAILY",
        "session_id": "session-1",
        "node_id": "node-1",
        "reference_id": "invoice 7",
        "custom_data": {"a": [1, 2.5, "é", None, True], "b": {"c": 12345678901234567890}},
    }
    body = api.post("/payouts", order(on_limit="hold", **given)).body
    assert {name: body[name] for name in given} == given
    assert body["hold_reason"] == "slot"


def test_metadata_is_another_name_of_custom_data(api: ApiClient) -> None:
    assert api.post("/payouts", order(metadata={"a": 1})).body["custom_data"] == {"a": 1}


def test_an_optional_field_that_is_null_counts_as_absent(api: ApiClient) -> None:
    names = ("router_type", "priority", "batch_type", "session_id", "custom_data", "reference_id", "on_limit")
    body = api.post("/payouts", order(**dict.fromkeys(names))).body
    assert (body["priority"], body["batch_type"], body["custom_data"]) == ("NORMAL", "IMMEDIATE", None)


@pytest.mark.parametrize(
    ("written", "units", "answered"),
    [
        ("5", 5_000_000, "5.00"),
        ("5.5", 5_500_000, "5.50"),
        ('"5.5"', 5_500_000, "5.50"),
        ('"5.500000"', 5_500_000, "5.50"),
        ("5.500000000", 5_500_000, "5.50"),
        ("0.01", 10_000, "0.01"),
        ("0.3", 300_000, "0.30"),
        ("199.999999", 199_999_999, "199.999999"),
        ("123.456789", 123_456_789, "123.456789"),
    ],
)
def test_an_amount_keeps_its_exact_digits(api: ApiClient, written: str, units: int, answered: str) -> None:
    answer = api.post("/payouts", json.dumps(order(amount_usdt="HERE")).replace('"HERE"', written))
    assert answer.status == 201, answer.body
    assert Payout.objects.get().amount == units
    assert f'"amount_usdt":{answered},'.encode() in answer.content
    assert answer.body["amount_usdt"] == Decimal(answered)


def test_free_data_of_exactly_a_thousand_bytes_is_taken(api: ApiClient) -> None:
    data = {"a": "x" * (1000 - len('{"a":""}'))}
    assert api.post("/payouts", order(custom_data=data)).body["custom_data"] == data


def test_creation_is_told_in_the_audit_log_and_the_outbox(api: ApiClient, service: User) -> None:
    answer = api.post("/payouts", order(), headers={"X-Request-ID": "abc"})
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.request_id) == (service, "payout.created", "abc")
    event = Event.objects.get()
    assert (event.owner, event.type, event.subject_id) == (
        service,
        "payout.created",
        answer.body["payout_id"],
    )


@pytest.mark.parametrize("role", ["admin", "node_operator", "end_user", "service"])
def test_roles_that_may_create(make_user: MakeUser, role: str) -> None:
    assert ApiClient(make_user(role)).post("/payouts", order()).status == 201


@pytest.mark.parametrize("role", ["compliance_officer", "payout_approver", "auditor"])
def test_roles_that_may_not_create(make_user: MakeUser, role: str) -> None:
    ApiClient(make_user(role)).post("/payouts", order()).refused(403, "LUCID_ERR_2010")
    assert not Payout.objects.exists()


def test_a_stranger_may_not_create(db: None) -> None:
    ApiClient().post("/payouts", order()).refused(401, "LUCID_ERR_1001")
    assert not Payout.objects.exists()


@pytest.mark.parametrize(
    ("role", "status"), [("admin", 201), ("service", 201), ("node_operator", 403), ("end_user", 403)]
)
def test_urgent_is_for_admins_and_services(make_user: MakeUser, role: str, status: int) -> None:
    assert ApiClient(make_user(role)).post("/payouts", order(priority="URGENT")).status == status
    assert Payout.objects.count() == (status == 201)


def test_a_node_operator_pays_for_own_nodes_only(make_user: MakeUser) -> None:
    mine, theirs = make_user("node_operator"), make_user("node_operator")
    for user, node in ((mine, "node-mine"), (theirs, "node-theirs")):
        operator = NodeOperator.objects.create(user=user, operator_id=f"operator-{node}")
        Node.objects.create(node_id=node, operator=operator)
    client = ApiClient(mine)
    assert client.post("/payouts", order(node_id="node-mine")).status == 201
    client.post("/payouts", order(node_id="node-theirs")).refused(403, "LUCID_ERR_2010")
    client.post("/payouts", order(node_id="node-unknown")).refused(403, "LUCID_ERR_2010")
    assert Payout.objects.count() == 1


def test_kyc_that_the_rule_does_not_allow_names_the_condition(api: ApiClient) -> None:
    answer = api.post("/payouts", order(router_type="PayoutRouterKYC", node_id="node-unknown"))
    assert answer.refused(400, "LUCID_ERR_2004")["condition"] == "node"
    assert not Payout.objects.exists()


def test_an_end_user_gets_no_kyc_router(make_user: MakeUser) -> None:
    client = ApiClient(make_user("end_user"))
    client.post("/payouts", order(router_type="PayoutRouterKYC")).refused(403, "LUCID_ERR_2010")


def test_more_than_the_router_could_ever_pay_is_refused(api: ApiClient) -> None:
    details = api.post("/payouts", order(amount_usdt="200.01")).refused(400, "LUCID_ERR_2002")
    assert set(details) == {"limit_name", "limit", "amount"}
    assert not Payout.objects.exists()


def test_a_reference_is_used_once_per_caller(api: ApiClient, make_user: MakeUser) -> None:
    first = api.post("/payouts", order(reference_id="invoice 7")).body["payout_id"]
    details = api.post("/payouts", order(reference_id="invoice 7")).refused(409, "LUCID_ERR_2013")
    assert details["payout_id"] == first
    assert ApiClient(make_user()).post("/payouts", order(reference_id="invoice 7")).status == 201
    assert Payout.objects.count() == 2


def test_only_an_own_failed_payout_is_replaced_and_once(
    api: ApiClient, service: User, make_user: MakeUser, make_payout: MakePayout
) -> None:
    running, failed = make_payout(service), make_payout(service)
    foreign = make_payout(make_user())
    for payout in (failed, foreign):
        Payout.objects.filter(pk=payout.pk).update(
            status="failed", failure_code="LUCID_ERR_2006", failure_message="No node took it."
        )
    for wrong in (running, foreign):
        answer = api.post("/payouts", order(retry_of=wrong.payout_id))
        assert "retry_of" in answer.refused(400, "LUCID_ERR_1002")
    assert api.post("/payouts", order(retry_of=failed.payout_id)).body["retry_of"] == failed.payout_id
    answer = api.post("/payouts", order(retry_of=failed.payout_id))
    assert "retry_of" in answer.refused(400, "LUCID_ERR_1002")


def test_while_the_kill_switch_is_pulled_nothing_is_accepted(api: ApiClient, service: User) -> None:
    killswitch.pull(actor=None, reason="drill")
    answer = api.post("/payouts", order())
    answer.refused(400, "LUCID_ERR_2003")
    assert int(answer.headers["Retry-After"]) > 0
    assert not Payout.objects.exists()


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options"])
def test_another_method_is_refused(api: ApiClient, method: str) -> None:
    response: Any = getattr(api.client, method)(f"{BASE}/payouts", headers=api.headers)
    answer = Answer(response)
    answer.refused(405, "LUCID_ERR_1004")
    assert "POST" in answer.headers["Allow"]
