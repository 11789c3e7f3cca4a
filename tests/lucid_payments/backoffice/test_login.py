"""The back office's door: who comes in, what the refused are told, and what guessing brings."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from lucid_payments.accounts import attempts
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice import factor, login
from tests.payouts.admin import world

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"
OVERVIEW = "/admin/"


def try_in(client: Client, name: str, password: str = world.PASSWORD, code: str | None = None) -> Any:
    """With the right code unless another one is given; no earlier failure makes it wait."""
    known = User.objects.filter(username=name).first()
    if known is not None:
        attempts.clear(known)
    if code is None:
        code = world.code_of(known) if known is not None and factor.has_one(known) else ""
    form = {"username": name, "password": password, "otp_token": code, "next": OVERVIEW}
    return client.post(LOGIN, form)


def is_in(client: Client) -> bool:
    return client.get(OVERVIEW).status_code == 200


@pytest.mark.parametrize("role", world.back_office_roles())
def test_who_works_in_the_back_office_comes_in_and_it_is_audited(client: Client, role: str) -> None:
    user = world.user(role)

    answer = try_in(client, role)

    assert (answer.status_code, answer["Location"]) == (302, OVERVIEW)
    assert is_in(client)
    entry = AuditEntry.objects.get(action="backoffice.login")
    assert (entry.actor, entry.request_id) == (user, answer["X-Request-ID"])


@pytest.mark.parametrize("role", ["end_user", "node_operator", "service"])
def test_outsiders_are_told_no_more_than_who_errs_in_the_password(client: Client, role: str) -> None:
    world.user(role)

    answer = try_in(client, role)

    assert login.REFUSED in answer.content.decode()
    assert not is_in(client)
    assert not AuditEntry.objects.filter(action="backoffice.login").exists()


@pytest.mark.parametrize(("name", "password"), [("auditor", "wrong"), ("nobody", world.PASSWORD), ("", "")])
def test_wrong_credentials_open_nothing(client: Client, name: str, password: str) -> None:
    world.user("auditor")

    answer = try_in(client, name, password)

    assert answer.status_code == 200
    assert not is_in(client)


def test_an_inactive_account_is_refused(client: Client) -> None:
    user = world.user("auditor")
    user.is_active = False
    user.save()

    assert login.REFUSED in try_in(client, "auditor").content.decode()
    assert not is_in(client)


def test_who_has_a_second_factor_needs_its_code(client: Client) -> None:
    user = world.user("admin")

    without = try_in(client, "admin", code="")
    wrong = try_in(client, "admin", code="000000")

    assert login.CODE_MISSING in without.content.decode()
    assert login.REFUSED in wrong.content.decode()
    assert not is_in(client)
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert try_in(client, "admin", code=world.code_of(user)).status_code == 302
    assert is_in(client)


def test_the_right_code_does_not_help_a_wrong_password(client: Client) -> None:
    user = world.user("admin")

    answer = try_in(client, "admin", "wrong", world.code_of(user))

    assert login.REFUSED in answer.content.decode()
    assert not is_in(client)


def test_a_code_is_taken_once(client: Client) -> None:
    user = world.user("admin")
    code = world.code_of(user)
    try_in(client, "admin", code=code)

    second = Client()

    assert login.REFUSED in try_in(second, "admin", code=code).content.decode()
    assert not is_in(second)


def test_a_device_that_is_not_confirmed_asks_for_nothing(client: Client) -> None:
    TOTPDevice.objects.create(user=world.user("auditor", second_factor=False), confirmed=False)

    assert try_in(client, "auditor", code="").status_code == 302


def test_a_session_is_new_after_the_login_and_gone_after_the_logout(client: Client) -> None:
    world.user("auditor")
    client.get(LOGIN)
    try_in(client, "auditor")
    inside = client.cookies["sessionid"].value

    assert client.get("/admin/logout/").status_code == 405
    client.post("/admin/logout/")

    client.cookies["sessionid"] = inside
    assert not is_in(client)


def test_the_form_leads_back_to_the_page_that_was_asked_for_and_nowhere_else(client: Client) -> None:
    world.user("auditor")
    asked = client.get("/admin/payouts/payout/")

    assert asked["Location"] == "/admin/login/?next=/admin/payouts/payout/"
    form = {"username": "auditor", "password": world.PASSWORD, "next": "https://elsewhere.example/"}
    form["otp_token"] = world.code_of(User.objects.get(username="auditor"))
    assert client.post(LOGIN, form)["Location"] == "/admin/"


def test_cookies_stay_on_this_site_and_out_of_scripts(client: Client, settings: Settings) -> None:
    world.user("auditor")
    page = client.get(LOGIN)
    try_in(client, "auditor")

    for name in ("sessionid", "csrftoken"):
        cookie = client.cookies[name]
        assert (cookie["httponly"], cookie["samesite"]) == (True, "Strict"), name
    assert client.cookies["sessionid"]["max-age"] == 30 * 60
    assert page.status_code == 200
    assert (settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE) == (settings.IS_LIVE,) * 2


def test_the_form_carries_a_csrf_token(settings: Settings) -> None:
    world.user("auditor")
    strict = Client(enforce_csrf_checks=True)

    answer = try_in(strict, "auditor")

    assert answer.status_code == 403
    assert "This form has expired" in answer.content.decode()
