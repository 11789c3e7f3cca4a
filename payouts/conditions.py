"""What a payout through the KYC router still needs when it is released and when it is signed.

Its router never changes: a condition lost on the way holds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from kyc import eligibility
from kyc.attestation import in_force
from kyc.attestation.in_force import Standing
from payouts.models.payout import HoldReason, Payout
from routers.choices import RouterType

# The router's conditions and the holds that contract.md has for them: reputation is the node's, the wallet attested.
HOLDS: Final[dict[str, HoldReason]] = {
    "node": HoldReason.NODE_INACTIVE,
    "kyc": HoldReason.KYC,
    "hash": HoldReason.KYC,
    "attestation": HoldReason.ATTESTATION,
    "reputation": HoldReason.NODE_INACTIVE,
    "wallet": HoldReason.ATTESTATION,
}


@dataclass(frozen=True, slots=True)
class Lost:
    """A condition that doesn't hold any more: the hold and its sentence."""

    reason: HoldReason
    sentence: str


@dataclass(frozen=True, slots=True)
class Conditions:
    """The nodes of some payouts as they stood at one moment."""

    standings: Mapping[str, Standing]
    at: datetime

    @classmethod
    def of(cls, payouts: Iterable[Payout], at: datetime) -> Conditions:
        """Two queries, however many payouts; none where the KYC router pays none of them."""
        return cls(in_force.standings(nodes_of(payouts)), at)

    def lost(self, payout: Payout) -> Lost | None:
        """The first condition that it has lost; None for other routers' payouts."""
        if payout.router_type != RouterType.KYC:
            return None
        standing = self.standings.get(payout.node_id or "")
        found = eligibility.lost(standing, payout.recipient_address, self.at, payout.amount)
        return Lost(HOLDS[found.condition], found.why_not) if found else None


def nodes_of(payouts: Iterable[Payout]) -> set[str]:
    """The nodes under whose attestations these are paid."""
    return {one.node_id for one in payouts if one.router_type == RouterType.KYC and one.node_id}
