"""Signed heads: what stands against an owner of the database who rewrites or cuts the whole chain."""

from __future__ import annotations

import hashlib
import hmac
import logging
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


def sign(position: int, head: str) -> str:
    """HMAC-SHA-256, in hex, of a position and its hash."""
    return hmac.new(
        _key(settings.AUDIT_SEAL_KEY_FILE), f"{position}:{head}".encode(), hashlib.sha256
    ).hexdigest()


def is_signed_by_us(head: AuditHead) -> bool:
    return hmac.compare_digest(head.signature, sign(head.position, head.hash))


def sign_when_due(seal: AuditSeal) -> None:
    """Sign the chain's head if it moved since an hour ago; log it too, outside the database."""
    last = AuditHead.objects.order_by("-id").first()
    if last is not None and (last.position == seal.position or clock.now() - last.at < INTERVAL):
        return
    signature = sign(seal.position, seal.hash)
    AuditHead.objects.create(position=seal.position, hash=seal.hash, signature=signature)
    logger.info("audit head %s:%s signed %s", seal.position, seal.hash, signature)


@cache
def _key(file: str) -> bytes:
    key = Path(file).read_bytes().strip()
    if len(key) < MINIMUM_KEY_BYTES:
        raise ImproperlyConfigured(
            f"AUDIT_SEAL_KEY_FILE: the key must have {MINIMUM_KEY_BYTES} bytes or more."
        )
    return key
