"""Duties beside a role: given and taken by two administrators, counted at once, shown to who reviews access."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.db import IntegrityError, connection, transaction

from kyc.review import policy
from lucid_payments.accounts import staff
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Duty
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice.models import TwoPersonAct
from tests.lucid_payments.accounts.test_staff import by_two
from tests.lucid_payments.backoffice import people
from tests.lucid_payments.backoffice.people import REASON, Desk

pytestmark = pytest.mark.django_db

KIND = "staff.change_duties"


@pytest.fixture
def first() -> Desk:
    return people.desk(name="first")


@pytest.fixture
def second() -> Desk:
    return people.desk(name="second")


@pytest.fixture
def officer() -> Desk:
    return people.desk("compliance_officer", "the-officer")


def now_of(desk: Desk) -> User:
    return User.objects.get(pk=desk.user.pk)


def test_two_administrators_give_it_and_it_counts_at_the_next_request(
    first: Desk, second: Desk, officer: Desk
) -> None:
    first.act(KIND, officer.user, duties=["lead"])
    assert not policy.leads(now_of(officer))
    first.answer(TwoPersonAct.objects.get().pk, "confirm", reason="")
    assert not policy.leads(now_of(officer))

    second.answer(TwoPersonAct.objects.get().pk, "confirm", reason="")

    assert (policy.leads(now_of(officer)), policy.is_responsible(now_of(officer))) == (True, False)
    entry = AuditEntry.objects.get(action="staff.duties_changed")
    assert entry.details == {"from": [], "to": ["lead"], "reason": REASON, "confirmed_by": "second"}
    # Nobody is logged out: the session goes on, with the duty.
    assert officer.client.get("/admin/kyc/kycrecord/").status_code == 200


def test_they_take_it_and_say_when_nobody_is_left(first: Desk, second: Desk, officer: Desk) -> None:
    staff.change_duties(officer.user, duties=[Duty.RESPONSIBLE, Duty.LEAD], actor=None, evidence={})
    first.act(KIND, officer.user, duties=["lead"])
    waiting = TwoPersonAct.objects.get()
    page = second.client.get(f"/admin/backoffice/twopersonact/{waiting.pk}/").content.decode()
    assert "Nobody is a responsible officer then" in page
    second.answer(waiting.pk, "confirm", reason="")
    assert now_of(officer).duties == ["lead"]


def test_the_account_s_page_and_the_review_show_them(first: Desk, officer: Desk) -> None:
    people.desk("compliance_officer", "another-officer")
    staff.change_duties(officer.user, duties=[Duty.LEAD], actor=None, evidence={})
    page = first.client.get(f"/admin/accounts/user/{officer.user.public_id}/").content.decode()
    assert "Leads the KYC desk" in page
    review = first.client.get("/admin/accounts/user/?duty=lead").content.decode()
    assert "the-officer" in review
    assert "another-officer" not in review


@pytest.mark.parametrize("role", ["admin", "payout_approver", "auditor"])
def test_only_compliance_officers_have_duties(first: Desk, role: str) -> None:
    other = people.desk(role, f"the-{role}")
    assert first.act(KIND, other.user, duties=["lead"]).status_code == 403
    assert not TwoPersonAct.objects.exists()
    with pytest.raises(IntegrityError, match="user_duties_fit_the_role"), transaction.atomic():
        User.objects.filter(pk=other.user.pk).update(duties=["lead"])
    with pytest.raises(IntegrityError, match="user_duty_is_known"), transaction.atomic():
        User.objects.filter(pk=other.user.pk).update(role="compliance_officer", duties=["king"])


def test_what_changes_nothing_and_what_nobody_knows_is_refused(first: Desk, officer: Desk) -> None:
    assert first.act(KIND, officer.user, duties=[]).status_code == 409
    assert first.act(KIND, officer.user, duties=["king"]).status_code == 200
    assert not TwoPersonAct.objects.exists()


def test_another_role_ends_them(first: Desk, second: Desk, officer: Desk) -> None:
    staff.change_duties(officer.user, duties=[Duty.LEAD], actor=None, evidence={})
    by_two(first, second, "staff.change_role", officer.user, role="auditor")
    assert now_of(officer).duties == []
    by_two(first, second, "staff.change_role", officer.user, role="compliance_officer")
    assert not policy.leads(now_of(officer))


def test_a_superuser_has_none_by_that(officer: Desk) -> None:
    User.objects.filter(pk=officer.user.pk).update(is_superuser=True)
    assert not policy.leads(now_of(officer))
    assert not policy.is_responsible(now_of(officer))


def test_what_stood_as_a_permission_is_taken_over(officer: Desk) -> None:
    """The migration's statement on what an installation before it holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO auth_permission (name, content_type_id, codename)
            SELECT codename, (SELECT min(id) FROM django_content_type), codename
            FROM unnest(ARRAY['lead_review', 'decide_escalated']) AS codename
            """
        )
        cursor.execute(
            """
            INSERT INTO accounts_user_user_permissions (user_id, permission_id)
            SELECT %s, id FROM auth_permission WHERE codename IN ('lead_review', 'decide_escalated')
            """,
            [officer.user.pk],
        )
        cursor.execute(import_module("lucid_payments.accounts.migrations.0008_duties").TAKE_OVER)
    assert now_of(officer).duties == ["lead", "responsible"]
    assert not now_of(officer).user_permissions.exists()
