"""What people do to an approved run: schedule it, start it early or late, pause it, let it go on."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from lucid_payments import clock, locks, nudge
from lucid_payments.accounts.models import User
from payouts import execution
from payouts.distribution import capacity, lifecycle
from payouts.distribution.lifecycle import SYSTEM
from payouts.models.attempt import Attempt
from payouts.models.distribution import DistributionRun, RunState
from payouts.models.payout import HoldReason, Payout, PayoutStatus

TASK: Final = "payouts.tasks.distribute"
_PAUSED: Final = "Its monthly run is paused."
_RESUMED: Final = "Its monthly run goes on."
# A person is awaited already, whose answer isn't a run's to cover up.
_OTHERS_DECIDE: Final = (HoldReason.SCREENING, HoldReason.POSSIBLE_DUPLICATE)


@transaction.atomic
def schedule(
    pk: int, *, at: datetime, actor: User, reason: str = "", request_id: str = ""
) -> DistributionRun:
    """Have it begin at `at` (UTC; the past means now). Raises RunRefused for more than its month can take."""
    run = lifecycle.lock(pk)
    lifecycle.require(run, RunState.APPROVED)
    capacity.require(run)
    lifecycle.move(
        run,
        RunState.SCHEDULED,
        "schedule",
        actor=actor,
        detail=f"From {at:%Y-%m-%d %H:%M} UTC on. {reason}".strip(),
        request_id=request_id,
        scheduled_for=at,
    )
    nudge.after_commit(TASK)
    return run


@transaction.atomic
def unschedule(pk: int, *, actor: User, reason: str, request_id: str = "") -> DistributionRun:
    """Back to approved, before it has begun."""
    run = lifecycle.lock(pk)
    lifecycle.require(run, RunState.SCHEDULED)
    lifecycle.move(
        run,
        RunState.APPROVED,
        "unschedule",
        actor=actor,
        detail=reason,
        request_id=request_id,
        scheduled_for=None,
    )
    return run


@transaction.atomic
def start(pk: int) -> bool:
    """Begin to pay once its time has come; False before that, and when somebody was first."""
    run = lifecycle.lock(pk)
    due = (
        run.state == RunState.SCHEDULED and run.scheduled_for is not None and run.scheduled_for <= clock.now()
    )
    if due:
        lifecycle.move(run, RunState.RUNNING, "start", actor=SYSTEM)
    return due


@transaction.atomic
def pause(pk: int, *, actor: User, reason: str, request_id: str = "") -> DistributionRun:
    """No new payouts, and those that wait don't go; what is signed runs to its end."""
    # No attempt is made between this and the payouts' hold.
    locks.hold(locks.AdvisoryLock.RELEASE)
    run = lifecycle.lock(pk)
    lifecycle.require(run, RunState.RUNNING)
    lifecycle.move(run, RunState.PAUSED, "pause", actor=actor, detail=reason, request_id=request_id)
    execution.withdraw(
        Attempt.objects.filter(payout__chunk__entitlement__run=run), hold=HoldReason.PAUSED, detail=_PAUSED
    )
    waiting = _waiting(run).exclude(hold_reason__in=(HoldReason.PAUSED, *_OTHERS_DECIDE))
    execution.hold(waiting, HoldReason.PAUSED, detail=_PAUSED)
    return run


@transaction.atomic
def resume(pk: int, *, actor: User, reason: str, request_id: str = "") -> DistributionRun:
    locks.hold(locks.AdvisoryLock.RELEASE)
    run = lifecycle.lock(pk)
    lifecycle.require(run, RunState.PAUSED)
    lifecycle.move(run, RunState.RUNNING, "resume", actor=actor, detail=reason, request_id=request_id)
    execution.hold(_waiting(run).filter(hold_reason=HoldReason.PAUSED), None, detail=_RESUMED)
    nudge.after_commit(TASK)
    return run


def _waiting(run: DistributionRun) -> QuerySet[Payout]:
    return Payout.objects.filter(chunk__entitlement__run=run, status=PayoutStatus.SCHEDULED)
