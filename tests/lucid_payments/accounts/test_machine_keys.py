"""Keys of machines: two people, a secret shown once, an exchange for tokens, and an end at once."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from lucid_payments.accounts.models import Client, MachineKey, User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice.models import TwoPersonAct
from tests.api_client import Answer, ApiClient
from tests.lucid_payments.backoffice.people import Desk, desk

KEY = {"name": "worker 1", "scopes": "payment:list", "days": "30", "networks": ""}


@pytest.fixture(autouse=True)
def own_rate_limits(settings: Settings) -> None:
    settings.RATELIMIT_CACHE_PREFIX = uuid.uuid4().hex


@pytest.fixture
def first(db: None) -> Desk:
    return desk(name="first")


@pytest.fixture
def second(db: None) -> Desk:
    return desk(name="second")


@pytest.fixture
def service(first: Desk, second: Desk) -> Client:
    first.act("client.create", "new", name="core", role="service")
    confirm(second)
    return Client.objects.get(username="core")


def confirm(second: Desk) -> Any:
    return second.answer(TwoPersonAct.objects.latest("pk").pk, "confirm")


def make_key(first: Desk, second: Desk, service: Client, **answers: Any) -> tuple[MachineKey, str]:
    first.act("key.create", service, **{**KEY, **answers})
    confirm(second)
    key = MachineKey.objects.latest("pk")
    page = first.act("key.secret", key.public_id).content.decode()
    found = re.search(r"lucid_[\w-]{40,}", page)
    assert found, page
    key.refresh_from_db()
    return key, found.group()


def exchange(secret: Any, **headers: str) -> Answer:
    return ApiClient().post("/auth/key", {"key": secret}, headers=headers)


def with_token(access: str) -> ApiClient:
    client = ApiClient()
    client.headers = {"Authorization": f"Bearer {access}"}
    return client


def test_a_key_gives_a_token_with_its_scopes_and_no_refresh_token(
    first: Desk, second: Desk, service: Client
) -> None:
    key, secret = make_key(first, second, service)
    answer = exchange(secret)
    assert answer.status == 200
    assert set(answer.body) == {"access", "expires_in"}
    client = with_token(answer.body["access"])
    assert client.get("/payouts").status == 200
    client.get("/stats").refused(403, "LUCID_ERR_2010")
    client.post("/payouts", {}).refused(403, "LUCID_ERR_2010")
    key.refresh_from_db()
    assert key.last_used_at is not None


def test_the_secret_is_kept_nowhere(first: Desk, second: Desk, service: Client) -> None:
    key, secret = make_key(first, second, service)
    kept = str(list(MachineKey.objects.values())) + str(list(AuditEntry.objects.values()))
    assert secret not in kept
    assert key.hint == secret[:12]
    again = first.act("key.secret", key.public_id)
    assert again.status_code == 403
    assert secret not in again.content.decode()


def test_a_revoked_key_ends_its_tokens_at_once(first: Desk, second: Desk, service: Client) -> None:
    key, secret = make_key(first, second, service)
    client = with_token(exchange(secret).body["access"])
    second.act("key.revoke", key.public_id)
    client.get("/payouts").refused(401, "LUCID_ERR_1001")
    exchange(secret).refused(401, "LUCID_ERR_1001")


def test_an_expired_key_and_a_closed_client_open_nothing(first: Desk, second: Desk, service: Client) -> None:
    _key, secret = make_key(first, second, service)
    client = with_token(exchange(secret).body["access"])
    MachineKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    client.get("/payouts").refused(401, "LUCID_ERR_1001")
    exchange(secret).refused(401, "LUCID_ERR_1001")
    MachineKey.objects.update(expires_at=timezone.now() + timedelta(days=1))
    assert exchange(secret).status == 200
    first.act("client.close", service)
    exchange(secret).refused(401, "LUCID_ERR_1001")
    client.get("/payouts").refused(401, "LUCID_ERR_1001")


def test_a_key_for_networks_opens_nothing_from_elsewhere(
    first: Desk, second: Desk, service: Client, settings: Settings
) -> None:
    settings.GATEWAY_TOKEN = "the gateway's token for tests"
    _, secret = make_key(first, second, service, networks="10.1.0.0/16, 192.0.2.7")
    near = {"X-Lucid-Gateway-Token": settings.GATEWAY_TOKEN, "X-Lucid-Client": "10.1.2.3"}
    answer = exchange(secret, **near)
    assert answer.status == 200
    client = with_token(answer.body["access"])
    assert client.get("/payouts", headers=near).status == 200
    mapped = {**near, "X-Lucid-Client": "::ffff:10.1.2.3"}
    assert client.get("/payouts", headers=mapped).status == 200
    for elsewhere in ("10.2.0.1", "::ffff:10.2.0.1", "::10.1.2.3", "circuit-77", ""):
        far = {**near, "X-Lucid-Client": elsewhere}
        exchange(secret, **far).refused(401, "LUCID_ERR_1001")
        client.get("/payouts", headers=far).refused(401, "LUCID_ERR_1001")


def test_nobody_makes_a_key_alone(first: Desk, second: Desk, service: Client) -> None:
    first.act("key.create", service, **KEY)
    assert not MachineKey.objects.exists()
    first.answer(TwoPersonAct.objects.latest("pk").pk, "confirm")
    assert not MachineKey.objects.exists()
    confirm(second)
    key = MachineKey.objects.get()
    assert second.act("key.secret", key.public_id).status_code == 403
    assert MachineKey.objects.get().digest is None


@pytest.mark.parametrize("role", ["auditor", "payout_approver", "compliance_officer"])
def test_other_roles_do_none_of_it(first: Desk, second: Desk, service: Client, role: str) -> None:
    key, _ = make_key(first, second, service)
    other = desk(role, name="other")
    for kind, subject in [("key.create", service), ("key.revoke", key.public_id), ("client.close", service)]:
        assert other.act(kind, subject, **KEY).status_code == 403
    key.refresh_from_db()
    assert key.revoked_at is None
    assert Client.objects.get(pk=service.pk).is_active


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"scopes": "payment:admin"}, "Select a valid choice"),
        ({"days": "0"}, "greater than or equal to 1"),
        ({"networks": "10.0.0.1/8"}, "isn&#x27;t a network"),
        ({"networks": "everywhere"}, "isn&#x27;t a network"),
        ({"name": ""}, "required"),
    ],
)
def test_bad_input_is_named_and_nothing_is_asked(
    first: Desk, second: Desk, service: Client, answers: dict[str, str], words: str
) -> None:
    asked = TwoPersonAct.objects.count()
    assert words in first.act("key.create", service, **{**KEY, **answers}).content.decode()
    assert TwoPersonAct.objects.count() == asked


def test_a_key_never_has_more_than_its_role(first: Desk, second: Desk, service: Client) -> None:
    user = Client.objects.create(username="person", role="end_user")
    page = first.act("key.create", user, **{**KEY, "scopes": "payment:stats"}).content.decode()
    assert "may not: read figures" in page


@pytest.mark.parametrize("secret", ["", "lucid_nonsense", "x" * 300, None, 7, "\0"])
def test_nonsense_opens_nothing(db: None, secret: Any) -> None:
    assert exchange(secret).status in (400, 401)


def test_a_closed_client_can_be_opened_again_by_two(first: Desk, second: Desk, service: Client) -> None:
    first.act("client.close", service)
    first.act("client.reopen", service)
    assert not Client.objects.get(pk=service.pk).is_active
    confirm(second)
    assert Client.objects.get(pk=service.pk).is_active


def test_a_raised_limit_counts_from_the_next_request_and_is_audited(
    first: Desk, second: Desk, service: Client
) -> None:
    client = ApiClient(User.objects.get(pk=service.pk))
    assert client.get("/payouts").headers["X-RateLimit-Limit"] == "30"
    first.act("client.terms", service, rate_factor="5")
    assert client.get("/payouts").headers["X-RateLimit-Limit"] == "150"
    entry = AuditEntry.objects.get(action="client.terms_changed")
    assert entry.details["Requests, times the usual"] == ["1", "5"]


def test_terms_are_held_to(first: Desk, second: Desk, service: Client) -> None:
    first.act("client.terms", service, rate_factor="1", needs_idempotency_key="on", needs_reference="on")
    client = ApiClient(User.objects.get(pk=service.pk))
    body = {"recipient_address": "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9", "amount_usdt": "5", "reason": "test"}
    assert "Idempotency-Key" in client.post("/payouts", body).refused(400, "LUCID_ERR_1002")
    headers = {"Idempotency-Key": "one"}
    assert "reference_id" in client.post("/payouts", body, headers=headers).refused(400, "LUCID_ERR_1002")
    assert client.post("/payouts", {**body, "reference_id": "r"}, headers=headers).status == 201


def test_the_pages_show_clients_and_keys(first: Desk, second: Desk, service: Client) -> None:
    make_key(first, second, service)
    assert "core" in first.client.get("/admin/accounts/client/").content.decode()
    page = first.client.get(f"/admin/accounts/client/{service.public_id}/").content.decode()
    assert "worker 1" in page
    assert "Works" in page
