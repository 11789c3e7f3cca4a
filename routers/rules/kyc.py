"""PayoutRouterKYC: for nodes whose operator is verified, to the attested wallet alone (contract.md, LUCID_ERR_2004)."""

from __future__ import annotations

from kyc import eligibility
from routers.choices import RouterType
from routers.rules.rule import Request, Rule

REFUSALS = {
    "node": "The node isn't registered and active.",
    "kyc": "The node's operator isn't verified.",
    "hash": "The operator's KYC hash isn't valid.",
    "attestation": "There is no attestation that is valid now.",
    "reputation": "The node's reputation is too low.",
    "wallet": "The recipient isn't the attested wallet.",
}


def conditions(request: Request) -> dict[str, bool]:
    """Each condition by its name, in the order in which a refusal names the first that failed."""
    held = eligibility.conditions(request.standing, request.recipient_address, request.at)
    return {name: held[name] for name in eligibility.CONDITIONS}


RULE = Rule(router=RouterType.KYC, conditions=conditions, refusals=REFUSALS)
