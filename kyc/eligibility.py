"""May this node be paid through the KYC router? Each condition by its name (contract.md, LUCID_ERR_2004)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from kyc.attestation.in_force import Standing
from kyc.attestation.verification import SENTENCES, UNOPENED, Reason
from kyc.models import OperatorStatus

MINIMUM_REPUTATION = Decimal("0.5")
KYC_HASH = re.compile(r"sha256:[0-9a-f]{64}")
# The order in which a refusal names the first condition that failed.
CONDITIONS = ("node", "kyc", "hash", "attestation", "reputation", "wallet")
_OF_THE_WALLET = frozenset({Reason.NETWORK, Reason.CONTRACT, Reason.ADDRESS})


@dataclass(frozen=True, slots=True)
class Finding:
    """One condition as it stands; `why_not` is a sentence, empty where it holds."""

    condition: str
    why_not: str = ""

    @property
    def holds(self) -> bool:
        return not self.why_not


def conditions(standing: Standing | None, recipient_address: str, at: datetime) -> dict[str, bool]:
    """Which conditions hold at `at` (UTC) for paying `recipient_address` as this node's operator."""
    return {found.condition: found.holds for found in findings(standing, recipient_address, at)}


def lost(standing: Standing | None, recipient: str, at: datetime, amount: int) -> Finding | None:
    """The first condition that doesn't hold for paying `amount` (base units), the attested limits among them."""
    found = findings(standing, recipient, at, amount)
    return next((one for one in found if not one.holds), None)


def findings(
    standing: Standing | None, recipient_address: str, at: datetime, amount: int | None = None
) -> list[Finding]:
    """Every condition, in their order.

    It is the node's operator that must be verified, whoever calls. No node, or one never heard of, fails them all.
    """
    if standing is None:
        return [Finding(name, "No such node is registered.") for name in CONDITIONS]
    node, reasons = standing.node, standing.refusals(recipient_address, at, amount)
    why_not = {
        "node": "" if node.is_active else "The node isn't active.",
        "kyc": _why_not_verified(node.operator.status),
        "hash": _why_no_hash(node.operator.kyc_hash, reasons),
        "attestation": _first(reasons, frozenset(Reason) - _OF_THE_WALLET - {Reason.KYC_HASH}),
        "reputation": _why_no_reputation(node.reputation),
        "wallet": _why_no_wallet(reasons),
    }
    return [Finding(name, why_not[name]) for name in CONDITIONS]


def _why_not_verified(status: str) -> str:
    if status == OperatorStatus.APPROVED:
        return ""
    return f"The operator's verification is {OperatorStatus(status).label.lower()}, not approved."


def _why_no_hash(kyc_hash: str, reasons: list[Reason]) -> str:
    if not KYC_HASH.fullmatch(kyc_hash):
        return "The operator has no valid KYC hash."
    return _first(reasons, frozenset({Reason.KYC_HASH}))


def _why_no_reputation(reputation: Decimal | None) -> str:
    if reputation is None:
        return "The node's reputation isn't known."
    if reputation < MINIMUM_REPUTATION:
        return f"The node's reputation is {reputation.normalize():f}, below {MINIMUM_REPUTATION}."
    return ""


def _why_no_wallet(reasons: list[Reason]) -> str:
    if UNOPENED.intersection(reasons):
        return "There is no attestation that names a wallet."
    return _first(reasons, _OF_THE_WALLET)


def _first(reasons: list[Reason], kinds: frozenset[Reason]) -> str:
    return next((SENTENCES[reason] for reason in reasons if reason in kinds), "")
