"""A run's row: asking for one, taking it up, keeping its place, ending it. Each is one short transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import F, Min

from lucid_payments import clock, nudge
from lucid_payments.accounts.models import User
from lucid_payments.audit import log as audit
from lucid_payments.events import outbox
from payouts import alarms
from payouts.models.reconciliation import (
    CONCLUSIVE,
    OPEN_RUN,
    CaseState,
    ReconciliationCase,
    ReconciliationRun,
    RunState,
    RunTrigger,
)

TASK: Final = "payouts.tasks.reconcile"
EVERY: Final = timedelta(hours=1)
OVERDUE_AFTER: Final = timedelta(hours=2)
MOST_TRIES: Final = 3
OVERDUE_ALARM: Final = "reconciliation_overdue"


@dataclass(frozen=True, slots=True)
class Range:
    """Which blocks to read, by number or by time (UTC); nothing at the end means up to the newest final block."""

    from_block: int | None = None
    to_block: int | None = None
    from_time: datetime | None = None
    to_time: datetime | None = None


@transaction.atomic
def ask(
    trigger: RunTrigger,
    *,
    actor: User | None,
    actor_label: str,
    wanted: Range | None = None,
    tries: int = 1,
    reason: str = "",
    request_id: str = "",
) -> ReconciliationRun:
    """Queue a run; a worker takes it up at once."""
    limits = wanted or Range()
    run = ReconciliationRun.objects.create(
        trigger=trigger,
        actor=actor,
        actor_label=actor_label[:200],
        tries=tries,
        ranged=wanted is not None,
        from_block=limits.from_block,
        to_block=limits.to_block,
        from_time=limits.from_time,
        to_time=limits.to_time,
    )
    details = {"trigger": trigger.value, "reason": reason, "ranged": run.ranged}
    audit.record(
        "reconciliation.asked",
        actor=actor or actor_label,
        subject=run,
        details=details,
        request_id=request_id,
    )
    nudge.after_commit(TASK)
    return run


def waiting() -> ReconciliationRun | None:
    """The run that is running or waits to."""
    return ReconciliationRun.objects.filter(state__in=OPEN_RUN).order_by("id").first()


@transaction.atomic
def take() -> ReconciliationRun | None:
    """The run to go on with: one that a killed process left, the oldest asked for, or the hour's own if it is due."""
    now = clock.now()
    left = ReconciliationRun.objects.filter(state=RunState.RUNNING).first()
    if left is not None:
        return left
    queued = ReconciliationRun.objects.filter(state=RunState.QUEUED).order_by("id").first()
    if queued is None:
        if not _due(now):
            return None
        queued = ReconciliationRun.objects.create(trigger=RunTrigger.HOURLY, actor_label="schedule")
    ReconciliationRun.objects.filter(pk=queued.pk, state=RunState.QUEUED).update(
        state=RunState.RUNNING, started_at=now
    )
    queued.refresh_from_db()
    return queued


def _due(now: datetime) -> bool:
    last = latest_whole()
    return last is None or last.ended_at is None or now - last.ended_at >= EVERY


def latest_whole() -> ReconciliationRun | None:
    """The newest run that compared all rows and the balances, and came to an answer."""
    return ReconciliationRun.objects.filter(ranged=False, state__in=CONCLUSIVE).order_by("-id").first()


def note(run: ReconciliationRun, *, calls: int = 0, **progress: Any) -> None:
    """Keep the run's place, in the transaction of what it found there."""
    ReconciliationRun.objects.filter(pk=run.pk, state=RunState.RUNNING).update(
        node_calls=F("node_calls") + calls, **progress
    )
    run.refresh_from_db()


@transaction.atomic
def end(run: ReconciliationRun, **figures: Any) -> None:
    """The run has its answer: clean, unless a case is open, of this run or of an earlier one."""
    still_open = ReconciliationCase.objects.filter(state=CaseState.OPEN).count()
    state = RunState.DIFFERENCES if still_open else RunState.CLEAN
    detail = f"{still_open} open case{'s' if still_open != 1 else ''}" if still_open else ""
    _end(run, state, {**figures, "detail": detail})
    if not run.ranged:
        alarms.clear([OVERDUE_ALARM])


@transaction.atomic
def give_up(run: ReconciliationRun, sentence: str, *, calls: int) -> None:
    """No answer can be had now. Asked by a person, it is tried again; the hour's own comes again by itself."""
    _end(run, RunState.INCONCLUSIVE, {"detail": sentence[:500], "node_calls": F("node_calls") + calls})
    if run.trigger != RunTrigger.HOURLY and run.tries < MOST_TRIES:
        wanted = Range(run.from_block, run.to_block, run.from_time, run.to_time) if run.ranged else None
        ask(
            RunTrigger.RETRY, actor=run.actor, actor_label=run.actor_label, wanted=wanted, tries=run.tries + 1
        )


def _end(run: ReconciliationRun, state: RunState, changes: Mapping[str, Any]) -> None:
    ended = ReconciliationRun.objects.filter(pk=run.pk, state=RunState.RUNNING).update(
        state=state, ended_at=clock.LucidNow(), **changes
    )
    run.refresh_from_db()
    if not ended:
        return
    details = {"state": run.state, "detail": run.detail, "to_block": run.to_block}
    audit.record("reconciliation.ended", actor=run.actor_label, subject=run, details=details)
    outbox.emit(
        "reconciliation.ended",
        subject_type="reconciliation",
        subject_id=str(run.pk),
        owner=None,
        payload=details,
    )


def check_overdue() -> bool:
    """Raise the alarm when no reconciliation has come to an answer for two hours; it is over with the next one."""
    since = overdue_since()
    if since is None or clock.now() - since < OVERDUE_AFTER:
        return False
    last = ReconciliationRun.objects.filter(state=RunState.INCONCLUSIVE).order_by("-id").first()
    why = f" The last try: {last.detail}" if last is not None else ""
    alarms.raise_alarm(OVERDUE_ALARM, f"Chain and books were not compared for over two hours.{why}")
    return True


def overdue_since() -> datetime | None:
    """The end of the last whole comparison that came to an answer, or when the first one was asked for."""
    last = latest_whole()
    if last is not None:
        return last.ended_at
    first: datetime | None = ReconciliationRun.objects.aggregate(first=Min("asked_at"))["first"]
    return first
