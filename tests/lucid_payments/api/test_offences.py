"""Repeated offences: a key, a user or a circuit is blocked, longer each time; a shared socket never is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from lucid_payments.accounts.models import MachineKey, User
from lucid_payments.accounts.tokens import AccessToken, issue
from lucid_payments.api import blocks
from lucid_payments.api.models import Block, BlockCause, OffenceTally
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice.tasks import forget
from lucid_payments.events.models import Event
from payouts.models import Payout
from tests.api_client import Answer, ApiClient
from tests.lucid_payments.backoffice.people import desk
from tests.payouts.api.conftest import order

FEW = 5
GATEWAY = "the gateway's own token for tests"
BAD = {"Authorization": "Bearer nonsense"}


@pytest.fixture(autouse=True)
def few(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.OFFENCES_BEFORE_BLOCK = FEW
    settings.GATEWAY_TOKEN = GATEWAY
    now = timezone.now().timestamp()
    monkeypatch.setattr("django_ratelimit.core.time.time", lambda: now)


def circuit(name: str) -> dict[str, str]:
    return {"X-Lucid-Gateway-Token": GATEWAY, "X-Lucid-Client": name}


def go_too_far(user: User, times: int = FEW) -> None:
    client = ApiClient(user)
    while client.get("/limits").status != 429:
        pass
    for _ in range(times - 1):
        assert client.get("/limits").status == 429


def blocked(answer: Answer) -> dict[str, Any]:
    details = answer.refused(429, "LUCID_ERR_2009")
    assert answer.headers["Retry-After"] == str(details["retry_after"])
    return details if details["limit"] == 0 else {}


def test_who_goes_over_limits_again_and_again_is_blocked_everywhere(user: User) -> None:
    go_too_far(user, FEW - 1)
    assert ApiClient(user).get("/payouts").status == 200
    go_too_far(user, 1)
    answer = ApiClient(user).get("/payouts")
    details = blocked(answer)
    assert 290 < details["retry_after"] <= 300
    assert details["window"] == 300
    refused = ApiClient(user).post("/payouts", order())
    assert blocked(refused)
    assert not Payout.objects.exists()
    assert ApiClient(User.objects.create_user("other", role="service")).get("/payouts").status == 200

    row = Block.objects.get()
    assert (row.label, row.cause, row.offences) == ("somebody", BlockCause.RATE_LIMIT, FEW)
    assert AuditEntry.objects.filter(action="caller.blocked").count() == 1
    assert Event.objects.filter(type="caller.blocked").count() == 1


def test_while_it_is_blocked_nothing_is_counted_against_it(user: User) -> None:
    go_too_far(user)
    for _ in range(3 * FEW):
        assert ApiClient(user).get("/payouts").status == 429
    assert Block.objects.count() == 1


def test_each_block_of_a_week_lasts_twice_as_long(user: User) -> None:
    def minutes() -> float:
        row = blocks.block_for_offences("circuit:a", "circuit a", BlockCause.RATE_LIMIT, FEW)
        assert row is not None
        assert row.ends_at is not None
        assert blocks.block_for_offences("circuit:a", "circuit a", BlockCause.RATE_LIMIT, FEW) is None
        lasted = (row.ends_at - row.began_at).total_seconds() / 60
        Block.objects.filter(pk=row.pk).update(ends_at=timezone.now())
        return lasted

    assert [minutes() for _ in range(11)] == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440]
    Block.objects.update(began_at=timezone.now() - timedelta(days=8))
    assert minutes() == 5
    Block.objects.filter(began_at__gt=timezone.now() - timedelta(days=1)).update(released_at=timezone.now())
    assert minutes() == 5, "what staff released doesn't count"


def test_a_key_is_blocked_and_its_user_isn_t(user: User) -> None:
    other = User.objects.create_user("maker", role="admin")
    key = MachineKey.objects.create(
        user=user, name="printer", scopes=["payment:list", "payment:read", "payment:create"],
        created_by=user, confirmed_by=other, created_at=timezone.now(),
        expires_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    machine = ApiClient(user)
    claims = {"key": str(key.public_id), "scope": key.scopes, "networks": []}
    machine.headers = {"Authorization": f"Bearer {issue(AccessToken, user, claims)}"}
    while machine.get("/payouts").status != 429:
        pass
    for _ in range(FEW):
        machine.get("/payouts")
    assert Block.objects.get().subject == f"key:{key.public_id}"
    assert blocked(machine.get("/payouts/payout_a"))
    assert ApiClient(user).get("/payouts/payout_a").status == 404


def test_a_circuit_that_guesses_is_limited_and_then_blocked(user: User) -> None:
    statuses = [ApiClient().get("/payouts", {**BAD, **circuit("c1")}).status for _ in range(FEW)]
    assert statuses == [401] * FEW
    assert blocked(ApiClient().get("/payouts", {**BAD, **circuit("c1")}))
    # It has a good token now, and is blocked all the same; its token isn't, elsewhere.
    assert blocked(ApiClient(user).get("/payouts", circuit("c1")))
    assert ApiClient(user).get("/payouts", circuit("c2")).status == 200
    assert ApiClient(user).get("/payouts").status == 200


def test_wrong_passwords_block_the_circuit_and_never_the_account(db: None, settings: Settings) -> None:
    settings.OFFENCES_BEFORE_BLOCK = 3
    owner = User.objects.create_user("owner", password="a password for tests", role="service")
    wrong = {"username": "owner", "password": "wrong"}
    for _ in range(3):
        ApiClient().post("/auth/token", wrong, circuit("c1"))
    assert Block.objects.get().subject == "circuit:c1"
    assert blocked(ApiClient().post("/auth/token", wrong, circuit("c1")))
    assert ApiClient(owner).get("/payouts").status == 200


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.1.2.3", "::1", "fc00:dead:beef:4dae::1"])
def test_an_address_at_the_gateway_s_tcp_door_is_never_blocked(user: User, peer: str) -> None:
    """It stands for everybody who calls from there; Tor's circuits have a prefix of their own."""
    for _ in range(3 * FEW):
        assert ApiClient().get("/payouts", {**BAD, **circuit(peer)}).status == 401
    assert not Block.objects.exists()
    assert ApiClient(user).get("/payouts", circuit(peer)).status == 200
    tor = circuit("fc00:dead:beef:4dad::2a")
    for _ in range(FEW):
        ApiClient().get("/payouts", {**BAD, **tor})
    assert blocked(ApiClient(user).get("/payouts", tor))


def test_without_a_token_ten_a_minute_per_circuit(db: None) -> None:
    statuses = [ApiClient().get("/payouts", circuit("c1")).status for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    assert ApiClient().get("/payouts", circuit("c2")).status == 401


def test_who_comes_without_a_circuit_shares_a_ceiling_that_stops_nobody_with_a_token(
    user: User, settings: Settings
) -> None:
    settings.FAILED_AUTHENTICATIONS_PER_MINUTE = 10
    statuses = [ApiClient().get("/payouts", BAD).status for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    # Somebody who claims to be a circuit, without the gateway's token, is one of them.
    forged = {"X-Lucid-Client": "c1", **BAD}
    assert ApiClient().get("/payouts", forged).status == 429
    assert ApiClient(user).get("/payouts").status == 200
    assert not Block.objects.exists()
    assert OffenceTally.objects.get().label == "callers without a circuit"


def test_what_is_public_stays_open_to_blocked_circuits(db: None) -> None:
    blocks.block_for_offences("circuit:c1", "circuit c1", BlockCause.AUTHENTICATION, FEW)
    for path in ("/health/live", "/auth/jwks.json"):
        assert ApiClient().get(path, circuit("c1")).status == 200
    assert blocked(ApiClient().post("/auth/token", {"username": "a", "password": "b"}, circuit("c1")))


def test_looking_for_blocks_costs_a_request_no_statement_of_its_own(
    user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # The user's row with what blocks it, the events.
    client = ApiClient(user)
    with django_assert_num_queries(2):
        client.get("/events")


def test_with_the_cache_away_who_has_no_token_writes_nothing(db: None, settings: Settings) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "unix:///nonexistent/valkey.sock",
        }
    }
    assert ApiClient().get("/payouts", circuit("c1")).status == 401
    ApiClient().post("/payouts", order(), circuit("c1")).refused(503, "LUCID_ERR_1005")
    caches.close_all()


def test_staff_see_a_block_and_release_it(user: User) -> None:
    go_too_far(user)
    admin, row = desk(), Block.objects.get()
    listed = admin.client.get("/admin/api/block/?state=blocked").content.decode()
    assert "somebody" in listed
    shown = admin.client.get(f"/admin/api/block/{row.pk}/").content.decode()
    assert "Too many requests, 5 in ten minutes" in shown

    assert admin.act("caller.release", row.pk).status_code == 302
    assert ApiClient(user).get("/payouts").status == 200
    entry = AuditEntry.objects.get(action="caller.released")
    assert (entry.actor_label, entry.object_label) == ("admin", "somebody")
    assert admin.act("caller.release", row.pk).status_code == 403


@pytest.mark.parametrize("hours", ["", "2"])
def test_staff_block_a_client_by_hand(user: User, hours: str) -> None:
    admin = desk()
    answer = admin.act("caller.block", "new", who="client", name="somebody", hours=hours)
    assert answer.status_code == 302
    refused = ApiClient(user).get("/payouts")
    if hours:
        assert blocked(refused)["window"] == 7200
    else:
        refused.refused(403, "LUCID_ERR_2010")
    again = admin.act("caller.block", "new", who="client", name="somebody", hours=hours)
    assert again.status_code == 409
    assert Block.objects.count() == 1


@pytest.mark.parametrize(
    ("kind", "name"), [("client", "nobody"), ("client", "admin"), ("key", "lucid_xxxxxx")]
)
def test_a_name_that_nobody_has_blocks_nobody(user: User, kind: str, name: str) -> None:
    answer = desk().act("caller.block", "new", who=kind, name=name, hours="")
    assert answer.status_code == 200
    assert not Block.objects.exists()


def test_administrators_alone_block_and_release(user: User, client: Client) -> None:
    go_too_far(user)
    row = Block.objects.get()
    auditor = desk("auditor")
    assert auditor.act("caller.release", row.pk).status_code == 403
    assert auditor.act("caller.block", "new", who="circuit", name="c9", hours="").status_code == 403
    assert Block.objects.filter(released_at=None).count() == 1


def test_tallies_are_forgotten_after_a_month_and_blocks_never(user: User) -> None:
    go_too_far(user)
    forget()
    assert OffenceTally.objects.count() == 1
    OffenceTally.objects.update(last_at=timezone.now() - timedelta(days=31))
    forget()
    assert (OffenceTally.objects.count(), Block.objects.count()) == (0, 1)
