"""What the audit log keeps of requests: who, in which role, from where, under which id; refusals and reads too."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from redis.exceptions import RedisError

from kyc.models import Node, NodeOperator
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from payouts.manager import PayoutManager
from payouts.order import PayoutOrder
from tests.api_client import ApiClient
from tests.payouts.api.conftest import RECIPIENT, MakePayout, MakeUser, order

CIRCUIT = "fc00:dead:beef:4dad::12:34"
GATEWAY = "a token of the gateway for tests alone"


@pytest.fixture
def from_circuit(settings: Settings) -> dict[str, str]:
    """The headers that the gateway adds, and a request's id; nobody else has this circuit."""
    settings.GATEWAY_TOKEN = GATEWAY
    circuit = f"{CIRCUIT}{uuid.uuid4().hex[:4]}"
    return {"X-Lucid-Gateway-Token": GATEWAY, "X-Lucid-Client": circuit, "X-Request-ID": "req-1"}


def entries(action: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(action=action).order_by("pk"))


def origin(entry: AuditEntry) -> tuple[str, str, str, str]:
    return entry.actor_label, entry.role, entry.request_id, entry.client


def test_a_creation_says_who_in_which_role_and_from_which_circuit(
    api: ApiClient, service: User, from_circuit: dict[str, str]
) -> None:
    assert api.post("/payouts", order(), headers=from_circuit).status == 201
    (entry,) = entries("payout.created")
    circuit = f"gateway:{from_circuit['X-Lucid-Client']}"
    assert origin(entry) == (service.username, "service", "req-1", circuit)


def test_what_a_worker_does_comes_from_nowhere(service: User, make_payout: MakePayout) -> None:
    make_payout(service)
    assert origin(entries("payout.created")[0]) == (service.username, "service", "", "")


def test_reads_of_others_payouts_are_one_entry_and_own_ones_none(
    make_user: MakeUser, make_payout: MakePayout, service: User, from_circuit: dict[str, str]
) -> None:
    admin = make_user("admin")
    own, others = make_payout(admin), sorted(make_payout(service).payout_id for _ in range(3))
    api = ApiClient(admin)
    listed = api.get("/payouts", from_circuit).body["payouts"]
    assert len(listed) == 4
    (entry,) = entries("payout.read")
    circuit = f"gateway:{from_circuit['X-Lucid-Client']}"
    assert origin(entry) == (admin.username, "admin", "req-1", circuit)
    assert entry.details == {"ids": others}
    api.get(f"/payouts/{own.payout_id}")
    api.get(f"/payouts/{others[0]}")
    assert len(entries("payout.read")) == 1


@pytest.mark.parametrize("way", ["one", "transaction", "bulk"])
def test_each_way_to_read_what_is_anothers_is_kept(
    make_user: MakeUser, make_payout: MakePayout, service: User, way: str
) -> None:
    payout, api = make_payout(service), ApiClient(make_user("admin"))
    for _ in range(3):
        if way == "bulk":
            api.post("/payouts/transactions/bulk", [payout.payout_id])
        else:
            api.get(f"/payouts/{payout.payout_id}" + ("/transaction" if way == "transaction" else ""))
    (entry,) = entries("payout.read")
    assert (entry.object_id, entry.details) == (str(payout.pk), {"ids": [payout.payout_id]})


def test_reading_anothers_batch_is_kept(make_user: MakeUser, service: User) -> None:
    asked = PayoutOrder(recipient_address=RECIPIENT, amount=1_000_000, reason="relay work")
    batch = PayoutManager.create_batch(creator=service, orders=[asked], router_type=None)
    ApiClient(service).get(f"/payouts/batch/{batch.batch_id}")
    assert entries("batch.read") == []
    ApiClient(make_user("admin")).get(f"/payouts/batch/{batch.batch_id}")
    assert entries("batch.read")[0].details == {"ids": [batch.batch_id]}


def test_an_operator_reading_what_others_paid_to_own_nodes_is_kept(
    make_user: MakeUser, make_payout: MakePayout, service: User
) -> None:
    operator = make_user("node_operator")
    record = NodeOperator.objects.create(user=operator, operator_id="operator-1")
    Node.objects.create(node_id="node-1", operator=record)
    payout = make_payout(service, node_id="node-1")
    ApiClient(operator).get("/payouts")
    assert entries("payout.read")[0].details == {"ids": [payout.payout_id]}


def test_a_client_reading_its_own_costs_no_statement_more(
    api: ApiClient, service: User, make_payout: MakePayout
) -> None:
    make_payout(service)
    api.get("/payouts")
    with CaptureQueriesContext(connection) as queries:
        api.get("/payouts")
    assert not [query for query in queries if "audit_auditentry" in query["sql"]]


def test_refusals_of_the_same_kind_are_one_entry_a_minute_that_counts(
    make_user: MakeUser, from_circuit: dict[str, str]
) -> None:
    user = make_user("payout_approver")
    for _ in range(4):
        ApiClient(user).get("/payouts", from_circuit).refused(403, "LUCID_ERR_2010")
    (entry,) = entries("request.refused")
    circuit = f"gateway:{from_circuit['X-Lucid-Client']}"
    assert origin(entry) == (user.username, "payout_approver", "req-1", circuit)
    assert entry.details == {"code": "LUCID_ERR_2010", "status": 403, "request": "GET /api/payment/payouts"}
    # A minute later.
    cache.delete(f"noted:refusal:{user.public_id}:{circuit}:LUCID_ERR_2010:GET:/api/payment/payouts")
    ApiClient(user).get("/payouts", from_circuit)
    assert entries("request.refused")[1].details["unnoted_before"] == 3


def test_too_many_requests_too_much_and_a_bad_token_are_kept(
    api: ApiClient, service: User, settings: Settings, from_circuit: dict[str, str]
) -> None:
    api.post("/payouts", order(amount_usdt="200.01")).refused(400, "LUCID_ERR_2002")
    settings.RATE_LIMIT_FACTOR = 1
    assert 429 in [api.get("/limits").status for _ in range(32)]
    stranger = ApiClient()
    stranger.get("/payouts", from_circuit).refused(401, "LUCID_ERR_1001")
    stranger.get("/payouts", {**from_circuit, "Authorization": "Bearer x"}).refused(401, "LUCID_ERR_1001")
    found = [(entry.actor_label, entry.details["code"]) for entry in entries("request.refused")]
    assert found == [
        (service.username, "LUCID_ERR_2002"),
        (service.username, "LUCID_ERR_2009"),
        ("a stranger", "LUCID_ERR_1001"),
    ]


def test_a_failed_login_names_the_account_and_never_what_was_typed(
    make_user: MakeUser, from_circuit: dict[str, str]
) -> None:
    user, typed = make_user("service"), "hunter2 in the wrong box"
    for name in (user.username, typed):
        answer = ApiClient().post("/auth/token", {"username": name, "password": typed}, from_circuit)
        answer.refused(401, "LUCID_ERR_1001")
    ApiClient().post("/auth/key", {"key": "lucid_" + typed}, from_circuit).refused(401, "LUCID_ERR_1001")
    found = entries("login.refused")
    assert [(entry.actor_label, entry.object_label) for entry in found] == [
        ("a stranger", user.username), ("a stranger", ""), ("a stranger", ""),
    ]  # fmt: skip
    assert typed not in str([(entry.details, entry.object_label, entry.actor_label) for entry in found])
    assert {entry.client for entry in found} == {f"gateway:{from_circuit['X-Lucid-Client']}"}


def test_what_a_body_lacks_is_no_refusal(api: ApiClient) -> None:
    api.post("/payouts", {}).refused(400, "LUCID_ERR_1002")
    api.get("/payouts/payout_nobodys").refused(404, "LUCID_ERR_2005")
    assert not AuditEntry.objects.exists()


def test_without_the_cache_every_refusal_is_an_entry(
    make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: Any, **kwargs: Any) -> None:
        raise RedisError

    for name in ("add", "get_many", "set_many"):
        monkeypatch.setattr(cache, name, away)
    api = ApiClient(make_user("payout_approver"))
    for _ in range(2):
        api.get("/payouts").refused(403, "LUCID_ERR_2010")
    assert len(entries("request.refused")) == 2
