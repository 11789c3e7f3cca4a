"""Signed heads: what stands against an owner of the database who rewrites or cuts the whole chain."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from lucid_payments import clock
from lucid_payments.audit.models import AuditHead, AuditSeal

# The policy asks for a signature a day; an hour loses less to whoever cuts the tail.
INTERVAL: Final = timedelta(hours=1)
MINIMUM_KEY_BYTES: Final = 32

logger = logging.getLogger(__name__)


def has_key() -> bool:
    return bool(settings.AUDIT_SEAL_KEY_FILE)


def may_check() -> bool:
    """Whether this process can tell a signature of ours: live, the web may not read the key, and the worker may."""
    return has_key() and os.access(settings.AUDIT_SEAL_KEY_FILE, os.R_OK)


def sign(position: int, head: str) -> str:
    """HMAC-SHA-256, in hex, of a position and its hash, by the newest key."""
    return _signature(_keys(settings.AUDIT_SEAL_KEY_FILE)[0], position, head)


def is_signed_by_us(head: AuditHead) -> bool:
    """By the newest key or one of those before it."""
    expected = [_signature(key, head.position, head.hash) for key in _keys(settings.AUDIT_SEAL_KEY_FILE)]
    return any(hmac.compare_digest(head.signature, one) for one in expected)


def sign_when_due(seal: AuditSeal) -> None:
    """Sign the chain's head if it moved since an hour ago; log it too, outside the database."""
    last = AuditHead.objects.order_by("-id").first()
    if last is not None and (last.position == seal.position or clock.now() - last.at < INTERVAL):
        return
    signature = sign(seal.position, seal.hash)
    AuditHead.objects.create(position=seal.position, hash=seal.hash, signature=signature)
    logger.info("audit head %s:%s signed %s", seal.position, seal.hash, signature)


def _signature(key: bytes, position: int, head: str) -> str:
    return hmac.new(key, f"{position}:{head}".encode(), hashlib.sha256).hexdigest()


@cache
def _keys(file: str) -> list[bytes]:
    """A line each, the newest first; the others only verify what they once signed."""
    keys = Path(file).read_bytes().split()
    if not keys or min(map(len, keys)) < MINIMUM_KEY_BYTES:
        raise ImproperlyConfigured(
            f"AUDIT_SEAL_KEY_FILE: the key must have {MINIMUM_KEY_BYTES} bytes or more, in one line."
        )
    return keys
