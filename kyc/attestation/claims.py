"""What an attestation says, read strictly: no member more, no member less, no number written as something else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from lucid_payments.money import parse_usdt, to_decimal

CURRENCY: Final = "USDT"
LATEST: Final = 253_402_300_799  # the last second of the year 9999


class MalformedClaims(ValueError):
    """The payload isn't an attestation's."""


@dataclass(frozen=True, slots=True)
class Wallet:
    """Where the subject may be paid: all three are compared byte by byte."""

    network: str
    asset_contract: str
    address: str


@dataclass(frozen=True, slots=True)
class Kyc:
    """The commitment to the record that was verified, and how it was judged."""

    hash: str
    schema: str
    level: str
    risk: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Base units; None: it names no limit of that kind."""

    per_payout: int | None
    daily: int | None
    monthly: int | None


@dataclass(frozen=True, slots=True)
class Claims:
    """An attestation's payload (compliance.md, "Attestation"). Times are UTC, to the second."""

    issuer: str
    audience: str
    subject: str
    jti: str
    issued_at: datetime
    not_before: datetime
    expires_at: datetime
    seq: int
    wallet: Wallet
    kyc: Kyc
    limits: Limits
    # The lists it was screened by (name, version), and when.
    screened_by: tuple[tuple[str, str], ...]
    screened_at: datetime
    policy_version: str


def parse(payload: bytes) -> Claims:
    """Raises MalformedClaims."""
    try:
        claims = _claims(strict_json(payload))
    except (ValueError, TypeError, KeyError, OverflowError):
        raise MalformedClaims("The payload isn't an attestation's.") from None
    if claims.not_before >= claims.expires_at:
        raise MalformedClaims("It ends before it begins.")
    return claims


def strict_json(text: bytes) -> dict[str, Any]:
    """One JSON object without a name twice and without any float. Raises ValueError."""
    found = json.loads(text, object_pairs_hook=_once, parse_float=_no_float, parse_constant=_no_float)
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def payload(claims: Claims) -> dict[str, Any]:
    """The JSON of these claims, in the order in which people read them."""
    limits = claims.limits
    return {
        "iss": claims.issuer,
        "aud": claims.audience,
        "sub": claims.subject,
        "jti": claims.jti,
        "iat": int(claims.issued_at.timestamp()),
        "nbf": int(claims.not_before.timestamp()),
        "exp": int(claims.expires_at.timestamp()),
        "seq": claims.seq,
        "wallet": {
            "network": claims.wallet.network,
            "asset_contract": claims.wallet.asset_contract,
            "address": claims.wallet.address,
        },
        "kyc": {
            "hash": claims.kyc.hash,
            "schema": claims.kyc.schema,
            "level": claims.kyc.level,
            "risk": claims.kyc.risk,
        },
        "limits": {
            "currency": CURRENCY,
            "per_payout": _amount_text(limits.per_payout),
            "daily": _amount_text(limits.daily),
            "monthly": _amount_text(limits.monthly),
        },
        "screening": {"lists": dict(claims.screened_by), "at": int(claims.screened_at.timestamp())},
        "policy_version": claims.policy_version,
    }


def _claims(found: Mapping[str, Any]) -> Claims:
    names = {"iss", "aud", "sub", "jti", "iat", "nbf", "exp", "seq", "wallet", "kyc", "limits", "screening"}
    _exactly(found, names | {"policy_version"})
    wallet, kyc, limits, screening = (found[name] for name in ("wallet", "kyc", "limits", "screening"))
    _exactly(wallet, {"network", "asset_contract", "address"})
    _exactly(kyc, {"hash", "schema", "level", "risk"})
    _exactly(limits, {"currency", "per_payout", "daily", "monthly"})
    _exactly(screening, {"lists", "at"})
    if limits["currency"] != CURRENCY:
        raise ValueError("another currency")
    return Claims(
        issuer=_text(found["iss"]),
        audience=_text(found["aud"]),
        subject=_text(found["sub"]),
        jti=_text(found["jti"]),
        issued_at=_moment(found["iat"]),
        not_before=_moment(found["nbf"]),
        expires_at=_moment(found["exp"]),
        seq=_positive(found["seq"]),
        wallet=Wallet(**{name: _text(value) for name, value in wallet.items()}),
        kyc=Kyc(**{name: _text(value) for name, value in kyc.items()}),
        limits=Limits(**{name: _amount(limits[name]) for name in ("per_payout", "daily", "monthly")}),
        screened_by=_lists(screening["lists"]),
        screened_at=_moment(screening["at"]),
        policy_version=_text(found["policy_version"]),
    )


def _exactly(found: Any, names: set[str]) -> None:
    if not isinstance(found, dict) or set(found) != names:
        raise ValueError("a member is missing or unknown")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= 200 or not value.isprintable():
        raise ValueError("not a text")
    return value


def _positive(value: Any) -> int:
    if type(value) is not int or not 1 <= value < 2**31:
        raise ValueError("not a positive number")
    return value


def _moment(value: Any) -> datetime:
    if type(value) is not int or not 0 <= value <= LATEST:
        raise ValueError("not a time in seconds")
    return datetime.fromtimestamp(value, UTC)


def _amount(value: Any) -> int | None:
    return None if value is None else parse_usdt(_text(value))


def _amount_text(units: int | None) -> str | None:
    return None if units is None else f"{to_decimal(units):f}"


def _lists(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict) or len(value) > 100:
        raise ValueError("not a set of lists")
    return tuple(sorted((_text(name), _text(version)) for name, version in value.items()))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_float(text: str) -> Any:
    raise ValueError("a number that isn't whole")
