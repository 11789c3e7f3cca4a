"""Endpoints of webhooks: made and changed by their owners, switched off by 410, endless failures or staff."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.api.errors import InvalidRequest
from lucid_payments.audit import log
from lucid_payments.events import outbox, targets
from lucid_payments.events.models import Event, WebhookEndpoint
from lucid_payments.events.signatures import OVERLAP
from lucid_payments.locks import hold_names

MAX_PER_OWNER: Final = 10
KNOWN_TYPES: Final = frozenset(
    {
        *(f"payout.{word}" for word in ("created", "approved", "held", "released", "sent", "scheduled")),
        *(f"payout.{word}" for word in ("confirmed", "failed", "cancelled", "rejected", "manual")),
        *(f"batch.{word}" for word in ("created", "completed", "failed")),
        *(f"slot.{word}" for word in ("opened", "ended", "paused", "resumed", "cancelled")),
        *(f"distribution.{word}" for word in ("draft", "frozen", "computed", "approved", "scheduled")),
        *(f"distribution.{word}" for word in ("running", "paused", "settled", "reported")),
        *(f"breaker.{word}" for word in ("opened", "half_open", "closed")),
        *(f"killswitch.{word}" for word in ("pulled", "released")),
        *(f"sweep.{word}" for word in ("begun", "ended")),
        *(f"sweep.transfer_{word}" for word in ("succeeded", "reverted", "dead")),
        *(f"kyc.{word}" for word in ("submitted", "info_requested", "answered", "approved", "rejected")),
        *(f"kyc.{word}" for word in ("expiring", "expired", "suspended", "revoked")),
        *(f"kyc.{word}" for word in ("corrected", "restricted", "unrestricted", "erased")),
        "treasury.rotated",
        "treasury.compromised",
        "limit.reached",
        "limit.waived",
        "wallet.changed",
        "approval.needed",
        "webhook.test",
    }
)


def of(owner: User) -> Sequence[WebhookEndpoint]:
    """The owner's endpoints, oldest first."""
    return list(WebhookEndpoint.objects.filter(owner=owner, deleted_at=None).order_by("pk"))


@transaction.atomic
def register(owner: User, *, url: str, types: Sequence[str], request_id: str = "") -> WebhookEndpoint:
    """Raises InvalidRequest for a target that isn't called, an unknown type, or one endpoint too many."""
    try:
        targets.check(url)
    except targets.TargetRefused as refused:
        raise InvalidRequest({"url": [str(refused)]}) from None
    unknown = sorted(set(types) - KNOWN_TYPES)
    if unknown:
        raise InvalidRequest({"types": [f"There is no event {', '.join(unknown)[:200]}."]})
    hold_names([f"webhooks {owner.pk}"])
    if len(of(owner)) >= MAX_PER_OWNER:
        raise InvalidRequest({"url": [f"{MAX_PER_OWNER} endpoints are the most: delete one first."]})
    endpoint = WebhookEndpoint.objects.create(
        owner=owner, url=url, types=sorted(set(types)), created_at=clock.now()
    )
    _record("webhook.registered", endpoint, owner, {"url": url}, request_id)
    return endpoint


@transaction.atomic
def delete(endpoint: WebhookEndpoint, *, actor: User, request_id: str = "") -> None:
    """What waits for it isn't sent any more."""
    if WebhookEndpoint.objects.filter(pk=endpoint.pk, deleted_at=None).update(deleted_at=timezone.now()):
        _record("webhook.deleted", endpoint, actor, {}, request_id)


@transaction.atomic
def change_secret(endpoint: WebhookEndpoint, *, actor: User, request_id: str = "") -> WebhookEndpoint:
    """A new secret; for a day the one before it signs, too."""
    locked = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    locked.secret_version += 1
    locked.previous_until = timezone.now() + OVERLAP
    locked.save(update_fields=["secret_version", "previous_until"])
    _record("webhook.secret_changed", locked, actor, {}, request_id)
    return locked


@transaction.atomic
def disable(
    endpoint: WebhookEndpoint, because: str, *, actor: User | None, evidence: Mapping[str, Any] | None = None
) -> bool:
    """Send nothing more to it, and tell its owner, who can read that in `GET /events`. False: it was off already."""
    changed = WebhookEndpoint.objects.filter(pk=endpoint.pk, disabled_at=None).update(
        disabled_at=timezone.now(), disabled_because=because[:200]
    )
    if changed:
        _record("webhook.disabled", endpoint, actor, {"because": because, **(evidence or {})})
        outbox.emit(
            "webhook.disabled",
            subject_type="webhook",
            subject_id=endpoint.webhook_id,
            owner=endpoint.owner,
            payload={"webhook_id": endpoint.webhook_id, "because": because},
        )
    return changed == 1


@transaction.atomic
def enable(endpoint: WebhookEndpoint, *, actor: User, evidence: Mapping[str, Any]) -> bool:
    """Send to it again, what waits included. False: it was on already."""
    changed = WebhookEndpoint.objects.filter(pk=endpoint.pk, deleted_at=None).exclude(disabled_at=None)
    done = changed.update(disabled_at=None, disabled_because="")
    if done:
        _record("webhook.enabled", endpoint, actor, evidence)
    return done == 1


@transaction.atomic
def test(endpoint: WebhookEndpoint) -> Event:
    """Send `webhook.test` to this endpoint alone."""
    return outbox.emit(
        "webhook.test",
        subject_type="webhook",
        subject_id=endpoint.webhook_id,
        owner=endpoint.owner,
        payload={"webhook_id": endpoint.webhook_id},
    )


def _record(
    action: str,
    endpoint: WebhookEndpoint,
    actor: User | None,
    details: Mapping[str, Any],
    request_id: str = "",
) -> None:
    log.record(action, actor=actor, subject=endpoint, details=details, request_id=request_id)
