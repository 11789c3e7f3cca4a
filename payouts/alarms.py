"""Alarms: something a person should know. Raised once, logged and announced, cleared when it has ended."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from django.db import transaction

from lucid_payments.clock import LucidNow
from lucid_payments.events import outbox
from payouts.models.chain import Alarm

log = logging.getLogger(__name__)


@transaction.atomic
def raise_alarm(kind: str, detail: str) -> bool:
    """Raise an alarm of this kind; False when it is raised already."""
    _, created = Alarm.objects.get_or_create(kind=kind, cleared_at=None, defaults={"detail": detail[:300]})
    if created:
        log.error("alarm: %s", kind, extra={"detail": detail})
        outbox.emit(
            "alarm.raised",
            subject_type="alarm",
            subject_id=kind,
            owner=None,
            payload={"kind": kind, "detail": detail},
        )
    return created


@transaction.atomic
def clear(kinds: Iterable[str]) -> None:
    """What caused these has ended."""
    for alarm in Alarm.objects.filter(kind__in=list(kinds), cleared_at=None):
        if Alarm.objects.filter(pk=alarm.pk, cleared_at=None).update(cleared_at=LucidNow()):
            log.warning("alarm over: %s", alarm.kind)
            outbox.emit(
                "alarm.cleared",
                subject_type="alarm",
                subject_id=alarm.kind,
                owner=None,
                payload={"kind": alarm.kind},
            )
