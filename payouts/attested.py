"""What is attested of those whom the KYC router pays, in words for whoever approves: beside what screening says."""

from __future__ import annotations

from collections.abc import Sequence

from kyc import eligibility
from kyc.attestation import in_force
from kyc.attestation.in_force import Standing
from lucid_payments import clock
from lucid_payments.backoffice.formats import Tone, usdt
from payouts.approvals.checks import Word
from payouts.conditions import nodes_of
from payouts.models.payout import Payout
from routers.choices import RouterType


def words(payouts: Sequence[Payout]) -> dict[int, Word]:
    """Of each payout through the KYC router whether the authority's word covers it now; others need none.

    It forbids no approval: what isn't covered is held when it is due, and goes once a newer attestation is there.
    """
    gated = [payout for payout in payouts if payout.router_type == RouterType.KYC]
    if not gated:
        return {}
    standings, at = in_force.standings(nodes_of(gated)), clock.now()
    found: dict[int, Word] = {}
    for payout in gated:
        standing = standings.get(payout.node_id or "")
        lost = eligibility.lost(standing, payout.recipient_address, at, payout.amount)
        if standing is None or lost is not None:
            why_not = lost.why_not if lost is not None else "No such node is registered."
            found[payout.pk] = Word(f"{why_not} It would be held.", Tone.BAD)
        else:
            found[payout.pk] = Word(_covers(standing), Tone.GOOD)
    return found


def _covers(standing: Standing) -> str:
    claims = standing.claims()
    most = claims.limits.per_payout
    up_to = f"up to {usdt(most)} USDT a payout" if most is not None else "with no limit a payout"
    return f"Good until {claims.expires_at:%Y-%m-%d %H:%M} UTC, {up_to}, by {claims.issuer}."
