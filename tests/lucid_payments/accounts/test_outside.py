"""Tokens of outside issuers: accepted by the keys of a file, for an account of their own, and for nothing beyond."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from lucid_payments.accounts.checks import check_issuers
from lucid_payments.accounts.keys import token_ring
from lucid_payments.accounts.models import OutsideIdentity, User
from lucid_payments.audit.models import AuditEntry
from tests.api_client import ApiClient
from tests.lucid_payments.accounts.issuer import OutsideIssuer, call, caller, entry_of, private_key

# When the file was read, which may be an hour before its tests run.
NOW = int(time.time())
DAY = 86_400


@pytest.fixture(autouse=True)
def own_rate_limits(settings: Settings) -> None:
    settings.RATE_LIMIT_FACTOR = 1000
    settings.RATELIMIT_CACHE_PREFIX = uuid.uuid4().hex


@pytest.fixture
def issuer(tmp_path: Path, settings: Settings) -> OutsideIssuer:
    found = OutsideIssuer(tmp_path)
    settings.JWT_OUTSIDE_ISSUERS = [found.setting()]
    return found


def test_an_unknown_subject_becomes_an_end_user_with_an_account_of_its_own(
    db: None, issuer: OutsideIssuer
) -> None:
    assert call(issuer.token()).status == 200
    user = User.objects.get()
    assert (user.username, user.role, user.is_staff, user.has_usable_password()) == (
        "core:alice", "end_user", False, False,
    )  # fmt: skip
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_label, entry.object_label) == (
        "client.came_from_issuer", "issuer core", "core:alice",
    )  # fmt: skip


def test_the_same_subject_is_the_same_account_at_its_next_token(db: None, issuer: OutsideIssuer) -> None:
    assert call(issuer.token()).status == call(issuer.token()).status == 200
    assert User.objects.count() == OutsideIdentity.objects.count() == 1


@pytest.mark.parametrize(
    ("claim", "role"),
    [
        ("relay", "service"),
        ("host", "node_operator"),
        (["staff", "host", "relay"], "service"),
        ("admin", "end_user"),
        ("service", "end_user"),
        (["admin", "auditor"], "end_user"),
        ({"relay": 1}, "end_user"),
        (7, "end_user"),
    ],
)
def test_the_configuration_alone_says_which_role_a_claim_makes(
    db: None, issuer: OutsideIssuer, claim: Any, role: str
) -> None:
    assert call(issuer.token(group=claim, role="admin")).status == 200
    assert User.objects.get().role == role


def test_our_own_tokens_are_accepted_as_before(db: None, issuer: OutsideIssuer) -> None:
    assert ApiClient(User.objects.create_user("ours")).get("/payouts").status == 200


def test_without_configuration_no_outside_token_is_accepted(
    db: None, issuer: OutsideIssuer, settings: Settings
) -> None:
    settings.JWT_OUTSIDE_ISSUERS = []
    call(issuer.token()).refused(401, "LUCID_ERR_1001")
    assert not User.objects.exists()


BAD_CLAIMS: list[dict[str, Any]] = [
    {"aud": "another service"},
    {"aud": ["lucid-payments", "another service"]},
    {"aud": None},
    {"iss": "https://elsewhere.example"},
    {"iss": "lucid-payments"},
    {"iss": None},
    {"exp": NOW - 60},
    {"exp": None},
    {"exp": NOW + 365 * DAY},
    {"iat": NOW + DAY},
    {"iat": None},
    {"nbf": NOW + DAY},
    {"sub": None},
    {"sub": ""},
    {"sub": 7},
    {"sub": "a\nb"},
    {"sub": "x" * 101},
    {"typ": "refresh"},
    {"typ": "ID"},
    {"typ": ["access"]},
    {"padding": "x" * 5000},
]


@pytest.mark.parametrize("changes", BAD_CLAIMS, ids=lambda changes: ",".join(changes))
def test_wrong_or_missing_claims_are_refused_and_leave_nothing(
    db: None, issuer: OutsideIssuer, changes: dict[str, Any]
) -> None:
    assert call(issuer.token(**changes)).refused(401, "LUCID_ERR_1001") == {}
    assert not User.objects.exists()
    assert not AuditEntry.objects.filter(action="client.came_from_issuer").exists()


@pytest.mark.parametrize(
    "header",
    [
        {"jku": "https://example.com/keys.json"},
        {"jwk": {"kty": "RSA"}},
        {"x5u": "https://example.com/key.pem"},
        {"x5c": ["MIIB"]},
        {"crit": ["exp"]},
        {"kid": "k2"},
        {"kid": None},
        {"kid": ""},
        {"typ": "logout+jwt"},
    ],
    ids=str,
)
def test_a_header_that_names_another_key_or_rule_is_refused(
    db: None, issuer: OutsideIssuer, header: dict[str, Any]
) -> None:
    call(issuer.token(header)).refused(401, "LUCID_ERR_1001")


def _encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _claims(issuer: OutsideIssuer) -> dict[str, Any]:
    return dict(jwt.decode(issuer.token(), options={"verify_signature": False}))


def without_a_signature(issuer: OutsideIssuer) -> str:
    return f"{_encoded({'alg': 'none', 'kid': 'k1'})}.{_encoded(_claims(issuer))}."


def with_hmac_of_the_public_key(issuer: OutsideIssuer) -> str:
    pem = (
        private_key(1)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    head = f"{_encoded({'alg': 'HS256', 'kid': 'k1'})}.{_encoded(_claims(issuer))}"
    digest = hmac.new(pem, head.encode(), hashlib.sha256).digest()
    return f"{head}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def with_another_algorithm(issuer: OutsideIssuer) -> str:
    return jwt.encode(_claims(issuer), private_key(1), algorithm="RS384", headers={"kid": "k1"})


def with_another_key_of_that_name(issuer: OutsideIssuer) -> str:
    return issuer.token(key=2)


def with_claims_changed_after_signing(issuer: OutsideIssuer) -> str:
    head, _, signature = issuer.token().split(".")
    return f"{head}.{_encoded({**_claims(issuer), 'group': 'relay'})}.{signature}"


@pytest.mark.parametrize(
    "forge",
    [
        without_a_signature,
        with_hmac_of_the_public_key,
        with_another_algorithm,
        with_another_key_of_that_name,
        with_claims_changed_after_signing,
    ],
)
def test_forgeries_are_refused(
    db: None, issuer: OutsideIssuer, forge: Callable[[OutsideIssuer], str]
) -> None:
    call(forge(issuer)).refused(401, "LUCID_ERR_1001")
    assert not User.objects.exists()


def test_an_issuer_cannot_speak_for_a_user_of_ours(db: None, issuer: OutsideIssuer) -> None:
    ours = User.objects.create_user("boss", role="admin")
    login = str(uuid.uuid4())
    for subject in (str(ours.public_id), "boss"):
        token = issuer.token(sub=subject, sid=login, key=1, scope=["payment:admin"], group="admin")
        caller(token).get("/stats").refused(403, "LUCID_ERR_2010")
    assert {user.username for user in User.objects.exclude(pk=ours.pk)} == {
        f"core:{ours.public_id}", "core:boss",
    }  # fmt: skip


def test_an_issuers_key_signs_nothing_that_claims_to_be_ours(db: None, issuer: OutsideIssuer) -> None:
    ours = User.objects.create_user("boss", role="admin")
    claims: dict[str, Any] = {
        "sub": str(ours.public_id),
        "iss": "lucid-payments",
        "role": "admin",
        "typ": "access",
    }
    call(issuer.token(**claims)).refused(401, "LUCID_ERR_1001")


def test_our_key_signs_nothing_that_claims_to_be_an_issuers(db: None, issuer: OutsideIssuer) -> None:
    ring = token_ring()
    for kid in ("k1", ring.signing.kid):
        token = jwt.encode(_claims(issuer), ring.sign_with(), algorithm="RS256", headers={"kid": kid})
        call(token).refused(401, "LUCID_ERR_1001")


def test_one_issuer_cannot_speak_for_anothers_subject(
    db: None, issuer: OutsideIssuer, tmp_path: Path, settings: Settings
) -> None:
    other = OutsideIssuer(tmp_path, "partner", "https://partner.example")
    other.publish(entry_of("k1", number=2))
    settings.JWT_OUTSIDE_ISSUERS = [issuer.setting(), other.setting(roles={}, role_claim="")]
    assert call(issuer.token(group="relay")).status == 200
    assert call(other.token(key=2, group="relay")).status == 200
    call(other.token(key=2, iss=issuer.iss)).refused(401, "LUCID_ERR_1001")
    assert dict(User.objects.values_list("username", "role")) == {
        "core:alice": "service", "partner:alice": "end_user",
    }  # fmt: skip


def test_a_key_taken_out_of_the_file_opens_nothing_at_the_next_request(
    db: None, issuer: OutsideIssuer
) -> None:
    token = issuer.token()
    assert call(token).status == 200
    issuer.publish(entry_of("k2", number=2))
    call(token).refused(401, "LUCID_ERR_1001")
    assert call(issuer.token({"kid": "k2"}, key=2)).status == 200


def test_a_key_file_that_goes_away_or_breaks_closes_this_issuers_door_alone(
    db: None, issuer: OutsideIssuer
) -> None:
    token = issuer.token()
    assert call(token).status == 200
    ours = ApiClient(User.objects.create_user("ours"))
    for text in ("", "{", "[]", '{"keys": 7}', "[" * 100_000):
        issuer.publish_text(text)
        call(token).refused(401, "LUCID_ERR_1001")
    issuer.file.unlink()
    call(token).refused(401, "LUCID_ERR_1001")
    assert ours.get("/payouts").status == 200
    issuer.publish(entry_of("k1"))
    assert call(token).status == 200


def test_an_account_closed_here_is_refused_at_its_next_request(db: None, issuer: OutsideIssuer) -> None:
    client = caller(issuer.token())
    assert client.get("/payouts").status == 200
    User.objects.update(is_active=False)
    client.get("/payouts").refused(401, "LUCID_ERR_1001")
    call(issuer.token(group="relay")).refused(401, "LUCID_ERR_1001")
    assert User.objects.get().role == "end_user"


def test_tokens_from_before_a_sign_out_are_refused(db: None, issuer: OutsideIssuer) -> None:
    client = caller(issuer.token())
    assert client.get("/payouts").status == 200
    User.objects.update(signed_out_at=timezone.now())
    client.get("/payouts").refused(401, "LUCID_ERR_1001")


def test_a_role_that_the_issuer_takes_away_ends_the_tokens_that_said_it(
    db: None, issuer: OutsideIssuer
) -> None:
    now = int(time.time())
    before = caller(issuer.token(group="relay", iat=now - 100))
    assert before.get("/stats").status == 200
    after = caller(issuer.token(iat=now - 50))
    after.get("/stats").refused(403, "LUCID_ERR_2010")
    assert after.get("/payouts").status == 200
    for path in ("/stats", "/payouts"):
        before.get(path).refused(401, "LUCID_ERR_1001")
    entry = AuditEntry.objects.get(action="client.role_said_by_issuer")
    assert entry.details == {"role": ["service", "end_user"]}


def test_a_role_that_the_configuration_takes_away_counts_at_once(
    db: None, issuer: OutsideIssuer, settings: Settings
) -> None:
    client = caller(issuer.token(group="relay"))
    assert client.get("/stats").status == 200
    settings.JWT_OUTSIDE_ISSUERS = [issuer.setting(role_claim="", roles={})]
    client.get("/stats").refused(403, "LUCID_ERR_2010")
    assert User.objects.get().role == "end_user"


def test_an_account_that_became_staff_is_not_opened_from_outside(db: None, issuer: OutsideIssuer) -> None:
    assert call(issuer.token()).status == 200
    User.objects.update(role="admin", is_staff=True)
    call(issuer.token()).refused(401, "LUCID_ERR_1001")
    assert User.objects.get().role == "admin"


def test_of_eight_first_requests_at_once_one_makes_the_account(
    cloned_database: str, issuer: OutsideIssuer
) -> None:
    token, start = issuer.token(), threading.Barrier(8)

    def send(_: int) -> int:
        start.wait()
        try:
            return call(token).status
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(send, range(8))) == [200] * 8
    assert User.objects.count() == AuditEntry.objects.filter(action="client.came_from_issuer").count() == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"roles": {"boss": "admin"}}, "only end_user, node_operator, service"),
        ({"roles": {"boss": "auditor"}}, "only end_user"),
        ({"roles": {"boss": "king"}}, "only end_user"),
        ({"iss": "lucid-payments"}, "taken"),
        ({"iss": ""}, "iss is missing"),
        ({"aud": ""}, "aud is missing"),
        ({"aud": ["a"]}, "aud must be text"),
        ({"jwks_file": "keys.json"}, "absolute"),
        ({"name": "Core:"}, "lower-case"),
        ({"role_claim": ""}, "go together"),
        ({"jwks_url": "https://example.com"}, "nothing is known of jwks_url"),
    ],
    ids=str,
)
def test_a_list_that_cannot_be_meant_stops_the_start(
    issuer: OutsideIssuer, settings: Settings, changes: dict[str, Any], says: str
) -> None:
    settings.JWT_OUTSIDE_ISSUERS = [issuer.setting(**changes)]
    found = check_issuers()
    assert found
    assert all(finding.id == "accounts.E001" and finding.is_serious() for finding in found)
    assert any(says in finding.msg for finding in found), found


def test_two_issuers_of_one_name_are_refused(issuer: OutsideIssuer, settings: Settings) -> None:
    settings.JWT_OUTSIDE_ISSUERS = [issuer.setting(), issuer.setting(), "https://login.example"]
    assert [finding.id for finding in check_issuers()] == ["accounts.E001"] * 3


def test_good_issuers_have_no_finding(issuer: OutsideIssuer) -> None:
    issuer.publish(entry_of("k1"), {"kty": "EC", "kid": "e"}, entry_of("enc", use="enc"))
    assert check_issuers() == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kid": None}, "no kid"),
        ({"n": "_" * 171}, "1024 bits and not 2048"),
        ({"e": "Aw"}, "exponent"),
        ({"d": "AQAB"}, "private half"),
        ({"n": "!!"}, "base64url"),
        ({"n": None}, "base64url"),
        ({"alg": "RS512"}, "no RSA key"),
        ({"kty": "oct", "k": "c2VjcmV0"}, "no RSA key"),
    ],
    ids=str,
)
def test_a_bad_key_is_warned_of_and_opens_nothing(
    db: None, issuer: OutsideIssuer, changes: dict[str, Any], says: str
) -> None:
    issuer.publish(entry_of("k1", **changes))
    found = check_issuers()
    assert found
    assert all(finding.id == "accounts.W002" and not finding.is_serious() for finding in found)
    assert any(says in finding.msg for finding in found), found
    call(issuer.token()).refused(401, "LUCID_ERR_1001")


def test_two_keys_of_one_kid_are_warned_of(issuer: OutsideIssuer) -> None:
    issuer.publish(entry_of("k1"), entry_of("k1", number=2))
    assert "same kid" in check_issuers()[0].msg


def test_a_missing_file_is_warned_of(issuer: OutsideIssuer) -> None:
    issuer.file.unlink()
    assert "No such file" in check_issuers()[0].msg
