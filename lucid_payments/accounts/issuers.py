"""Outside issuers: whose tokens are believed beside our own, by the keys of which file, and for which roles.

`JWT_OUTSIDE_ISSUERS` names them (docs/issuers.md). Nothing is fetched: the operator puts the issuer's key set (JWKS,
RFC 7517) into a file, and each process reads it again when it has changed, so that a key taken out of the file
opens nothing from the next request on.
"""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from lucid_payments.accounts.keyring import MINIMUM_BITS
from lucid_payments.accounts.roles import CLIENTS, Role

MAX_FILE_BYTES: Final = 256 * 1024
_NAME: Final = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_FIELDS: Final = {"name": str, "iss": str, "aud": str, "jwks_file": str, "role_claim": str, "roles": dict}
_REQUIRED: Final = ("name", "iss", "aud", "jwks_file")

Version = tuple[int, int, int]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Issuer:
    """`roles` maps values of the issuer's `role_claim` to our roles; whatever it doesn't name is an end user."""

    name: str
    iss: str
    aud: str
    jwks_file: Path
    role_claim: str
    roles: Mapping[str, str]

    def role_of(self, claims: Mapping[str, Any]) -> str:
        """Of several values that are mapped, the one that the configuration names first."""
        said = claims.get(self.role_claim) if self.role_claim else None
        values = said if isinstance(said, list) else [said]
        return next((ours for theirs, ours in self.roles.items() if theirs in values), Role.END_USER)


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of one file that can be used, by `kid`, and what is wrong with the rest, in words."""

    keys: Mapping[str, RSAPublicKey] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def configured() -> dict[str, Issuer]:
    """The issuers by their `iss`. Raises ImproperlyConfigured for a list that says what it can't."""
    entries = settings.JWT_OUTSIDE_ISSUERS
    if problems := list(problems_of(entries)):
        raise ImproperlyConfigured("JWT_OUTSIDE_ISSUERS: " + " ".join(problems))
    return {entry["iss"]: _issuer(entry) for entry in entries}


def keys_of(issuer: Issuer) -> KeySet:
    """The issuer's keys as its file has them now; none where it can't be read, so that its tokens are refused."""
    try:
        found = issuer.jwks_file.stat()
    except OSError as error:
        return KeySet(problems=(f"{issuer.jwks_file} can't be read: {error.strerror}.",))
    return _load(issuer.jwks_file, (found.st_mtime_ns, found.st_ino, found.st_size))


def problems_of(entries: Any) -> Iterator[str]:
    """What is wrong with the list itself, whatever its files hold."""
    seen: set[str] = {settings.JWT_ISSUER}
    for number, entry in enumerate(entries, 1):
        which = f"Issuer {number}"
        if not isinstance(entry, dict):
            yield f"{which} isn't an object."
            continue
        yield from (f"{which}: {problem}" for problem in _problems_of_one(entry))
        for value in (entry.get("iss"), entry.get("name")):
            if isinstance(value, str) and value in seen:
                yield f"{which}: {value} is taken, by another one or by ourselves."
            seen.add(str(value))


def _problems_of_one(entry: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(entry.keys() - _FIELDS.keys()):
        yield f"nothing is known of {name}."
    for name, kind in _FIELDS.items():
        if name in entry and not isinstance(entry[name], kind):
            yield f"{name} must be {'an object' if kind is dict else 'text'}."
            return
    for name in _REQUIRED:
        if not entry.get(name):
            yield f"{name} is missing."
    if entry.get("name") and not _NAME.fullmatch(entry["name"]):
        yield "name must be 1 to 40 lower-case letters, digits and hyphens."
    if not Path(entry.get("jwks_file", "")).is_absolute():
        yield "jwks_file must be an absolute path."
    if bool(entry.get("role_claim")) != bool(entry.get("roles")):
        yield "role_claim and roles go together."
    for theirs, ours in entry.get("roles", {}).items():
        if ours not in CLIENTS:
            yield f"roles may not make {theirs} {ours}: only {', '.join(sorted(CLIENTS))} can be given from outside."


def _issuer(entry: Mapping[str, Any]) -> Issuer:
    return Issuer(
        name=entry["name"],
        iss=entry["iss"],
        aud=entry["aud"],
        jwks_file=Path(entry["jwks_file"]),
        role_claim=entry.get("role_claim", ""),
        roles=entry.get("roles", {}),
    )


@cache
def _load(file: Path, version: Version) -> KeySet:
    """One reading per version of the file, and one line in the log for a bad one."""
    found = _read(file)
    if found.problems:
        logger.error("outside issuer's keys: %s", " ".join(found.problems))
    return found


def _read(file: Path) -> KeySet:
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_FILE_BYTES + 1)
        entries = json.loads(content)["keys"] if len(content) <= MAX_FILE_BYTES else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        return KeySet(problems=(f"{file} holds no key set that we can read ({type(error).__name__}).",))
    if not isinstance(entries, list):
        return KeySet(problems=(f"{file} holds no list of keys of at most {MAX_FILE_BYTES} bytes.",))
    keys: dict[str, RSAPublicKey] = {}
    problems = []
    for entry in filter(_is_for_us, entries):
        kid = entry.get("kid")
        try:
            keys[_new_name(kid, keys)] = _public_key(entry)
        except ValueError as error:
            problems.append(f"{file}: the key {kid!r} isn't used: {error}.")
    if not keys:
        problems.append(f"{file} holds no RSA key for RS256 signatures.")
    return KeySet(keys, tuple(problems))


def _is_for_us(entry: Any) -> bool:
    """Issuers publish keys for other algorithms and for encryption beside the ones that we use."""
    return (
        isinstance(entry, dict)
        and entry.get("kty") == "RSA"
        and entry.get("use", "sig") == "sig"
        and entry.get("alg", "RS256") == "RS256"
    )


def _new_name(kid: Any, taken: Mapping[str, Any]) -> str:
    if not isinstance(kid, str) or not kid:
        raise ValueError("it has no kid")
    if kid in taken:
        raise ValueError("another key of the file has the same kid")
    return kid


def _public_key(entry: Mapping[str, Any]) -> RSAPublicKey:
    """Raises ValueError for what isn't a strong public key."""
    if "d" in entry:
        raise ValueError("its private half stands in the file, which is for public ones")
    exponent, modulus = (_number(entry.get(name)) for name in ("e", "n"))
    if modulus.bit_length() < MINIMUM_BITS:
        raise ValueError(f"it has {modulus.bit_length()} bits and not {MINIMUM_BITS}")
    if exponent < 65537:
        raise ValueError("its exponent is below 65537")
    return RSAPublicNumbers(exponent, modulus).public_key()


def _number(text: Any) -> int:
    if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", text, re.ASCII):
        raise ValueError("its numbers aren't base64url")
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
