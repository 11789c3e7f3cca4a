"""The RSA key that signs tokens, and its public half as others may see it."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

MINIMUM_BITS: Final = 2048


@dataclass(frozen=True, slots=True)
class TokenKey:
    """`kid` is the RFC 7638 thumbprint, so that it names the key and nothing else."""

    private: RSAPrivateKey
    kid: str

    @property
    def public(self) -> RSAPublicKey:
        return self.private.public_key()

    def __repr__(self) -> str:
        return f"TokenKey({self.kid})"


def token_key() -> TokenKey:
    """The key of JWT_PRIVATE_KEY_FILE. Raises ImproperlyConfigured unless it is RSA of 2048 bits or more."""
    return _load(settings.JWT_PRIVATE_KEY_FILE)


@cache
def _load(file: str) -> TokenKey:
    try:
        private = serialization.load_pem_private_key(Path(file).read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise ImproperlyConfigured(f"JWT_PRIVATE_KEY_FILE: {file} holds no PEM key we can read.") from error
    if not isinstance(private, RSAPrivateKey) or private.key_size < MINIMUM_BITS:
        raise ImproperlyConfigured(f"JWT_PRIVATE_KEY_FILE: give an RSA key of at least {MINIMUM_BITS} bits.")
    return TokenKey(private, thumbprint(private.public_key()))


def public_jwk(key: RSAPublicKey) -> dict[str, Any]:
    """The members that RFC 7638 hashes, no more."""
    numbers = key.public_numbers()
    return {"e": _base64url(numbers.e), "kty": "RSA", "n": _base64url(numbers.n)}


def thumbprint(key: RSAPublicKey) -> str:
    canonical = json.dumps(public_jwk(key), sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _base64url(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
