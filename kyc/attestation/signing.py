"""The authority's side: the request file it is handed, and the file of attestations that it gives back. No Django."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from joserfc import jws
from joserfc.jwk import OKPKey

from kyc.attestation import claims as attested
from kyc.attestation.claims import Claims, MalformedClaims
from kyc.attestation.keys import AuthorityKey, encode, jwk, public_of
from kyc.attestation.verification import TYP

REQUEST_FORMAT: Final = "lucid/attestation-request/v1"
ANSWER_FORMAT: Final = "lucid/attestations/v1"
MOST_BYTES: Final = 5_000_000
# Stands in a request until the authority signs in its own name.
NOBODY: Final = "-"


class BadFile(ValueError):
    """The file isn't what it should be; the text is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a deployment asks an authority to attest: claims without an issuer."""

    deployment: str
    made_at: str
    wanted: tuple[Claims, ...]


def write_request(deployment: str, wanted: Iterable[Claims], made_at: datetime) -> str:
    """The request file. It names nodes, wallets, hashes and limits, and no person."""
    document = {
        "format": REQUEST_FORMAT,
        "deployment": deployment,
        "made_at": f"{made_at:%Y-%m-%dT%H:%M:%SZ}",
        "attest": [attested.payload(claims) for claims in wanted],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def read_request(text: str) -> Request:
    """Raises BadFile."""
    document = _document(text, REQUEST_FORMAT, {"deployment", "made_at", "attest"})
    try:
        wanted = tuple(attested.parse(json.dumps(one).encode()) for one in document["attest"])
    except (MalformedClaims, TypeError) as error:
        raise BadFile(f"The request can't be read: {error}") from None
    if any(claims.audience != document["deployment"] for claims in wanted):
        raise BadFile("The request asks for another deployment than it names.")
    return Request(str(document["deployment"]), str(document["made_at"]), wanted)


def sign(claims: Claims, key: AuthorityKey, at: datetime) -> str:
    """The compact JWS of these claims in the authority's name, issued now (UTC)."""
    issued = replace(claims, issuer=key.authority, jti=str(uuid.uuid4()), issued_at=at.replace(microsecond=0))
    header = {"alg": "Ed25519", "kid": key.kid, "typ": TYP}
    private = OKPKey.import_key({**jwk(public_of(key.private)), "d": encode(key.private.private_bytes_raw())})
    payload = json.dumps(attested.payload(issued), separators=(",", ":"), ensure_ascii=False)
    return jws.serialize_compact(header, payload, private, algorithms=["Ed25519"])


def write_answer(deployment: str, documents: Iterable[str]) -> str:
    """The file that the authority gives back."""
    document = {"format": ANSWER_FORMAT, "deployment": deployment, "attestations": list(documents)}
    return json.dumps(document, indent=2) + "\n"


def read_answer(text: str) -> list[str]:
    """The compact JWSs in an answer; not verified. Raises BadFile."""
    document = _document(text, ANSWER_FORMAT, {"deployment", "attestations"})
    found = document["attestations"]
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise BadFile("The file holds no list of attestations.")
    return found


def in_words(claims: Claims) -> list[tuple[str, str]]:
    """What would be signed, for people to read, label and value."""
    limits = attested.payload(claims)["limits"]
    lists = ", ".join(f"{name} {version}" for name, version in claims.screened_by) or "none"
    return [
        ("Node", claims.subject),
        ("Number", str(claims.seq)),
        ("Wallet", f"{claims.wallet.address} ({claims.wallet.network})"),
        ("Token", claims.wallet.asset_contract),
        ("KYC hash", claims.kyc.hash),
        ("KYC", f"schema {claims.kyc.schema}, level {claims.kyc.level}, risk {claims.kyc.risk}"),
        ("One payout", _limit(limits["per_payout"])),
        ("A day", _limit(limits["daily"])),
        ("A month", _limit(limits["monthly"])),
        ("Valid from", f"{claims.not_before:%Y-%m-%d %H:%M:%S} UTC"),
        ("Valid until", f"{claims.expires_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("Screened", f"{claims.screened_at:%Y-%m-%d %H:%M:%S} UTC, by {lists}"),
        ("Policy", claims.policy_version),
    ]


def _limit(text: Any) -> str:
    return f"at most {text} USDT" if text is not None else "no limit"


def _document(text: str, format: str, names: set[str]) -> dict[str, Any]:
    try:
        if len(text) > MOST_BYTES:
            raise ValueError
        document = attested.strict_json(text.encode())
        if document.get("format") != format or set(document) != names | {"format"}:
            raise ValueError
    except ValueError:
        raise BadFile(f"This isn't a file of the format {format}.") from None
    return document
