"""Asking for a report: what is refused, and the row that a worker takes up."""

from __future__ import annotations

from typing import Any, Final

from django.db import transaction

from lucid_payments import locks, nudge
from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.locks import AdvisoryLock
from payouts.models.report import OPEN_REPORT, Report, ReportKind

TASK: Final = "payouts.tasks.make_reports"
MOST_WAITING: Final = 20
MOST_OF_ONE: Final = 5


class Refused(Exception):
    """No report was asked for; the text says why."""


@transaction.atomic
def ask(
    kind: ReportKind,
    about: str,
    parameters: dict[str, Any],
    *,
    maker: User | None,
    reason: str = "",
    request_id: str = "",
) -> Report:
    """Queue a report; a worker takes it up at once. Without a `maker` it is the system's own.

    Raises Refused when enough of them wait already.
    """
    # Counted under a lock: two who ask at once don't both see the last place.
    locks.hold(AdvisoryLock.REPORTS)
    waiting = Report.objects.filter(state__in=OPEN_REPORT)
    if maker is not None and waiting.filter(maker=maker).count() >= MOST_OF_ONE:
        raise Refused(f"{MOST_OF_ONE} reports of yours are waiting already. Let one of them end first.")
    if waiting.count() >= MOST_WAITING:
        raise Refused(f"{MOST_WAITING} reports are waiting already. Try again in a few minutes.")
    report = Report.objects.create(
        kind=kind, about=about, parameters=parameters, maker=maker, maker_label=_label(maker)
    )
    log.record(
        "report.asked",
        actor=maker,
        subject=report,
        details={"kind": kind.value, "about": about, "reason": reason, **parameters},
        request_id=request_id,
    )
    nudge.after_commit(TASK)
    return report


def _label(maker: User | None) -> str:
    return maker.get_username()[:200] if maker is not None else log.SYSTEM
