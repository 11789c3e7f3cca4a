"""An outside issuer of the tests: its keys, its key file, its tokens."""

from __future__ import annotations

import json
import os
import time
import uuid
from functools import cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from lucid_payments.accounts.keyring import public_jwk
from tests.api_client import Answer, ApiClient

ISS = "https://login.core.example"
AUD = "lucid-payments"


@cache
def private_key(number: int, bits: int = 2048) -> RSAPrivateKey:
    """The same one each time a test asks."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def entry_of(kid: str, /, number: int = 1, **changes: Any) -> dict[str, Any]:
    """A key as issuers publish it, with some members changed; None takes one away."""
    found = {
        **public_jwk(private_key(number).public_key()),
        "kid": kid,
        "use": "sig",
        "alg": "RS256",
        **changes,
    }
    return {name: value for name, value in found.items() if value is not None}


class OutsideIssuer:
    """Publishes key 1 as `k1`; `roles` makes its relays services and its hosts node operators."""

    def __init__(self, folder: Path, name: str = "core", iss: str = ISS) -> None:
        self.name, self.iss, self.file = name, iss, folder / f"{name}.json"
        self.publish(entry_of("k1"))

    def publish(self, *entries: Any) -> None:
        """Replace the file whole, as an operator's job would."""
        self.publish_text(json.dumps({"keys": entries}))

    def publish_text(self, text: str) -> None:
        fresh = self.file.with_suffix(".new")
        fresh.write_text(text)
        os.replace(fresh, self.file)

    def setting(self, **changes: Any) -> dict[str, Any]:
        return {
            "name": self.name,
            "iss": self.iss,
            "aud": AUD,
            "jwks_file": str(self.file),
            "role_claim": "group",
            "roles": {"relay": "service", "host": "node_operator"},
            **changes,
        }

    def token(self, header: dict[str, Any] | None = None, *, key: int = 1, **changes: Any) -> str:
        """A good token with some claims changed; None takes one away, of the header too."""
        now = int(time.time())
        claims = {
            "sub": "alice",
            "iss": self.iss,
            "aud": AUD,
            "iat": now - 10,
            "exp": now + 600,
            "jti": uuid.uuid4().hex,
            **changes,
        }
        fields = {"kid": "k1", **(header or {})}
        return jwt.encode(
            {name: value for name, value in claims.items() if value is not None},
            private_key(key),
            algorithm="RS256",
            headers={name: value for name, value in fields.items() if value is not None},
        )


def caller(token: str) -> ApiClient:
    client = ApiClient()
    client.headers = {"Authorization": f"Bearer {token}"}
    return client


def call(token: str) -> Answer:
    return caller(token).get("/payouts")
