"""The register of nodes follows what Blockchain Core says, in whatever order it comes."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from kyc.models import Node, NodeOperator
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from payouts.distribution.register import follow_late
from tests.api_client import ApiClient

WALLET = "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9"
numbers = itertools.count(1)


@pytest.fixture
def core(db: None) -> ApiClient:
    return ApiClient(User.objects.create_user("core", role="service"))


@pytest.fixture
def operator(db: None) -> NodeOperator:
    return make_operator("operator-1")


def make_operator(name: str) -> NodeOperator:
    user = User.objects.create_user(name, role="node_operator")
    return NodeOperator.objects.create(user=user, operator_id=name)


def said(hour: int, **facts: Any) -> dict[str, Any]:
    moment = datetime(2026, 1, 31, hour, tzinfo=UTC).isoformat()
    return {"event_id": f"evt-{next(numbers)}", "occurred_at": moment, "node_id": "node-1", **facts}


def registered(hour: int, operator: str = "operator-1", **facts: Any) -> tuple[str, dict[str, Any]]:
    return "/events/node-registered", said(hour, operator_id=operator, wallet_address=WALLET, **facts)


def gone(hour: int, **facts: Any) -> tuple[str, dict[str, Any]]:
    return "/events/node-deregistered", said(hour, **facts)


def score(hour: int, value: str, **facts: Any) -> tuple[str, dict[str, Any]]:
    return "/events/node-reputation", said(hour, score=value, **facts)


def tell(core: ApiClient, *events: tuple[str, dict[str, Any]]) -> None:
    for address, body in events:
        assert core.post(address, body).status == 200


def node() -> tuple[bool, str | None]:
    found = Node.objects.get(node_id="node-1")
    return found.is_active, None if found.reputation is None else str(found.reputation)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_any_order_leads_to_the_same_register(
    order: tuple[int, ...], core: ApiClient, operator: NodeOperator
) -> None:
    events = [registered(1), score(2, "0.4"), score(3, "0.875"), gone(4)]
    tell(core, *(events[place] for place in order))
    # What is gone before it was ever there has no row until it comes back.
    if Node.objects.exists():
        assert node() == (False, "0.8750")
    tell(core, registered(5))
    assert node() == (True, "0.8750")


def test_core_makes_nobody_verified_and_attests_nothing(core: ApiClient, operator: NodeOperator) -> None:
    tell(core, registered(1))
    found = Node.objects.select_related("operator").get()
    assert found.operator.status == "draft"
    assert not found.attestations.exists()


def test_a_node_waits_for_its_operator(core: ApiClient) -> None:
    tell(core, registered(1), score(2, "0.9"))
    assert not Node.objects.exists()
    assert follow_late() == 0
    make_operator("operator-1")
    assert follow_late() == 1
    assert node() == (True, "0.9000")
    assert follow_late() == 0


def test_a_node_is_never_handed_to_another_operator(core: ApiClient, operator: NodeOperator) -> None:
    tell(core, registered(1))
    make_operator("operator-2")
    tell(core, registered(2, "operator-2"))
    assert Node.objects.select_related("operator").get().operator == operator
    assert node() == (False, None)
    told = AuditEntry.objects.filter(action="node.changed").latest("id").details
    assert told["registered_to_another"] == ["operator-1", "operator-2"]
    tell(core, registered(3))
    assert node() == (True, None)


def test_what_was_corrected_counts_no_more(core: ApiClient, operator: NodeOperator) -> None:
    tell(core, registered(1), score(2, "0.9", event_id="evt-wrong"))
    tell(core, score(2, "0.3", corrects="evt-wrong"))
    assert node() == (True, "0.3000")


def test_a_correction_that_names_another_node_takes_the_first_ones_back(
    core: ApiClient, operator: NodeOperator
) -> None:
    Node.objects.create(node_id="node-2", operator=operator)
    tell(core, registered(1), gone(2, event_id="evt-meant-for-another"))
    assert node() == (False, None)
    tell(core, gone(2, node_id="node-2", corrects="evt-meant-for-another"))
    assert node() == (True, None)
    assert not Node.objects.get(node_id="node-2").is_active


def test_nothing_is_corrected_by_an_event_about_something_else(
    core: ApiClient, operator: NodeOperator
) -> None:
    tell(core, registered(1, event_id="evt-there"))
    tell(core, score(2, "0.9", corrects="evt-there"))
    tell(core, registered(0))
    assert node() == (True, "0.9000")
    tell(core, gone(0, event_id="evt-gone-before"))
    assert node() == (True, "0.9000")


def test_a_node_of_staffs_own_making_stands_as_it_is_until_core_says_something(
    core: ApiClient, operator: NodeOperator
) -> None:
    Node.objects.create(node_id="node-1", operator=operator)
    tell(core, score(1, "1"))
    assert node() == (True, "1.0000")
    tell(core, gone(2))
    assert node() == (False, "1.0000")


@pytest.mark.parametrize("bad", ["1.01", "-0.1", "0.12345", "half", True, None])
def test_a_score_that_cant_be_is_refused(bad: Any, core: ApiClient, operator: NodeOperator) -> None:
    tell(core, registered(1))
    assert core.post("/events/node-reputation", said(2, score=bad)).status == 400
    assert node() == (True, None)


def test_a_wallet_that_isnt_one_is_refused(core: ApiClient, operator: NodeOperator) -> None:
    address, body = registered(1)
    answer = core.post(address, {**body, "wallet_address": WALLET[:-1] + "8"})
    assert (answer.status, list(answer.body["error"]["details"])) == (400, ["wallet_address"])
    assert not Node.objects.exists()
