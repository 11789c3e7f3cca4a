"""What a node's attestation lets it be paid: at most per payout, per day and per month (compliance.md, Limits)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from kyc.attestation.in_force import Standing, standings
from kyc.attestation.verification import AttestationRefused


@dataclass(frozen=True, slots=True)
class AttestedLimits:
    """Base units; None where the attestation names no limit of that kind."""

    per_payout: int | None = None
    daily: int | None = None
    monthly: int | None = None


def of_nodes(node_ids: Collection[str]) -> dict[str, AttestedLimits]:
    """The limits of these nodes as they stand now, by node id; none for none."""
    known = standings(node_ids)
    return {node_id: of_standing(known.get(node_id)) for node_id in node_ids}


def of_standing(standing: Standing | None) -> AttestedLimits:
    """What the newest attestation says under its signature, in force or not.

    Without one that can be believed, and for a node never heard of, nothing may be paid.
    """
    if standing is None:
        return _NOTHING
    try:
        limits = standing.claims().limits
    except AttestationRefused:
        return _NOTHING
    return AttestedLimits(limits.per_payout, limits.daily, limits.monthly)


UNLIMITED: Final = AttestedLimits()
_NOTHING: Final = AttestedLimits(per_payout=0, daily=0, monthly=0)
