"""Users: one role each, what it grants, and staff exactly where the role says so."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role

# contract.md, "Roles"; beside payments each role's own door: applying to be verified, telling of nodes' work.
GRANTS = {
    "admin": "create read list stats admin",
    "node_operator": "create read list stats kyc:apply",
    "end_user": "create read list",
    "service": "create read list stats work:report",
    "compliance_officer": "",
    "payout_approver": "",
    "auditor": "stats",
}
BACK_OFFICE = {"admin", "compliance_officer", "payout_approver", "auditor"}


@pytest.mark.parametrize("role", Role.values)
def test_a_role_grants_its_row_of_the_contract(role: str) -> None:
    granted = {word if ":" in word else f"payment:{word}" for word in GRANTS[role].split()}
    assert User(role=role).permissions == granted


@pytest.mark.parametrize("role", Role.values)
def test_who_works_in_the_back_office_is_staff(db: None, role: str) -> None:
    user = User.objects.create_user("somebody", role=role)
    user.refresh_from_db()
    assert user.is_staff == user.is_back_office == (role in BACK_OFFICE)


def test_staff_ends_with_the_role_even_when_the_role_alone_is_saved(db: None) -> None:
    user = User.objects.create_user("somebody", role="auditor")
    user.role = "end_user"
    user.save(update_fields=["role"])
    user.refresh_from_db()
    assert not user.is_staff


def test_a_closed_account_may_nothing() -> None:
    assert User(role="admin").may("payment:create")
    assert not User(role="admin", is_active=False).may("payment:create")


def test_the_database_refuses_an_unknown_role(db: None) -> None:
    user = User.objects.create_user("somebody")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=user.pk).update(role="root")
