"""May this node be paid through the KYC router? Each condition by its name (contract.md, LUCID_ERR_2004)."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

from kyc.models import Node, OperatorStatus

MINIMUM_REPUTATION = Decimal("0.5")
KYC_HASH = re.compile(r"sha256:[0-9a-f]{64}")
# The order in which a refusal names the first condition that failed.
CONDITIONS = ("node", "kyc", "hash", "attestation", "reputation", "wallet")


def nodes_by_id(node_ids: Collection[str]) -> dict[str, Node]:
    """These nodes with their operators as they stand now, in one query however many; none for none.

    A node never heard of is left out.
    """
    if not node_ids:
        return {}
    return {
        node.node_id: node for node in Node.objects.select_related("operator").filter(node_id__in=node_ids)
    }


def conditions(node: Node | None, recipient_address: str, at: datetime) -> dict[str, bool]:
    """Which conditions hold at `at` (UTC) for paying `recipient_address` as this node's operator.

    It is the node's operator that must be verified, whoever calls. No node, or one never heard of, fails them all.
    """
    if node is None:
        return dict.fromkeys(CONDITIONS, False)
    operator = node.operator
    return {
        "node": node.is_active,
        "kyc": operator.status == OperatorStatus.APPROVED,
        "hash": KYC_HASH.fullmatch(operator.kyc_hash) is not None,
        "attestation": bool(
            node.attested_from and node.attested_until and node.attested_from <= at < node.attested_until
        ),
        "reputation": node.reputation is not None and node.reputation >= MINIMUM_REPUTATION,
        "wallet": bool(node.attested_wallet) and node.attested_wallet == recipient_address,
    }
