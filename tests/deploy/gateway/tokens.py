"""Tokens as their issuers make them and as others forge them: every part of one can be chosen."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from lucid_payments.accounts.keys import token_ring


def part(value: Any) -> str:
    """As it stands in a token; text and bytes as they are, anything else as JSON."""
    raw = (
        value
        if isinstance(value, bytes)
        else (value if isinstance(value, str) else json.dumps(value)).encode()
    )
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims(subject: str, **changes: Any) -> dict[str, Any]:
    """Those of a good access token of ours with some changed; None takes one away."""
    now = int(time.time())
    good = {
        "typ": "access", "iss": "lucid-payments", "aud": "lucid-payments", "sub": subject, "role": "service",
        "iat": now - 5, "exp": now + 600, "jti": uuid.uuid4().hex, **changes,
    }  # fmt: skip
    return {name: value for name, value in good.items() if value is not None}


def header(**changes: Any) -> dict[str, Any]:
    named = {"alg": "RS256", "kid": token_ring().signing.kid, "typ": "JWT", **changes}
    return {name: value for name, value in named.items() if value is not None}


def signed(head: Any, body: Any, key: RSAPrivateKey | None = None) -> str:
    """By the ring's signing key unless another is given, whatever the header says."""
    text = f"{part(head)}.{part(body)}"
    signer = key or token_ring().sign_with()
    return f"{text}.{part(signer.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def by_secret(head: Any, body: Any, secret: bytes) -> str:
    """HS256 with a secret that everybody knows."""
    text = f"{part(head)}.{part(body)}"
    return f"{text}.{part(hmac.digest(secret, text.encode(), hashlib.sha256))}"


def public_pem() -> bytes:
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return token_ring().signing.public.public_bytes(serialization.Encoding.PEM, kind)
