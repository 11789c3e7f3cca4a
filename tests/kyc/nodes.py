"""Nodes with an attestation, for tests of whatever obeys its limits."""

from __future__ import annotations

from kyc.models import Node, NodeOperator, OperatorStatus
from lucid_payments.accounts.models import User


def attest(
    node_id: str, *, per_payout: int | None = None, day: int | None = None, month: int | None = None
) -> Node:
    """The limits (base units) of this node's attestation from now on; None names none of that kind."""
    limits = {"attested_per_payout": per_payout, "attested_daily": day, "attested_monthly": month}
    node, _ = Node.objects.update_or_create(
        node_id=node_id, defaults=limits, create_defaults={**limits, "operator": _operator()}
    )
    return node


def _operator() -> NodeOperator:
    user, _ = User.objects.get_or_create(username="node-owner", defaults={"role": "node_operator"})
    operator, _ = NodeOperator.objects.get_or_create(
        user=user, defaults={"operator_id": "node-owner", "status": OperatorStatus.APPROVED}
    )
    return operator
