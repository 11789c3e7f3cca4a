"""The chain's head, signed once a day for everybody: whoever has the public key can check it, and nobody without
the private one can make it.

The hourly seal of `heads` is checked by who holds its secret. This one is for outsiders: an auditor keeps the
statements, and no rewriting of the log before them stays unseen.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings

from lucid_payments import clock
from lucid_payments.audit import head_keys
from lucid_payments.audit.models import STATEMENT_TYPE, AuditSeal, PublishedHead

SIGNED: Final = ("at", "day", "deployment", "hash", "key", "position", "type")


def has_key() -> bool:
    return bool(settings.AUDIT_HEAD_KEY_FILE)


def trusted_keys() -> dict[str, Ed25519PublicKey]:
    """The public keys by name; none where no key is set. Raises HeadKeyError."""
    return head_keys.read_public(head_keys.public_file(_key_file())) if has_key() else {}


def sign_when_due() -> PublishedHead | None:
    """Sign the head as it stands, once a day (UTC); None when today's is there, or nothing is sealed yet."""
    seal = AuditSeal.objects.order_by("-position").first()
    now = clock.now()
    if seal is None or PublishedHead.objects.filter(day=now.date()).exists():
        return None
    key = head_keys.read_private(_key_file())
    head = PublishedHead(
        day=now.date(),
        at=now,
        deployment=settings.DEPLOYMENT,
        position=seal.position,
        hash=seal.hash,
        key=head_keys.name_of(key.public_key()),
    )
    head.signature = base64.b64encode(key.sign(_signed_bytes(head.statement()))).decode()
    # Of two workers at once the first's stands.
    PublishedHead.objects.bulk_create([head], ignore_conflicts=True)
    return PublishedHead.objects.get(day=head.day)


def signed(statement: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Another room's statement with the key's name and a signature over all of it, and the public key in hex.

    Its `type` is its own: no such statement passes for a head. Raises HeadKeyError.
    """
    if statement["type"] == STATEMENT_TYPE:
        raise ValueError("A head is signed by `sign_when_due` alone.")
    key = head_keys.read_private(_key_file())
    public = key.public_key()
    whole = {**statement, "key": head_keys.name_of(public)}
    signature = base64.b64encode(key.sign(_canonical(whole))).decode()
    return {**whole, "signature": signature}, head_keys.raw(public).hex()


def is_signed(statement: Mapping[str, Any], trusted: Mapping[str, Ed25519PublicKey]) -> bool:
    """Whether the statement carries a good signature by one of `trusted`."""
    key = trusted.get(str(statement.get("key")))
    if key is None or statement.get("type") != STATEMENT_TYPE:
        return False
    try:
        key.verify(base64.b64decode(str(statement["signature"]), validate=True), _signed_bytes(statement))
    except (InvalidSignature, KeyError, binascii.Error, ValueError):
        return False
    return True


def _signed_bytes(statement: Mapping[str, Any]) -> bytes:
    """What is signed: the statement without its signature, as JSON with sorted keys and no blanks."""
    return _canonical({name: statement[name] for name in SIGNED})


def _canonical(signed: Mapping[str, Any]) -> bytes:
    return json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _key_file() -> Path:
    return Path(settings.AUDIT_HEAD_KEY_FILE)
