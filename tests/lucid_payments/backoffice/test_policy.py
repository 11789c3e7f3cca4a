"""Who reads what: the whole table, with everybody who is outside it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser

from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.backoffice import policy
from lucid_payments.backoffice.policy import Area

ALL = {"payouts", "limits", "treasury", "chain", "alarms", "acts", "recipients"}
READS = {
    "admin": ALL | {"ledger", "events", "audit", "people", "lists", "attestations"},
    "auditor": ALL | {"ledger", "events", "audit", "people", "kyc", "lists", "attestations"},
    "payout_approver": ALL | {"ledger"},
    "compliance_officer": ALL | {"audit", "kyc", "lists", "attestations"},
    "end_user": set(),
    "node_operator": set(),
    "service": set(),
}


@pytest.mark.parametrize("role", Role.values)
def test_the_areas_that_a_role_reads(role: str) -> None:
    user = User(username=role, role=role)

    assert {area.value for area in Area if policy.may_read(user, area)} == READS[role]


@pytest.mark.parametrize("area", list(Area))
def test_strangers_and_closed_accounts_read_nothing(area: Area) -> None:
    for outsider in (AnonymousUser(), None, User(username="gone", role="admin", is_active=False)):
        verdict = policy.may_read(outsider, area)
        assert (verdict.allowed, verdict.reason) == (False, "Log in first.")


def test_a_refusal_says_why() -> None:
    approver = User(username="a", role="payout_approver")

    assert policy.may_read(approver, Area.AUDIT).reason == "The role payout approver doesn't read audit."
    assert policy.may_enter(User(username="e", role="end_user")).reason
