"""The KYC router's rule, condition by condition."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from kyc import eligibility, limits
from kyc.attestation import in_force
from kyc.attestation.claims import Limits
from kyc.attestation.verification import SENTENCES, UNOPENED, Reason
from kyc.models import Attestation, AuthorityKey, Node, NodeOperator, OperatorStatus
from lucid_payments import clock
from tests.kyc import attestations
from tests.kyc.attestation.documents import OTHER_WALLET as OTHER
from tests.kyc.attestation.documents import TAMPERED, USDT, WALLET, signed
from tests.kyc.attestations import HASH

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture
def node() -> Node:
    """A node for which everything holds."""
    clock.freeze(NOW)
    registered = attestations.node(reputation="0.5")
    attestations.attest(registered)
    return registered


def found(
    wallet: str = WALLET, node_id: str | None = "node-1", at: datetime = NOW, amount: int | None = None
) -> dict[str, str]:
    """What doesn't hold, with its sentence."""
    named = in_force.standings([node_id] if node_id else [])
    told = eligibility.findings(named.get(node_id or ""), wallet, at, amount)
    assert tuple(one.condition for one in told) == eligibility.CONDITIONS
    return {one.condition: one.why_not for one in told if not one.holds}


def missing(**asked: Any) -> list[str]:
    return list(found(**asked))


def test_all_conditions_hold(node: Node) -> None:
    assert missing() == []


@pytest.mark.parametrize("node_id", [None, "", "node-2", "NODE-1", "node-1 "])
def test_of_a_node_never_heard_of_nothing_holds(node: Node, node_id: str | None) -> None:
    assert missing(node_id=node_id) == list(eligibility.CONDITIONS)


@pytest.mark.parametrize(
    ("condition", "change"),
    [
        ("node", {"is_active": False}),
        ("reputation", {"reputation": None}),
        ("reputation", {"reputation": Decimal("0.4999")}),
    ],
)
def test_a_node_s_condition_that_is_missing_is_named(
    node: Node, condition: str, change: dict[str, Any]
) -> None:
    Node.objects.filter(pk=node.pk).update(**change)
    assert missing() == [condition]


@pytest.mark.parametrize("wallet", [OTHER, WALLET.lower(), "", WALLET + " "])
def test_only_the_attested_wallet_is_paid(node: Node, wallet: str) -> None:
    assert missing(wallet=wallet) == ["wallet"]


@pytest.mark.parametrize(
    "moment", [timedelta(days=29), timedelta(days=40), -timedelta(days=1, microseconds=1)]
)
def test_an_attestation_counts_between_its_bounds(node: Node, moment: timedelta) -> None:
    assert missing(at=NOW + moment) == ["attestation"]
    Node.objects.update(reputation=Decimal("1"))
    assert missing(at=NOW - timedelta(days=1)) == []


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


def test_a_record_that_changed_since_it_was_attested_is_named(node: Node) -> None:
    NodeOperator.objects.update(kyc_hash="sha256:" + "0b" * 32)
    assert found() == {"hash": SENTENCES[Reason.KYC_HASH]}


def test_without_an_attestation_neither_it_nor_a_wallet_holds() -> None:
    attestations.node()
    assert missing() == ["attestation", "wallet"]


def test_the_newest_attestation_counts_alone(node: Node) -> None:
    attestations.attest(node, wallet=OTHER)
    assert missing() == ["wallet"]
    assert missing(wallet=OTHER) == []


# Whatever stands in the table: what isn't good is refused at routing. The signer's half is in the flow's tests.
@pytest.mark.parametrize(("name", "make", "reason"), TAMPERED, ids=[row[0] for row in TAMPERED])
def test_routing_refuses(node: Node, name: str, make: Callable[[datetime], str], reason: Reason) -> None:
    attestations.put(node, make(NOW), seq=2)
    lost = found(amount=5 * USDT)
    if reason in (Reason.NETWORK, Reason.CONTRACT, Reason.ADDRESS):
        assert lost == {"wallet": SENTENCES[reason]}
    elif reason == Reason.KYC_HASH:
        assert lost == {"hash": SENTENCES[reason]}
    else:
        assert lost["attestation"] == SENTENCES[reason]
        assert set(lost) == {"attestation", *(["wallet"] if reason in UNOPENED else [])}
    # And nothing may be paid by what can't be believed.
    if reason in UNOPENED:
        assert limits.of_nodes(["node-1"]) == {"node-1": limits.AttestedLimits(0, 0, 0)}


def test_an_older_document_in_a_newer_row_is_refused(node: Node) -> None:
    older = Attestation.objects.get().document
    attestations.attest(node)
    attestations.put(node, older)
    assert found()["attestation"] == SENTENCES[Reason.SEQ_OLDER]


@pytest.mark.parametrize(
    ("state", "ended", "reason"),
    [
        ("retiring", None, None),
        ("revoked", NOW, None),
        ("revoked", NOW - timedelta(days=2), Reason.KEY_REVOKED),
        ("compromised", NOW, Reason.KEY_COMPROMISED),
    ],
)
def test_the_key_s_state_counts_at_once(
    node: Node, state: str, ended: datetime | None, reason: Reason | None
) -> None:
    assert missing() == []
    AuthorityKey.objects.update(state=state, ended_at=ended)
    assert found().get("attestation") == (SENTENCES[reason] if reason else None)


def test_limits_come_from_what_was_signed_not_from_the_columns(node: Node) -> None:
    said = attestations.said_of(node, limits=Limits(USDT, 2 * USDT, None))
    attestations.put(node, signed(said), per_payout=999 * USDT, daily=None)
    assert limits.of_nodes(["node-1", "nowhere"]) == {
        "node-1": limits.AttestedLimits(USDT, 2 * USDT, None),
        "nowhere": limits.AttestedLimits(0, 0, 0),
    }
    assert "attestation" in found(amount=USDT + 1)
    assert missing(amount=USDT) == []


def test_however_many_are_named_they_are_asked_for_at_once(
    node: Node, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    others = [f"node-{number}" for number in range(2, 100)]
    Node.objects.bulk_create(Node(node_id=node_id, operator=node.operator) for node_id in others)
    with django_assert_num_queries(2):
        named = in_force.standings(["node-1", *others, "nowhere"])
        held = {node_id: eligibility.conditions(one, WALLET, NOW) for node_id, one in named.items()}
    assert len(held) == 99
    assert [node_id for node_id, one in held.items() if all(one.values())] == ["node-1"]
    with django_assert_num_queries(0):
        assert in_force.standings([]) == {}
