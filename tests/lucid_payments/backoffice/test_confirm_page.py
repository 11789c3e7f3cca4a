"""The confirm page: what stands between looking and acting, and that nothing happens without all of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from lucid_payments.accounts import recovery
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice import acts, confirm, doing, factor
from tests.lucid_payments.backoffice import people
from tests.lucid_payments.backoffice.people import REASON, Desk
from tests.payouts.admin import world

pytestmark = pytest.mark.django_db

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KIND = "staff.deactivate"


@pytest.fixture
def admin() -> Desk:
    return people.desk()


@pytest.fixture
def auditor() -> User:
    return world.user("auditor")


def path_of(user: User) -> str:
    return acts.url(KIND, user.public_id)


def is_active(user: User) -> bool:
    return User.objects.get(pk=user.pk).is_active


def test_the_page_shows_the_facts_and_what_will_happen_and_does_nothing(admin: Desk, auditor: User) -> None:
    page = admin.client.get(path_of(auditor)).content.decode()

    assert "As it is now" in page
    assert "every session and every token of this account ends" in page
    assert is_active(auditor)


def test_a_filled_in_form_does_the_act_and_leads_away(admin: Desk, auditor: User) -> None:
    answer = admin.act(KIND, auditor)

    assert (answer.status_code, answer["Location"]) == (302, f"/admin/accounts/user/{auditor.public_id}/")
    assert not is_active(auditor)
    entry = AuditEntry.objects.get(action="staff.deactivated")
    assert (entry.actor, entry.object_label, entry.details["reason"]) == (admin.user, "auditor", REASON)


def test_the_same_post_again_does_nothing(admin: Desk, auditor: User) -> None:
    form = admin.form(path_of(auditor))
    admin.send(path_of(auditor), form)
    User.objects.filter(pk=auditor.pk).update(is_active=True)

    again = admin.send(path_of(auditor), form)

    assert again.status_code == 302
    assert confirm.DONE_ALREADY in admin.client.get(path_of(auditor)).content.decode()
    assert is_active(auditor)


@pytest.mark.parametrize("token", ["", "made up"])
def test_a_token_that_we_did_not_make_does_nothing(admin: Desk, auditor: User, token: str) -> None:
    admin.act(KIND, auditor, token=token)

    assert is_active(auditor)


def test_a_token_is_its_owners_and_its_pages(admin: Desk, auditor: User) -> None:
    other = people.desk(name="other_admin")
    foreign = other.form(path_of(auditor))["token"]
    elsewhere = admin.form(acts.url("staff.reset_access", auditor.public_id))["token"]

    for token in (foreign, elsewhere):
        admin.act(KIND, auditor, token=token)

    assert is_active(auditor)


def test_a_token_ends_after_half_an_hour(auditor: User) -> None:
    with time_machine.travel(NINE, tick=False) as clock:
        admin = people.desk()
        form = admin.form(path_of(auditor))
        clock.shift(timedelta(minutes=29))
        admin.client.get("/admin/")
        clock.shift(timedelta(minutes=2))
        admin.send(path_of(auditor), form)

    assert is_active(auditor)


def test_what_changed_since_one_looked_is_shown_instead_of_done(admin: Desk, auditor: User) -> None:
    form = admin.form(path_of(auditor))
    User.objects.filter(pk=auditor.pk).update(role="payout_approver")

    answer = admin.send(path_of(auditor), form)

    assert answer.status_code == 409
    assert doing.CHANGED in answer.content.decode()
    assert REASON in answer.content.decode(), "what was typed isn't typed again"
    assert is_active(auditor)
    fresh = people.hidden(answer.content.decode())
    assert admin.send(path_of(auditor), fresh).status_code == 302
    assert not is_active(auditor)


@pytest.mark.parametrize("reason", ["", "too short", " " * 20])
def test_a_reason_is_needed(admin: Desk, auditor: User, reason: str) -> None:
    assert admin.act(KIND, auditor, reason=reason).status_code == 200
    assert is_active(auditor)


@pytest.mark.parametrize("code", ["", "000000", "aaaaa-bbbbb"])
def test_a_code_is_needed(admin: Desk, auditor: User, code: str) -> None:
    assert admin.act(KIND, auditor, code=code).status_code == 200
    assert is_active(auditor)


def test_a_proved_factor_counts_for_five_minutes(auditor: User) -> None:
    approver = world.user("payout_approver")
    with time_machine.travel(NINE, tick=False) as clock:
        admin = people.desk()
        admin.act(KIND, auditor)
        assert not is_active(auditor)

        clock.shift(timedelta(minutes=5, seconds=1))
        assert admin.act(KIND, approver, code="").status_code == 200
        assert is_active(approver)

        assert admin.act(KIND, approver, code=world.code_of(admin.user), reason="short").status_code == 200
        admin.act("staff.reset_access", approver)
        clock.shift(timedelta(minutes=4, seconds=59))
        assert admin.act(KIND, approver, code="").status_code == 302
        assert not is_active(approver)


def test_a_recovery_code_works_once(admin: Desk, auditor: User) -> None:
    code = recovery.renew(admin.user)[0]

    assert admin.act(KIND, auditor, code=code.upper()).status_code == 302
    assert recovery.left(admin.user) == 9
    assert AuditEntry.objects.filter(action="factor.recovery_code_used").count() == 1
    other = Client()
    other.force_login(admin.user)
    assert Desk(admin.user, other).act(KIND, world.user("payout_approver"), code=code).status_code == 200


def test_guessing_recovery_codes_slows_down_like_guessing_codes(admin: Desk, auditor: User) -> None:
    right = recovery.renew(admin.user)[0]
    admin.act(KIND, auditor, code="aaaaa-aaaaa")

    assert admin.act(KIND, auditor, code=right).status_code == 200
    assert is_active(auditor)
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert admin.act(KIND, auditor, code=right).status_code == 302


@pytest.mark.parametrize("role", ["compliance_officer", "payout_approver", "service"])
def test_another_role_does_nothing(auditor: User, role: str) -> None:
    other = people.desk(role)
    form = people.desk(name="somebody").form(path_of(auditor))
    given = {"reason": REASON, "code": "000000", **form}

    assert other.client.post(path_of(auditor), given).status_code in (302, 403)
    assert is_active(auditor)


def test_a_refused_act_stands_disabled_with_its_reason(admin: Desk, auditor: User) -> None:
    page = admin.client.get(f"/admin/accounts/user/{admin.user.public_id}/").content.decode()

    assert "disabled>Deactivate</button>" in page
    assert "This is your own account" in page
    reader = Client()
    reader.force_login(auditor)
    seen = reader.get(f"/admin/accounts/user/{admin.user.public_id}/").content.decode()
    assert "The role auditor doesn&#x27;t do this." in seen


def test_the_form_carries_a_csrf_token(auditor: User) -> None:
    admin = people.desk()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = admin.client.cookies

    assert Desk(admin.user, strict).act(KIND, auditor).status_code == 403
    assert is_active(auditor)


@pytest.mark.parametrize("path", ["nothing/new", f"{KIND}/new", f"{KIND}/0", "staff.create/old"])
def test_what_there_is_not_is_not_found(admin: Desk, path: str) -> None:
    assert admin.client.get(f"/admin/act/{path}/").status_code == 404


def test_the_factor_is_forgotten_with_the_session(admin: Desk, auditor: User) -> None:
    admin.act(KIND, auditor)
    admin.client.post("/admin/logout/")
    admin.client.force_login(admin.user)

    assert 'name="code"' in admin.client.get(path_of(world.user("payout_approver"))).content.decode()
    assert timedelta(minutes=5) == factor.FRESH_FOR
