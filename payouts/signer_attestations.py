"""The signer's own look at attestations: the same function as at routing, with keys and numbers of the signer's own.

What the database says of keys counts too, but only against a payout.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from kyc.attestation import in_force
from kyc.attestation.in_force import Standing
from kyc.attestation.keys import KeyState, TrustedKey
from lucid_payments import clock
from payouts.conditions import Conditions, Lost, nodes_of
from payouts.models.attempt import Attempt
from payouts.models.payout import HoldReason
from payouts.tron.signing.highest import HighestNumbers, Seen
from payouts.tron.signing.trust import TrustFile
from routers.choices import RouterType

ANOTHER: Final = "Another attestation was signed for under this number."


@dataclass(frozen=True, slots=True)
class Verdicts:
    """`lost` by the attempts' primary keys; `seen`: the attestations of those that may be signed, by subject."""

    lost: dict[int, Lost]
    seen: dict[str, Seen]


def judge(attempts: Sequence[Attempt], trust: TrustFile, highest: HighestNumbers, at: datetime) -> Verdicts:
    """Which attempts of the KYC router mustn't be signed at `at` (UTC), and why. Raises JournalError `BROKEN`."""
    gated = [one for one in attempts if one.payout.router_type == RouterType.KYC]
    if not gated:
        return Verdicts({}, {})
    told = in_force.standings(nodes_of(one.payout for one in gated))
    trusted = trusted_keys(trust)
    own = {
        node_id: replace(standing, trusted=trusted, seq=max(standing.seq, highest.of(node_id).number))
        for node_id, standing in told.items()
    }
    by_database, by_own_keys = Conditions(told, at), Conditions(own, at)
    verdicts = Verdicts({}, {})
    for attempt in gated:
        lost = by_database.lost(attempt.payout) or by_own_keys.lost(attempt.payout)
        standing = own.get(attempt.payout.node_id or "")
        if lost is None and standing is not None:
            lost = _replaced(standing, highest, verdicts.seen)
        if lost is not None:
            verdicts.lost[attempt.pk] = lost
    return verdicts


def trusted_keys(trust: TrustFile) -> dict[str, TrustedKey]:
    """The signer's own keys, as the verification reads them."""
    return {
        kid: TrustedKey(
            kid,
            change.authority,
            change.x,
            KeyState(change.state),
            clock.from_ms(change.time_ms) if change.state == KeyState.REVOKED else None,
        )
        for kid, change in trust.keys().items()
    }


def _replaced(standing: Standing, highest: HighestNumbers, seen: dict[str, Seen]) -> Lost | None:
    """Two documents under one number: whoever made the second has rolled the database back, or owns it."""
    found = Seen(standing.claims().seq, hashlib.sha256(standing.document.encode()).hexdigest())
    before = highest.of(standing.node.node_id)
    if before.number == found.number and before.digest != found.digest:
        return Lost(HoldReason.ATTESTATION, ANOTHER)
    seen[standing.node.node_id] = found
    return None
