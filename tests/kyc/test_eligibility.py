"""The KYC router's rule, condition by condition."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from kyc import eligibility
from kyc.models import Node, NodeOperator, OperatorStatus
from lucid_payments.accounts.models import User

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
WALLET = "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9"
OTHER = "TUQMqoA8tQmghWmv9oX8GUVpiSQsBb1BKK"
HASH = "sha256:" + "0a" * 32

pytestmark = pytest.mark.django_db


@pytest.fixture
def node() -> Node:
    """A node for which everything holds."""
    user = User.objects.create_user(username="operator", password=None, role="node_operator")
    operator = NodeOperator.objects.create(
        user=user, operator_id="op-1", status=OperatorStatus.APPROVED, kyc_hash=HASH
    )
    return Node.objects.create(
        node_id="node-1",
        operator=operator,
        reputation=Decimal("0.5"),
        attested_wallet=WALLET,
        attested_from=NOW - timedelta(days=1),
        attested_until=NOW + timedelta(days=1),
    )


def missing(wallet: str = WALLET, node_id: str | None = "node-1", at: datetime = NOW) -> list[str]:
    named = eligibility.nodes_by_id([node_id] if node_id else [])
    held = eligibility.conditions(named.get(node_id or ""), wallet, at)
    assert tuple(held) == eligibility.CONDITIONS
    return [name for name, holds in held.items() if not holds]


def test_all_conditions_hold(node: Node) -> None:
    assert missing() == []


@pytest.mark.parametrize("node_id", [None, "", "node-2", "NODE-1", "node-1 "])
def test_of_a_node_never_heard_of_nothing_holds(node: Node, node_id: str | None) -> None:
    assert missing(node_id=node_id) == list(eligibility.CONDITIONS)


@pytest.mark.parametrize(
    ("condition", "change"),
    [
        ("node", {"is_active": False}),
        ("attestation", {"attested_from": None}),
        ("attestation", {"attested_until": None}),
        ("attestation", {"attested_until": NOW}),
        ("attestation", {"attested_from": NOW + timedelta(microseconds=1)}),
        ("reputation", {"reputation": None}),
        ("reputation", {"reputation": Decimal("0.4999")}),
        ("wallet", {"attested_wallet": ""}),
        ("wallet", {"attested_wallet": OTHER}),
        ("wallet", {"attested_wallet": WALLET.lower()}),
    ],
)
def test_a_node_s_condition_that_is_missing_is_named(
    node: Node, condition: str, change: dict[str, Any]
) -> None:
    Node.objects.filter(pk=node.pk).update(**change)
    assert missing() == [condition]


@pytest.mark.parametrize("change", [{"attested_from": NOW}, {"reputation": Decimal("1")}])
def test_bounds_that_still_hold(node: Node, change: dict[str, Any]) -> None:
    Node.objects.filter(pk=node.pk).update(**change)
    assert missing() == []


@pytest.mark.parametrize("status", [status for status in OperatorStatus if status != "approved"])
def test_only_an_approved_operator_is_verified(node: Node, status: str) -> None:
    NodeOperator.objects.update(status=status)
    assert missing() == ["kyc"]


@pytest.mark.parametrize(
    "kyc_hash",
    ["", "sha256:", HASH.upper(), HASH[:-1], HASH + "0", HASH + "\n", "md5:" + "0a" * 32, HASH[:-1] + "g"],
)
def test_a_hash_that_is_none_is_named(node: Node, kyc_hash: str) -> None:
    NodeOperator.objects.update(kyc_hash=kyc_hash[:71])
    expected = [] if kyc_hash[:71] == HASH else ["hash"]
    assert missing() == expected


def test_an_empty_wallet_isn_t_matched_by_an_empty_address(node: Node) -> None:
    Node.objects.filter(pk=node.pk).update(attested_wallet="")
    assert missing(wallet="") == ["wallet"]


def test_however_many_are_named_they_are_asked_for_at_once(
    node: Node, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    others = [f"node-{number}" for number in range(2, 100)]
    Node.objects.bulk_create(Node(node_id=node_id, operator=node.operator) for node_id in others)
    with django_assert_num_queries(1):
        named = eligibility.nodes_by_id(["node-1", *others, "nowhere"])
        held = {node_id: eligibility.conditions(one, WALLET, NOW) for node_id, one in named.items()}
    assert len(held) == 99
    assert [node_id for node_id, found in held.items() if all(found.values())] == ["node-1"]
    with django_assert_num_queries(0):
        assert eligibility.nodes_by_id([]) == {}
