"""Attestations by an authority of the tests, good ones and tampered ones, without a database."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kyc.attestation import claims as attested
from kyc.attestation import keys, signing
from kyc.attestation.claims import Claims, Kyc, Limits, Wallet
from kyc.attestation.keys import AuthorityKey, KeyState, TrustedKey
from kyc.attestation.verification import Facts, Reason
from payouts.tron.networks import NETWORKS

USDT = 1_000_000
AUTHORITY = "test-authority"
DEPLOYMENT = "lucid-test"
NETWORK = "devnet"
CONTRACT = NETWORKS[NETWORK].usdt_contract
WALLET = "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9"
OTHER_WALLET = "TUQMqoA8tQmghWmv9oX8GUVpiSQsBb1BKK"
HASH = "sha256:" + "0a" * 32
NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)


def key_of(seed: int, authority: str = AUTHORITY) -> AuthorityKey:
    """A private key that everybody can read here."""
    private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return AuthorityKey(authority, keys.thumbprint(keys.public_of(private)), private)


KEY = key_of(0xA1)
STRANGER = key_of(0xB2)


def trusted(
    key: AuthorityKey = KEY, state: KeyState = KeyState.ACTIVE, ended_at: datetime | None = None
) -> dict[str, TrustedKey]:
    return {key.kid: TrustedKey(key.kid, key.authority, keys.public_of(key.private), state, ended_at)}


def claims(at: datetime = NOW, **changes: Any) -> Claims:
    """What a good attestation says at `at`."""
    good = Claims(
        issuer=AUTHORITY,
        audience=DEPLOYMENT,
        subject="node-1",
        jti="00000000-0000-4000-8000-000000000001",
        issued_at=at - timedelta(days=1),
        not_before=at - timedelta(days=1),
        expires_at=at + timedelta(days=30),
        seq=2,
        wallet=Wallet(NETWORK, CONTRACT, WALLET),
        kyc=Kyc(HASH, "person/1", "full", "low"),
        limits=Limits(500 * USDT, 1_500 * USDT, 15_000 * USDT),
        screened_by=(("sdn", "2026-07-14"),),
        screened_at=at - timedelta(days=1),
        policy_version="1",
    )
    return replace(good, **changes)


def facts(at: datetime = NOW, **changes: Any) -> Facts:
    """What the good one is held against."""
    good = Facts(
        audience=DEPLOYMENT,
        subject="node-1",
        wallet=Wallet(NETWORK, CONTRACT, WALLET),
        kyc_hash=HASH,
        at=at,
        highest_seq=2,
        amount=5 * USDT,
        lists=frozenset({"sdn"}),
    )
    return replace(good, **changes)


def signed(said: Claims, key: AuthorityKey = KEY) -> str:
    return signing.sign(replace(said), key, said.issued_at)


def with_header(document: str, key: AuthorityKey = KEY, **changes: Any) -> str:
    """The same payload under another header, signed as it stands: what an authority's own key could be made to do."""
    header, payload, _ = document.split(".")
    told = {**json.loads(keys.decode(header)), **changes}
    first = keys.encode(
        json.dumps({name: value for name, value in told.items() if value is not None}).encode()
    )
    return f"{first}.{payload}.{keys.encode(key.private.sign(f'{first}.{payload}'.encode()))}"


def with_payload(document: str, change: Callable[[dict[str, Any]], object]) -> str:
    """Another payload under the old signature: what a thief in the database can do."""
    header, payload, signature = document.split(".")
    told = json.loads(keys.decode(payload))
    change(told)
    return f"{header}.{keys.encode(json.dumps(told, separators=(',', ':')).encode())}.{signature}"


def forged(said: Claims) -> str:
    """Everything right but the key."""
    return signing.sign(said, AuthorityKey(AUTHORITY, KEY.kid, STRANGER.private), said.issued_at)


def as_payload(said: Claims) -> dict[str, Any]:
    return attested.payload(said)


# A name, what becomes of the good document at a time, and the reason it is refused for: at routing and when signing.
TAMPERED: list[tuple[str, Callable[[datetime], str], Reason]] = [
    (
        "the address in it was changed",
        lambda at: with_payload(signed(claims(at)), lambda p: p["wallet"].update(address=OTHER_WALLET)),
        Reason.SIGNATURE,
    ),
    (
        "the limits in it were raised",
        lambda at: with_payload(signed(claims(at)), lambda p: p["limits"].update(per_payout="9999")),
        Reason.SIGNATURE,
    ),
    (
        "its end was put off",
        lambda at: with_payload(signed(claims(at)), lambda p: p.update(exp=p["exp"] + 1)),
        Reason.SIGNATURE,
    ),
    ("another key signed in its name", lambda at: forged(claims(at)), Reason.SIGNATURE),
    ("a key nobody trusts", lambda at: signed(claims(at), STRANGER), Reason.KEY_UNKNOWN),
    ("another type", lambda at: with_header(signed(claims(at)), typ="JWT"), Reason.TYP),
    ("no type", lambda at: with_header(signed(claims(at)), typ=None), Reason.TYP),
    ("no algorithm", lambda at: with_header(signed(claims(at)), alg="none"), Reason.ALG),
    ("a shared secret's algorithm", lambda at: with_header(signed(claims(at)), alg="HS256"), Reason.ALG),
    ("another curve", lambda at: with_header(signed(claims(at)), alg="Ed448"), Reason.ALG),
    *(
        (
            f"a header with {name}",
            lambda at, n=name, v=value: with_header(signed(claims(at)), **{n: v}),
            Reason.HEADER,
        )
        for name, value in {
            "jku": "https://thief.example/keys",
            "jwk": keys.jwk(keys.public_of(STRANGER.private)),
            "x5u": "https://thief.example/chain",
            "x5c": ["AAAA"],
            "crit": ["exp"],
            "b64": False,
            "cty": "JWT",
        }.items()
    ),
    ("no key's name", lambda at: with_header(signed(claims(at)), kid=None), Reason.HEADER),
    (
        "made for another deployment",
        lambda at: signed(claims(at, audience="lucid-elsewhere")),
        Reason.AUDIENCE,
    ),
    ("made for another node", lambda at: signed(claims(at, subject="node-2")), Reason.SUBJECT),
    ("expired", lambda at: signed(claims(at, expires_at=at)), Reason.EXPIRED),
    (
        "not valid yet",
        lambda at: signed(claims(at, not_before=at + timedelta(seconds=1))),
        Reason.NOT_YET,
    ),
    (
        "another network",
        lambda at: signed(claims(at, wallet=Wallet("mainnet", CONTRACT, WALLET))),
        Reason.NETWORK,
    ),
    (
        "another token",
        lambda at: signed(claims(at, wallet=Wallet(NETWORK, OTHER_WALLET, WALLET))),
        Reason.CONTRACT,
    ),
    (
        "another wallet",
        lambda at: signed(claims(at, wallet=Wallet(NETWORK, CONTRACT, OTHER_WALLET))),
        Reason.ADDRESS,
    ),
    (
        "another record",
        lambda at: signed(claims(at, kyc=Kyc("sha256:" + "0b" * 32, "person/1", "full", "low"))),
        Reason.KYC_HASH,
    ),
    (
        "an amount above its limit",
        lambda at: signed(claims(at, limits=Limits(5 * USDT - 1, None, None))),
        Reason.LIMITS,
    ),
]
