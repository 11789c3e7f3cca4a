"""What a node's attestation lets it be paid: at most per payout, per day and per month (compliance.md, Limits)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from kyc.models import Node


@dataclass(frozen=True, slots=True)
class AttestedLimits:
    """Base units; None where the attestation names no limit of that kind."""

    per_payout: int | None = None
    daily: int | None = None
    monthly: int | None = None


def of_nodes(node_ids: Collection[str]) -> dict[str, AttestedLimits]:
    """The limits of these nodes as they stand now, by node id, in one query; none for none.

    A node never heard of may be paid nothing: what no attestation covers has no room.
    """
    if not node_ids:
        return {}
    rows = Node.objects.filter(node_id__in=node_ids).values_list(
        "node_id", "attested_per_payout", "attested_daily", "attested_monthly"
    )
    found = {node_id: AttestedLimits(*limits) for node_id, *limits in rows}
    return {node_id: found.get(node_id, _NOTHING) for node_id in node_ids}


UNLIMITED: Final = AttestedLimits()
_NOTHING: Final = AttestedLimits(per_payout=0, daily=0, monthly=0)
