"""Staff accounts: made by two, closed by one at once, set up by their owners, reviewed by everybody who may."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.test import Client, override_settings
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from lucid_payments.accounts import recovery, staff
from lucid_payments.accounts.models import User
from lucid_payments.accounts.tokens import AccessToken, issue
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice.models import TwoPersonAct
from tests.lucid_payments.backoffice import people
from tests.lucid_payments.backoffice.people import Desk
from tests.payouts.admin import world

pytestmark = pytest.mark.django_db

NEW_PERSON = {
    "name": "rosa",
    "first_name": "Rosa Invented",
    "email": "rosa@example.org",
    "role": "payout_approver",
}
STRONG = "seven green umbrellas at noon"


@pytest.fixture
def first() -> Desk:
    return people.desk(name="first")


@pytest.fixture
def second() -> Desk:
    return people.desk(name="second")


def by_two(first: Desk, second: Desk, kind: str, subject: User | str, **answers: str) -> None:
    first.act(kind, subject, **answers)
    second.answer(TwoPersonAct.objects.latest("pk").pk, "confirm", reason="")


def one_time_password(desk: Desk, of: User) -> str:
    page: str = desk.act("staff.one_time_password", of, reason="").content.decode()
    return page.partition("One-time password</dt><dd><code>")[2].partition("<")[0]


def log_in(name: str, password: str, code: str = "") -> Client:
    client = Client()
    client.post("/admin/login/", {"username": name, "password": password, "otp_token": code})
    return client


def calls(token: str) -> int:
    answer = Client().get("/api/payment/payouts", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code


def test_an_account_exists_once_two_agreed(first: Desk, second: Desk) -> None:
    first.act("staff.create", "new", **NEW_PERSON)
    assert not User.objects.filter(username="rosa").exists()

    second.answer(TwoPersonAct.objects.get().pk, "confirm", reason="")

    rosa = User.objects.get(username="rosa")
    assert (rosa.role, rosa.created_by, rosa.confirmed_by) == ("payout_approver", first.user, second.user)
    assert rosa.email == "rosa@example.org"
    assert not rosa.has_usable_password()
    assert AuditEntry.objects.get(action="staff.created").details["confirmed_by"] == "second"


def test_the_database_refuses_one_person_as_both(first: Desk) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(username="rosa", created_by=first.user, confirmed_by=first.user)


@pytest.mark.parametrize(
    "wrong",
    [{"name": "FIRST"}, {"name": "a b"}, {"email": "rosa"}, {"role": "service"}, {"role": "end_user"}],
)
def test_what_can_t_be_created_is_not_asked_for(first: Desk, wrong: dict[str, str]) -> None:
    assert first.act("staff.create", "new", **{**NEW_PERSON, **wrong}).status_code == 200
    assert not TwoPersonAct.objects.exists()


def test_the_creator_sees_the_one_time_password_once(first: Desk, second: Desk) -> None:
    by_two(first, second, "staff.create", "new", **NEW_PERSON)
    rosa = User.objects.get(username="rosa")
    assert second.act("staff.one_time_password", rosa, reason="").status_code == 403

    password = one_time_password(first, rosa)

    rosa.refresh_from_db()
    assert rosa.check_password(password)
    assert first.act("staff.one_time_password", rosa, reason="").status_code == 403
    assert not AuditEntry.objects.filter(details__icontains=password).exists()


def test_a_new_account_opens_nothing_before_password_and_factor(first: Desk, second: Desk) -> None:
    by_two(first, second, "staff.create", "new", **NEW_PERSON)
    rosa = User.objects.get(username="rosa")
    password = one_time_password(first, rosa)
    body = {"username": "rosa", "password": password}
    assert Client().post("/api/payment/auth/token", body, content_type="application/json").status_code == 401

    client = log_in("rosa", password)
    for path in ("/admin/", "/admin/payouts/payout/", "/admin/factor/", "/admin/act/staff.create/new/"):
        assert client.get(path)["Location"] == "/admin/password/", path

    change = {"old": password, "new": STRONG, "again": STRONG}
    assert client.post("/admin/password/", change).status_code == 302
    for path in ("/admin/", "/admin/payouts/payout/", "/admin/password/"):
        assert client.get(path)["Location"] == "/admin/factor/", path

    assert client.get("/admin/factor/").status_code == 200
    code = world.code_of(rosa)
    page = client.post("/admin/factor/", {"code": code}).content.decode()
    assert page.count("<li><code>") == 10
    assert client.get("/admin/").status_code == 200
    assert recovery.left(rosa) == 10


def test_a_one_time_password_is_over_after_72_hours(first: Desk, second: Desk) -> None:
    by_two(first, second, "staff.create", "new", **NEW_PERSON)
    password = one_time_password(first, User.objects.get(username="rosa"))

    with time_machine.travel(timezone.now() + timedelta(hours=73)):
        assert log_in("rosa", password).get("/admin/password/")["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("weak", ["short", "qwerty123456", "123456789012345", "rosa-rosa-rosa"])
def test_a_weak_password_is_refused(weak: str) -> None:
    desk = people.desk("auditor", name="rosa-rosa-rosa")
    change = {"old": world.PASSWORD, "new": weak, "again": weak, "code": world.code_of(desk.user)}

    assert desk.client.post("/admin/password/", change).status_code == 200
    desk.user.refresh_from_db()
    assert desk.user.check_password(world.PASSWORD)


@pytest.mark.parametrize("wrong", [{"old": "x"}, {"again": "x"}, {"code": "000000"}, {"code": ""}])
def test_a_password_changes_with_the_present_one_and_a_code(wrong: dict[str, str]) -> None:
    desk = people.desk("auditor")
    elsewhere = Client()
    elsewhere.force_login(desk.user)
    right = {"old": world.PASSWORD, "new": STRONG, "again": STRONG, "code": world.code_of(desk.user)}

    assert desk.client.post("/admin/password/", {**right, **wrong}).status_code == 200
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert desk.client.post("/admin/password/", right).status_code == 302
    assert desk.client.get("/admin/").status_code == 200
    assert elsewhere.get("/admin/").status_code == 302


def test_deactivating_ends_sessions_and_tokens_at_the_next_request(first: Desk) -> None:
    victim = people.desk(name="victim")
    token = str(issue(AccessToken, victim.user))
    assert (victim.client.get("/admin/").status_code, calls(token)) == (200, 200)

    first.act("staff.deactivate", victim.user)

    assert (victim.client.get("/admin/").status_code, calls(token)) == (302, 401)


def test_reactivating_takes_two_and_brings_nothing_old_back(first: Desk, second: Desk) -> None:
    victim = people.desk(name="victim")
    token = str(issue(AccessToken, victim.user))
    recovery.renew(victim.user)
    first.act("staff.deactivate", victim.user)

    by_two(first, second, "staff.reactivate", victim.user)

    victim.user.refresh_from_db()
    assert victim.user.is_active
    assert not victim.user.has_usable_password()
    assert (recovery.left(victim.user), TOTPDevice.objects.filter(user=victim.user).count()) == (0, 0)
    assert (victim.client.get("/admin/").status_code, calls(token)) == (302, 401)


def test_another_role_counts_from_the_next_request(first: Desk, second: Desk) -> None:
    admin = people.desk(name="third")

    by_two(first, second, "staff.change_role", admin.user, role="auditor")

    admin.user.refresh_from_db()
    assert (admin.user.role, admin.user.is_staff) == ("auditor", True)
    assert admin.client.get("/admin/").status_code == 302


def test_a_lost_factor_is_reset_by_two(first: Desk, second: Desk) -> None:
    loser = people.desk("auditor")

    by_two(first, second, "staff.reset_access", loser.user)

    assert loser.client.get("/admin/").status_code == 302
    password = one_time_password(first, loser.user)
    assert log_in("auditor", password).get("/admin/")["Location"] == "/admin/password/"
    assert AuditEntry.objects.get(action="staff.access_reset").details["confirmed_by"] == "second"


def test_the_review_shows_who_is_stale_who_has_no_factor_and_who_agreed(first: Desk, second: Desk) -> None:
    by_two(first, second, "staff.create", "new", **NEW_PERSON)
    User.objects.filter(pk=second.user.pk).update(last_login=timezone.now() - timedelta(days=91))
    world.user("service")

    page = first.client.get("/admin/accounts/user/").content.decode()
    assert "Unused for 90 days" in page
    assert "Waits for its one-time password" in page
    assert ">service<" not in page
    stale = first.client.get("/admin/accounts/user/?review=stale").content.decode()
    assert ("second</a>" in stale, "rosa</a>" in stale) == (True, False)
    factorless = first.client.get("/admin/accounts/user/?review=factorless").content.decode()
    assert ("second</a>" in factorless, "rosa</a>" in factorless) == (False, True)


@pytest.mark.parametrize("role", ["service", "end_user"])
def test_acts_on_staff_do_not_reach_clients(first: Desk, role: str) -> None:
    client = world.user(role)

    assert first.client.get(f"/admin/act/staff.deactivate/{client.public_id}/").status_code == 404


def test_a_sheet_takes_a_new_person_from_tor_browser_to_the_first_login(first: Desk) -> None:
    """For whoever lets people in, and without any secret; by the address that it was opened at."""
    rosa = world.user("payout_approver", second_factor=False, name="rosa")
    password = staff.one_time_password(rosa, actor=None)
    url = f"/admin/accounts/user/{rosa.public_id}/first-login/"
    page = first.client.get(url).content.decode()
    assert "First login of rosa" in page
    assert "http://testserver/admin/" in page
    assert "here by the onion address" in page, "not from Tor Browser: a warning"
    assert password not in page
    assert rosa.password not in page
    onion = "a" * 56 + ".onion"
    with override_settings(ALLOWED_HOSTS=[onion]):
        page = first.client.get(url, headers={"host": onion}).content.decode()
    assert f"http://{onion}/admin/" in page
    assert "here by the onion address" not in page
    outsider = people.desk(name="outsider", role="payout_approver")
    assert outsider.client.get(url).status_code == 403
    assert first.client.get("/admin/accounts/user/nobody/first-login/").status_code == 404
