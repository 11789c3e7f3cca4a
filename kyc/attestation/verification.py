"""Is this attestation good for that payment? One function answers, when a payout is routed and again when it is signed.

It knows no database and no clock: keys and facts are passed in. The signer calls it with keys and numbers of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import OKPKey

from kyc.attestation import keys as authority_keys
from kyc.attestation.claims import Claims, MalformedClaims, Wallet, parse, strict_json
from kyc.attestation.keys import KeyState, TrustedKey

TYP: Final = "kyc-attestation+jws"
ALGORITHMS: Final = ("Ed25519", "EdDSA")
MOST_BYTES: Final = 8_000
# The authority's clock may be a little ahead of ours.
CLOCK_DIFFERENCE: Final = timedelta(minutes=5)


class Reason(StrEnum):
    """Why an attestation is refused: a code for machines."""

    MISSING = "missing"
    MALFORMED = "malformed"
    HEADER = "header"
    ALG = "alg"
    TYP = "typ"
    KEY_UNKNOWN = "key_unknown"
    KEY_PENDING = "key_pending"
    KEY_REVOKED = "key_revoked"
    KEY_COMPROMISED = "key_compromised"
    SIGNATURE = "signature"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    SUBJECT = "subject"
    NOT_YET = "not_yet"
    EXPIRED = "expired"
    SEQ_OLDER = "seq_older"
    NETWORK = "network"
    CONTRACT = "contract"
    ADDRESS = "address"
    KYC_HASH = "kyc_hash"
    LIMITS = "limits"
    SCREENING = "screening"


# Refused before it was held against anything: what it says counts for nothing.
UNOPENED: Final = frozenset(list(Reason)[: list(Reason).index(Reason.AUDIENCE)])

SENTENCES: Final[dict[Reason, str]] = {
    Reason.MISSING: "The node has no attestation.",
    Reason.MALFORMED: "The attestation can't be read.",
    Reason.HEADER: "The attestation's header holds what it must not.",
    Reason.ALG: "The attestation isn't signed with Ed25519.",
    Reason.TYP: "The document is something else than a KYC attestation.",
    Reason.KEY_UNKNOWN: "The attestation is signed with a key that isn't trusted here.",
    Reason.KEY_PENDING: "The key that signed the attestation isn't active yet.",
    Reason.KEY_REVOKED: "The attestation was signed after its key was revoked.",
    Reason.KEY_COMPROMISED: "The key that signed the attestation is compromised.",
    Reason.SIGNATURE: "The attestation's signature is wrong: it was altered, or never signed.",
    Reason.ISSUER: "The attestation names another authority than its key's.",
    Reason.AUDIENCE: "The attestation was made for another deployment.",
    Reason.SUBJECT: "The attestation is another node's.",
    Reason.NOT_YET: "The attestation isn't valid yet.",
    Reason.EXPIRED: "The attestation has expired.",
    Reason.SEQ_OLDER: "There is a newer attestation of this node.",
    Reason.NETWORK: "The attestation is for another network.",
    Reason.CONTRACT: "The attestation is for another token than this network's USDT.",
    Reason.ADDRESS: "The recipient isn't the attested wallet.",
    Reason.KYC_HASH: "The KYC record has changed since it was attested.",
    Reason.LIMITS: "The amount is above what the attestation allows.",
    Reason.SCREENING: "The attested screening isn't by the lists that are asked for.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the attestation is held against.

    `wallet` is what would be paid, `highest_seq` the highest number known of this subject, `amount` base units
    (None: no amount is asked about), `lists` the screening lists that must be among the attested ones.
    """

    audience: str
    subject: str
    wallet: Wallet
    kyc_hash: str
    at: datetime
    highest_seq: int
    amount: int | None = None
    lists: frozenset[str] = field(default_factory=frozenset)


class AttestationRefused(Exception):
    """The text is a sentence for people; `reason` its code."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(SENTENCES[reason])
        self.reason = reason


def verify(document: str, trusted: Mapping[str, TrustedKey], facts: Facts) -> Claims:
    """What the attestation says, if it is good for these facts. Raises AttestationRefused with the first reason.

    `document` is a compact JWS, `trusted` the keys by `kid`.
    """
    claims = opened(document, trusted)
    for reason in refusals(claims, facts):
        raise AttestationRefused(reason)
    return claims


def opened(document: str, trusted: Mapping[str, TrustedKey]) -> Claims:
    """What it says, signed by a key that is trusted for it; held against no facts yet. Raises AttestationRefused."""
    if not document:
        raise AttestationRefused(Reason.MISSING)
    key = trusted.get(kid_of(document))
    if key is None:
        raise AttestationRefused(Reason.KEY_UNKNOWN)
    claims = _signed_by(document, key.kid, key.x)
    if claims.issuer != key.authority:
        raise AttestationRefused(Reason.ISSUER)
    match key.state:
        case KeyState.ACTIVE | KeyState.RETIRING:
            return claims
        case KeyState.REVOKED if key.ended_at is not None and claims.issued_at < key.ended_at:
            return claims
        case KeyState.REVOKED:
            raise AttestationRefused(Reason.KEY_REVOKED)
        case KeyState.PENDING:
            raise AttestationRefused(Reason.KEY_PENDING)
    raise AttestationRefused(Reason.KEY_COMPROMISED)


def refusals(claims: Claims, facts: Facts) -> list[Reason]:
    """Every reason why an opened attestation isn't good for these facts, in the order of `Reason`."""
    return [reason for reason, speaks_against in _CHECKS.items() if speaks_against(claims, facts)]


_CHECKS: Final[dict[Reason, Callable[[Claims, Facts], bool]]] = {
    Reason.AUDIENCE: lambda claims, facts: claims.audience != facts.audience,
    Reason.SUBJECT: lambda claims, facts: claims.subject != facts.subject,
    Reason.NOT_YET: lambda claims, facts: (
        facts.at < claims.not_before or facts.at + CLOCK_DIFFERENCE < claims.issued_at
    ),
    Reason.EXPIRED: lambda claims, facts: facts.at >= claims.expires_at,
    Reason.SEQ_OLDER: lambda claims, facts: claims.seq < facts.highest_seq,
    Reason.NETWORK: lambda claims, facts: claims.wallet.network != facts.wallet.network,
    Reason.CONTRACT: lambda claims, facts: claims.wallet.asset_contract != facts.wallet.asset_contract,
    Reason.ADDRESS: lambda claims, facts: (
        not facts.wallet.address or claims.wallet.address != facts.wallet.address
    ),
    Reason.KYC_HASH: lambda claims, facts: not facts.kyc_hash or claims.kyc.hash != facts.kyc_hash,
    Reason.LIMITS: lambda claims, facts: facts.amount is not None and _above(claims, facts.amount),
    Reason.SCREENING: lambda claims, facts: not facts.lists <= {name for name, _ in claims.screened_by},
}


def _above(claims: Claims, amount: int) -> bool:
    limits = claims.limits
    return any(
        limit is not None and amount > limit for limit in (limits.per_payout, limits.daily, limits.monthly)
    )


@lru_cache(maxsize=2048)
def kid_of(document: str) -> str:
    """The key that the header names, beside `alg` and `typ` and nothing else. Raises AttestationRefused."""
    if len(document) > MOST_BYTES:
        raise AttestationRefused(Reason.MALFORMED)
    try:
        first, *_ = segments = document.split(".")
        # Written in the one way there is: else one document could be stored as two.
        if len(segments) != 3 or not all(map(authority_keys.decode, segments)):
            raise ValueError("not a compact JWS")
        header = strict_json(authority_keys.decode(first))
    except (ValueError, TypeError):
        raise AttestationRefused(Reason.MALFORMED) from None
    if header.get("typ") != TYP:
        raise AttestationRefused(Reason.TYP)
    if header.get("alg") not in ALGORITHMS:
        raise AttestationRefused(Reason.ALG)
    if set(header) != {"alg", "kid", "typ"} or not isinstance(header["kid"], str):
        raise AttestationRefused(Reason.HEADER)
    return header["kid"]


class _Registry(jws.JWSRegistry):
    """`EdDSA` under a pinned Ed25519 key is the same signature by its older name, of which joserfc warns each time."""

    def get_alg(self, name: str) -> Any:
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError(name)
        return self.algorithms["Ed25519"]


_REGISTRY: Final = _Registry()


@lru_cache(maxsize=2048)
def _signed_by(document: str, kid: str, x: str) -> Claims:
    """The claims under this key's signature. Remembered: bytes and key decide alone, and neither ever changes."""
    if kid != authority_keys.thumbprint(x):
        raise AttestationRefused(Reason.KEY_UNKNOWN)
    try:
        key = OKPKey.import_key({**authority_keys.jwk(x)})
        return parse(jws.deserialize_compact(document, key, registry=_REGISTRY).payload)
    except MalformedClaims:
        raise AttestationRefused(Reason.MALFORMED) from None
    except (JoseError, ValueError):
        raise AttestationRefused(Reason.SIGNATURE) from None
