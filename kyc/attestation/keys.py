"""An authority's keys: public ones as JWKs named by their thumbprint, private ones in an encrypted file of its own."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FORMAT: Final = "lucid/authority-key/v1"
SCRYPT_N: Final = 2**17
_MOST_SCRYPT_N: Final = 2**20
MIN_PASSWORD_LENGTH: Final = 12
_MOST_BYTES: Final = 10_000


class KeyState(StrEnum):
    """What a key's signatures are worth. Compromise voids all of them; the others count from the day on."""

    PENDING = "pending"
    ACTIVE = "active"
    RETIRING = "retiring"
    REVOKED = "revoked"
    COMPROMISED = "compromised"


class AuthorityKeyError(Exception):
    """A key or a key file that can't be used; the text is a sentence for people and holds nothing secret."""


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key that somebody has decided to trust, and how far.

    `authority` is the `iss` it may sign for, `x` its 32 bytes in base64url. `ended_at`: when it was revoked.
    """

    kid: str
    authority: str
    x: str
    state: KeyState
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuthorityKey:
    """An opened private key. Neither `repr` nor a traceback shows it."""

    authority: str
    kid: str
    private: Ed25519PrivateKey = field(repr=False)


def jwk(x: str) -> dict[str, str]:
    """The members that RFC 7638 hashes for an Ed25519 key (RFC 8037)."""
    return {"crv": "Ed25519", "kty": "OKP", "x": x}


def thumbprint(x: str) -> str:
    """The `kid`: RFC 7638 with SHA-256."""
    canonical = json.dumps(jwk(x), sort_keys=True, separators=(",", ":"))
    return encode(hashlib.sha256(canonical.encode()).digest())


def public_of(private: Ed25519PrivateKey) -> str:
    """`x` of its public half."""
    return encode(private.public_key().public_bytes_raw())


def read_public(text: str) -> tuple[str, str]:
    """(authority, x) of a public key file as `attestation key` writes it. Raises AuthorityKeyError."""
    try:
        document = json.loads(text)
        authority, x, kid = document["authority"], document["x"], document["kid"]
        if (document["kty"], document["crv"]) != ("OKP", "Ed25519") or "d" in document:
            raise ValueError
        if not isinstance(authority, str) or not 1 <= len(authority) <= 100:
            raise ValueError
        Ed25519PublicKey.from_public_bytes(decode(x))
    except (ValueError, TypeError, KeyError):
        raise AuthorityKeyError(
            "This isn't an authority's public key: a JSON file that begins with its name."
        ) from None
    if kid != thumbprint(x):
        raise AuthorityKeyError("The key's name (kid) isn't its thumbprint: the file was altered.")
    return authority, x


def public_file(authority: str, x: str) -> str:
    """What the authority hands out: its name and the key as a JWK."""
    return json.dumps({"authority": authority, "kid": thumbprint(x), **jwk(x)}, indent=2) + "\n"


def create(path: Path, authority: str, password: str, *, scrypt_n: int = SCRYPT_N) -> str:
    """Write a file with a new private key, encrypted, 0600, and answer its `x`. Raises AuthorityKeyError."""
    if len(password) < MIN_PASSWORD_LENGTH:
        raise AuthorityKeyError(f"The password needs at least {MIN_PASSWORD_LENGTH} characters.")
    if not 1 <= len(authority) <= 100:
        raise AuthorityKeyError("Name the authority, in at most 100 characters.")
    private = Ed25519PrivateKey.generate()
    x = public_of(private)
    salt, nonce = os.urandom(16), os.urandom(12)
    document: dict[str, Any] = {
        "format": FORMAT,
        "authority": authority,
        "kid": thumbprint(x),
        **jwk(x),
        "scrypt_n": scrypt_n,
        "salt": encode(salt),
        "nonce": encode(nonce),
    }
    sealed = AESGCM(_derive(password, salt, scrypt_n)).encrypt(
        nonce, private.private_bytes_raw(), _bound(document)
    )
    document["sealed"] = encode(sealed)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise AuthorityKeyError(f"{path} exists already and is never overwritten.") from None
    except OSError as error:
        raise AuthorityKeyError(f"{path} can't be written: {error.strerror}.") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(json.dumps(document, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    # Read back before anybody is told to trust it.
    open_file(path, password)
    return x


def open_file(path: Path, password: str) -> AuthorityKey:
    """The key in a file that `create` wrote. Raises AuthorityKeyError for a wrong password and for any altered byte."""
    document = _read(path)
    try:
        key = _derive(password, decode(document["salt"]), document["scrypt_n"])
        raw = AESGCM(key).decrypt(decode(document["nonce"]), decode(document["sealed"]), _bound(document))
        private = Ed25519PrivateKey.from_private_bytes(raw)
    except (InvalidTag, ValueError, TypeError):
        raise AuthorityKeyError(f"The password of {path} is wrong, or the file was altered.") from None
    if public_of(private) != document["x"]:
        raise AuthorityKeyError(f"The key in {path} isn't the one the file names.")
    return AuthorityKey(document["authority"], document["kid"], private)


def encode(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The bytes of base64url without padding, written as `encode` writes them. Raises ValueError otherwise."""
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    # Left-over bits and foreign characters would let one document be written in many ways.
    if encode(raw) != text:
        raise ValueError("not canonical base64url")
    return raw


def _derive(password: str, salt: bytes, n: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=8, p=1, maxmem=2**20 + 256 * n * 8, dklen=32)


def _bound(document: Mapping[str, Any]) -> bytes:
    """The public members, which a changed file can't keep."""
    told = {name: document[name] for name in ("format", "authority", "kid", "x", "scrypt_n")}
    return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise AuthorityKeyError(f"{path} is too long for an authority's key file.")
        document = json.loads(path.read_text("utf-8"))
        names = ("format", "authority", "kid", "x", "salt", "nonce", "sealed")
        fits = all(isinstance(document[name], str) for name in names) and document["format"] == FORMAT
        fits = fits and type(document["scrypt_n"]) is int and 1 < document["scrypt_n"] <= _MOST_SCRYPT_N
    except OSError as error:
        raise AuthorityKeyError(f"{path} can't be read: {error.strerror}.") from None
    except (ValueError, TypeError, KeyError):
        fits = False
    if not fits:
        raise AuthorityKeyError(f"{path} isn't an authority's key file.")
    return document  # type: ignore[no-any-return]
