"""Who may see what in the back office: one table, asked by every page, link and button."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import BACK_OFFICE, Role


class Area(StrEnum):
    """A part of the back office that is opened to a role or not, as a whole."""

    PAYOUTS = "payouts"
    LIMITS = "limits"
    TREASURY = "treasury"
    CHAIN = "chain"
    ALARMS = "alarms"
    LEDGER = "ledger"
    EVENTS = "events"
    AUDIT = "audit"
    ACTS = "acts"
    PEOPLE = "people"
    KYC = "kyc"
    RECIPIENTS = "recipients"
    LISTS = "lists"
    ATTESTATIONS = "attestations"


READERS: Final[dict[Area, frozenset[Role]]] = {
    Area.PAYOUTS: BACK_OFFICE,
    Area.LIMITS: BACK_OFFICE,
    Area.TREASURY: BACK_OFFICE,
    Area.CHAIN: BACK_OFFICE,
    Area.ALARMS: BACK_OFFICE,
    Area.LEDGER: frozenset({Role.ADMIN, Role.PAYOUT_APPROVER, Role.AUDITOR}),
    Area.EVENTS: frozenset({Role.ADMIN, Role.AUDITOR}),
    Area.AUDIT: frozenset({Role.ADMIN, Role.COMPLIANCE_OFFICER, Role.AUDITOR}),
    Area.ACTS: BACK_OFFICE,
    Area.PEOPLE: frozenset({Role.ADMIN, Role.AUDITOR}),
    # Administrators run the machine; who the paid people are isn't theirs to know.
    Area.RECIPIENTS: BACK_OFFICE,
    Area.KYC: frozenset({Role.COMPLIANCE_OFFICER, Role.AUDITOR}),
    # Lists are public; a short one needs three people.
    Area.LISTS: frozenset({Role.ADMIN, Role.COMPLIANCE_OFFICER, Role.AUDITOR}),
    # Hashes and wallets of nodes, and whose signature counts: nobody's personal data.
    Area.ATTESTATIONS: frozenset({Role.ADMIN, Role.COMPLIANCE_OFFICER, Role.AUDITOR}),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` is the sentence shown with a refusal; empty when it is allowed."""

    allowed: bool
    reason: str = ""

    def __bool__(self) -> bool:
        return self.allowed


def may_enter(user: Any) -> Verdict:
    """Whether `user`, anonymous included, works in the back office at all."""
    if not isinstance(user, User) or not user.is_active:
        return Verdict(False, "Log in first.")
    if not user.is_back_office:
        return Verdict(False, "This account doesn't work in the back office.")
    return Verdict(True)


def may_read(user: Any, area: Area) -> Verdict:
    """Whether `user` may read the pages of `area`."""
    entry = may_enter(user)
    if not entry:
        return entry
    if user.role not in READERS[area]:
        label = Role(user.role).label.lower()
        return Verdict(False, f"The role {label} doesn't read {area}.")
    return Verdict(True)
