"""Signing webhooks as Standard Webhooks says: `v1,` and base64 of HMAC-SHA256 over id, timestamp and body.

Secrets aren't kept anywhere: each follows from WEBHOOK_KEY, the endpoint and its version, so that a copy of the
database signs nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from lucid_payments.events.models import WebhookEndpoint

PREFIX: Final = "whsec_"
# How long the secret before the last change signs, too.
OVERLAP: Final = timedelta(hours=24)


def secret(endpoint: WebhookEndpoint, version: int | None = None) -> str:
    """The endpoint's secret in the form that Standard Webhooks' libraries take."""
    key = _key(settings.WEBHOOK_KEY, endpoint, version or endpoint.secret_version)
    return PREFIX + base64.b64encode(key).decode()


def headers(endpoint: WebhookEndpoint, event_id: str, body: bytes, at: datetime) -> dict[str, str]:
    """`webhook-id`, `webhook-timestamp` (epoch seconds) and `webhook-signature`.

    That is of two secrets while one changes, and of two keys that they follow from while that changes.
    """
    timestamp = str(int(at.timestamp()))
    versions = [endpoint.secret_version]
    if endpoint.previous_until is not None and at < endpoint.previous_until:
        versions.append(endpoint.secret_version - 1)
    signed = f"{event_id}.{timestamp}.".encode() + body
    keys = [settings.WEBHOOK_KEY, *settings.WEBHOOK_KEYS_BEFORE]
    signatures = [_sign(_key(key, endpoint, version), signed) for key in keys for version in versions]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }


def _sign(key: bytes, content: bytes) -> str:
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def _key(webhook_key: str, endpoint: WebhookEndpoint, version: int) -> bytes:
    named = f"{endpoint.webhook_id}:{version}".encode()
    return hmac.new(webhook_key.encode(), named, hashlib.sha256).digest()
