"""The back office's pages on payouts; importing this puts them on the site."""

from payouts.admin import (
    alarms,
    approval_rules,
    approvals,
    cases,
    chain,
    ledger,
    overview,
    payout_list,
    reconciliation,
    reports,
    session_rule,
    slots,
    treasury,
    unusual,
    uploads,
    work,
)

__all__ = [
    "alarms",
    "approval_rules",
    "approvals",
    "cases",
    "chain",
    "ledger",
    "overview",
    "payout_list",
    "reconciliation",
    "reports",
    "session_rule",
    "slots",
    "treasury",
    "unusual",
    "uploads",
    "work",
]
