"""Tokens: what ours look like, and that anything else is refused with 401 and no word about why."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings

from lucid_payments.accounts.keyring import thumbprint
from lucid_payments.accounts.keys import token_ring
from lucid_payments.accounts.models import User
from lucid_payments.accounts.tokens import AccessToken, RefreshToken, issue
from tests.api_client import Answer, ApiClient


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("somebody")


def claims_of(user: User, **changes: Any) -> dict[str, Any]:
    """A good token's claims with some changed; None takes one away."""
    now = int(time.time())
    claims = {
        "sub": str(user.public_id),
        "role": user.role,
        "jti": uuid.uuid4().hex,
        "iat": now,
        "exp": now + 600,
        "iss": settings.JWT_ISSUER,
        "aud": settings.JWT_AUDIENCE,
        "typ": "access",
    }
    return {name: value for name, value in {**claims, **changes}.items() if value is not None}


def signed(claims: dict[str, Any], header: dict[str, Any] | None = None, algorithm: str = "RS256") -> str:
    key = token_ring().signing
    fields = {"kid": key.kid, **(header or {})}
    named = {name: value for name, value in fields.items() if value is not None}
    assert key.private
    return jwt.encode(claims, key.private, algorithm=algorithm, headers=named)


def call(token: str) -> Answer:
    client = ApiClient()
    client.headers = {"Authorization": f"Bearer {token}"}
    return client.get("/payouts")


def base64url(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_token_of_ours_names_its_key_and_carries_the_contracts_claims(user: User) -> None:
    token = str(issue(AccessToken, user))
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT", "kid": token_ring().signing.kid}
    claims = jwt.decode(token, options={"verify_signature": False})
    assert set(claims) == {"sub", "role", "jti", "iat", "exp", "iss", "aud", "typ"}
    assert (claims["sub"], claims["role"]) == (str(user.public_id), "end_user")
    assert claims["exp"] - claims["iat"] == settings.ACCESS_TOKEN_LIFETIME.total_seconds()


def test_the_key_is_named_by_its_rfc_7638_thumbprint() -> None:
    """The example of RFC 7638, section 3.1."""
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV"
        "4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7"
        "d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF4"
        "4-csFCur-kEgU8awapJzKnqDKgw"
    )
    number = int.from_bytes(base64.urlsafe_b64decode(modulus + "=="), "big")
    key = rsa.RSAPublicNumbers(65537, number).public_key()
    assert thumbprint(key) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_a_good_token_opens_the_door(user: User) -> None:
    assert call(signed(claims_of(user))).status == 200


BAD_CLAIMS: list[dict[str, Any]] = [
    {"exp": int(time.time()) - 5},
    {"exp": None},
    {"exp": "9999999999"},
    {"iat": None},
    {"iat": int(time.time()) + 86_400},
    {"jti": None},
    {"sub": None},
    {"role": None},
    {"iss": "somebody else"},
    {"iss": None},
    {"aud": "another service"},
    {"aud": None},
    {"aud": ["lucid-payments", "another service"]},
    {"typ": "refresh"},
    {"typ": None},
    {"typ": "id"},
    {"sub": "not a uuid"},
    {"sub": "\0"},
    {"sub": ["a"]},
    {"sub": "5d0f1c52-0000-4000-8000-000000000000"},
    {"nbf": int(time.time()) + 86_400},
    {"padding": "x" * 5000},
]


@pytest.mark.parametrize("changes", BAD_CLAIMS, ids=lambda changes: ",".join(changes))
def test_wrong_or_missing_claims_are_refused(user: User, changes: dict[str, Any]) -> None:
    assert call(signed(claims_of(user, **changes))).refused(401, "LUCID_ERR_1001") == {}


@pytest.mark.parametrize(
    "header",
    [
        {"jku": "https://example.com/keys.json"},
        {"jwk": {"kty": "RSA"}},
        {"x5u": "https://example.com/key.pem"},
        {"x5c": ["MIIB"]},
        {"crit": ["exp"]},
        {"kid": "another"},
        {"kid": None},
    ],
    ids=str,
)
def test_a_header_that_names_another_key_or_rule_is_refused(user: User, header: dict[str, Any]) -> None:
    call(signed(claims_of(user), header)).refused(401, "LUCID_ERR_1001")


def with_none(user: User) -> str:
    return f"{base64url({'alg': 'none', 'kid': token_ring().signing.kid})}.{base64url(claims_of(user))}."


def with_hmac_of_the_public_key(user: User) -> str:
    pem = token_ring().signing.public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    head = f"{base64url({'alg': 'HS256', 'kid': token_ring().signing.kid})}.{base64url(claims_of(user))}"
    digest = hmac.new(pem, head.encode(), hashlib.sha256).digest()
    return f"{head}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def with_another_algorithm(user: User) -> str:
    return signed(claims_of(user), algorithm="RS512")


def with_another_key(user: User) -> str:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(claims_of(user), other, algorithm="RS256", headers={"kid": token_ring().signing.kid})


def with_a_changed_claim(user: User) -> str:
    head, _, signature = signed(claims_of(user)).split(".")
    return f"{head}.{base64url(claims_of(user, role='admin'))}.{signature}"


@pytest.mark.parametrize(
    "forge",
    [
        with_none,
        with_hmac_of_the_public_key,
        with_another_algorithm,
        with_another_key,
        with_a_changed_claim,
        lambda user: "",
        lambda user: "a.b.c",
        lambda user: "....",
        lambda user: "\x00",
        lambda user: "é",
        lambda user: "x" * 100_000,
        lambda user: base64url([]) + "." + base64url([]) + ".x",
        lambda user: signed(claims_of(user)) + " trailing",
    ],
)
def test_forgeries_and_garbage_are_refused(user: User, forge: Callable[[User], str]) -> None:
    call(forge(user)).refused(401, "LUCID_ERR_1001")


@pytest.mark.parametrize("header", ["Basic c29tZWJvZHk6eA==", "bearer x", "Token x", "Bearer"])
def test_another_scheme_is_no_token(user: User, header: str) -> None:
    client = ApiClient()
    client.headers = {"Authorization": header}
    answer = client.get("/payouts")
    answer.refused(401, "LUCID_ERR_1001")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_without_a_token_there_is_no_entry(db: None) -> None:
    ApiClient().get("/payouts").refused(401, "LUCID_ERR_1001")


def test_a_refresh_token_opens_nothing(user: User) -> None:
    call(str(issue(RefreshToken, user))).refused(401, "LUCID_ERR_1001")


def test_a_closed_account_is_refused_at_its_next_request(user: User) -> None:
    client = ApiClient(user)
    assert client.get("/payouts").status == 200
    User.objects.filter(pk=user.pk).update(is_active=False)
    client.get("/payouts").refused(401, "LUCID_ERR_1001")


def test_a_role_taken_away_counts_at_the_next_request(user: User) -> None:
    client = ApiClient(user)
    User.objects.filter(pk=user.pk).update(role="auditor")
    client.get("/payouts").refused(403, "LUCID_ERR_2010")


def test_a_role_claimed_in_the_token_counts_for_nothing(user: User) -> None:
    User.objects.filter(pk=user.pk).update(role="auditor")
    call(signed(claims_of(user, role="admin"))).refused(403, "LUCID_ERR_2010")
