"""The system's own walk over the audit log, once a day, a few seconds at a time; what it found is for Prometheus."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lucid_payments import clock
from lucid_payments.audit import verification
from lucid_payments.audit.models import AuditCheck
from lucid_payments.audit.verification import Report
from lucid_payments.locks import AdvisoryLock, only_one

log = logging.getLogger(__name__)
EVERY: Final = timedelta(days=1)
SECONDS: Final = 5.0
# The first places tell where to look; `manage.py audit verify` lists all.
MOST_KEPT: Final = 5
# Checks that are kept: what was found stays until a walk comes to its end without it.
KEPT: Final = 30


def go_on(seconds: float = SECONDS) -> AuditCheck | None:
    """Read on for about so many seconds; None when nothing is due, or somebody else is at it."""
    with only_one(AdvisoryLock.AUDIT_CHECK) as mine:
        check = _due() if mine else None
        if check is not None:
            _step(check, seconds)
        return check


def _due() -> AuditCheck | None:
    """The walk that isn't at its end yet, or a new one a day after the last one began."""
    last = AuditCheck.objects.order_by("-pk").first()
    if last is not None and (last.ended_at is None or clock.now() - last.began_at < EVERY):
        return last if last.ended_at is None else None
    check = AuditCheck.objects.create(hash=Report().head)
    old = AuditCheck.objects.order_by("-pk").values_list("pk", flat=True)[KEPT:]
    AuditCheck.objects.filter(pk__in=list(old)).delete()
    return check


def _step(check: AuditCheck, seconds: float) -> None:
    report = Report(sealed=check.position, head=check.hash)
    at_end = verification.walk(report, seconds)
    if at_end:
        verification.finish(report)
        check.ended_at = clock.now()
    for sentence in report.damage:
        log.critical("the audit log is damaged: %s", sentence)
    check.position, check.hash = report.sealed, report.head
    check.damaged += len(report.damage)
    check.damage = [*check.damage, *report.damage][:MOST_KEPT]
    check.save()


class AuditCollector(Collector):
    """Gauges of the database's state: every process would say the same, whichever is asked."""

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        checks = list(AuditCheck.objects.order_by("-pk")[:2])
        ended = next((check for check in checks if check.ended_at is not None), None)
        # What a walk under way has found counts at once; what the last one found, until this one is at its end.
        yield GaugeMetricFamily(
            "lucid_audit_damaged_places",
            "Places of the audit log that don't fit the chain",
            value=max(
                (check.damaged for check in checks if check is ended or check.ended_at is None), default=0
            ),
        )
        if ended is not None and ended.ended_at is not None:
            yield GaugeMetricFamily(
                "lucid_audit_check_age_seconds",
                "Since a walk over the whole audit log came to its end",
                value=max(0.0, (clock.now() - ended.ended_at).total_seconds()),
            )
