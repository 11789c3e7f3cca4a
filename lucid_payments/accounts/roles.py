"""Who may do what: the roles of the contract and the permissions each one holds."""

from __future__ import annotations

from typing import Final

from django.db import models


class Role(models.TextChoices):
    ADMIN = "admin", "Administrator"
    NODE_OPERATOR = "node_operator", "Node operator"
    END_USER = "end_user", "End user"
    SERVICE = "service", "Service"
    COMPLIANCE_OFFICER = "compliance_officer", "Compliance officer"
    PAYOUT_APPROVER = "payout_approver", "Payout approver"
    AUDITOR = "auditor", "Auditor"


class Duty(models.TextChoices):
    """What some compliance officers do beside the others' work; two administrators give and take it."""

    LEAD = "lead", "Leads the KYC desk"
    RESPONSIBLE = "responsible", "Responsible officer"


# What each duty means, for who gives it.
DUTY_MEANS: Final[dict[Duty, str]] = {
    Duty.LEAD: "sees what each officer has, gives cases to others, lifts legal holds",
    Duty.RESPONSIBLE: "works on what was escalated, and leads the desk",
}

CREATE: Final = "payment:create"
READ: Final = "payment:read"
LIST: Final = "payment:list"
STATS: Final = "payment:stats"
ADMIN: Final = "payment:admin"
# Not of payments: telling what Blockchain Core knows of nodes and their work.
REPORT: Final = "work:report"
# Applying to be verified, and following that: for who is to be verified alone.
KYC: Final = "kyc:apply"

BACK_OFFICE: Final = frozenset({Role.ADMIN, Role.COMPLIANCE_OFFICER, Role.PAYOUT_APPROVER, Role.AUDITOR})

# Who calls the API and never opens the back office.
CLIENTS: Final = frozenset({Role.SERVICE, Role.NODE_OPERATOR, Role.END_USER})

# Read from the user's row at each request, never from the token, so that a role taken away counts at once.
PERMISSIONS: Final[dict[str, frozenset[str]]] = {
    Role.ADMIN: frozenset({CREATE, READ, LIST, STATS, ADMIN}),
    Role.NODE_OPERATOR: frozenset({CREATE, READ, LIST, STATS, KYC}),
    Role.END_USER: frozenset({CREATE, READ, LIST}),
    Role.SERVICE: frozenset({CREATE, READ, LIST, STATS, REPORT}),
    # These three work in the back office; a token of theirs opens no payout.
    Role.COMPLIANCE_OFFICER: frozenset(),
    Role.PAYOUT_APPROVER: frozenset(),
    Role.AUDITOR: frozenset({STATS}),
}
