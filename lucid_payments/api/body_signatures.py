"""`Signature-JWS`: a client's own signature over the body it sends, detached (RFC 7515, appendix F).

Its public key stands in the client's record. A body that is sent again with its signature is a repetition as any
other: events count once by their ids.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any, Final

from django.http import HttpRequest
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from lucid_payments.accounts.models import User
from lucid_payments.api.errors import InvalidRequest

HEADER: Final = "Signature-JWS"
ALGORITHMS: Final = ("Ed25519", "EdDSA")
MOST_CHARACTERS: Final = 1_000
# All that a header may say: no key of its own (`jwk`, `jku`, `x5c`, …), nothing critical, no other encoding.
_MEMBERS: Final = frozenset({"alg", "kid", "typ"})
_DETACHED: Final = re.compile(r"([A-Za-z0-9_-]+)\.\.([A-Za-z0-9_-]+)", re.ASCII)
_REGISTRY: Final = jws.JWSRegistry(algorithms=list(ALGORITHMS))
_KEY_BYTES: Final = 32


class NoKey(ValueError):
    """The text is no Ed25519 public key; a sentence for people."""


def public_key(text: str) -> str:
    """The 32 bytes in base64url of a public key, given like that or as a JWK. Raises NoKey."""
    given = text.strip()
    if given.startswith("{"):
        try:
            members = json.loads(given)
        except ValueError:
            raise NoKey("This JWK isn't JSON.") from None
        if not isinstance(members, dict) or (members.get("kty"), members.get("crv")) != ("OKP", "Ed25519"):
            raise NoKey("Give an Ed25519 key: kty OKP, crv Ed25519.")
        if "d" in members:
            raise NoKey("This is a private key: it has been shown to this page, so make another pair.")
        given = str(members.get("x", ""))
    try:
        raw = base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != _KEY_BYTES or base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != given:
        raise NoKey("Give the key's 32 bytes in base64url, 43 characters, or its JWK.")
    return given


def thumbprint(x: str) -> str:
    """The key's `kid`: RFC 7638 with SHA-256."""
    return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": x}).thumbprint()


def verified(request: HttpRequest, user: User) -> str:
    """The `kid` of the key that signed this request's body; empty where it isn't signed and needn't be.

    Raises InvalidRequest for a signature that isn't good, and where one is missing that the client was set to send.
    Before anybody parses the body: its very bytes are signed.
    """
    given = request.headers.get(HEADER)
    if given is None:
        if user.needs_signature:
            raise _refused("This client was set to sign every event.")
        return ""
    if not user.fact_key:
        raise _refused("There is no key in this client's record to verify it by.")
    kid = thumbprint(user.fact_key)
    found = _DETACHED.fullmatch(given) if len(given) <= MOST_CHARACTERS else None
    if found is None:
        raise _refused("Give a compact JWS with its payload left out: header..signature")
    header = _header(found[1])
    if header is None or not header.keys() <= _MEMBERS:
        raise _refused("Its header may hold alg, kid and typ alone.")
    if header.get("alg") not in ALGORITHMS:
        raise _refused("It must be signed with Ed25519.")
    if header.get("kid", kid) != kid:
        raise _refused("Its kid isn't that of the key in this client's record.")
    if not _is_good(found[1], request.body, found[2], user.fact_key):
        raise _refused("It isn't this key's signature of this body.")
    return kid


def _is_good(header: str, body: bytes, signature: str, x: str) -> bool:
    payload = base64.urlsafe_b64encode(body).rstrip(b"=").decode()
    key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": x})
    try:
        jws.deserialize_compact(f"{header}.{payload}.{signature}", key, registry=_REGISTRY)
    except (JoseError, ValueError):
        return False
    return True


def _header(encoded: str) -> dict[str, Any] | None:
    try:
        said = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (binascii.Error, ValueError):
        return None
    return said if isinstance(said, dict) else None


def _refused(sentence: str) -> InvalidRequest:
    return InvalidRequest({HEADER: [sentence]})
