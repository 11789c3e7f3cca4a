"""The freeze: a month's work, what earlier runs left over, and every address are copied, and stay as they are then.

All of it in SQL: two million rows never pass through this process. What exactly counts is in `work.py`.
"""

from __future__ import annotations

from django.db import IntegrityError, connection, transaction
from django.db.models import Max

from lucid_payments import clock, commits, locks
from lucid_payments.accounts.models import User
from payouts.distribution import lifecycle, recipients, session_payments, work
from payouts.distribution.lifecycle import SYSTEM, RunRefused
from payouts.distribution.periods import Period
from payouts.distribution.seeds import Seed
from payouts.models.distribution import DistributionRun, RunState
from payouts.models.work import WorkEvent, WorkKind


@transaction.atomic
def open_run(period: Period, *, actor: User | str = SYSTEM) -> DistributionRun:
    """Make the period's run. Raises RunRefused before its cut-off, and when there is one: a month is paid once."""
    if clock.now() < period.cut_off:
        raise RunRefused(f"The month {period} ends at {period.cut_off:%Y-%m-%d %H:%M} UTC: not yet.")
    run = DistributionRun(period=str(period), starts_at=period.starts_at, cut_off=period.cut_off)
    try:
        with transaction.atomic():
            run.save()
    except IntegrityError:
        raise RunRefused(f"There is a run for {period} already: a month is paid once.") from None
    lifecycle.tell(run, "open", None, actor=actor, detail=f"Work until {period.cut_off:%Y-%m-%d}.")
    return run


def has_work(period: Period) -> bool:
    """Whether any session was reported that ended in it."""
    sessions = WorkEvent.objects.filter(kind=WorkKind.SESSION_COMPLETED)
    return sessions.filter(ended_at__gte=period.starts_at, ended_at__lt=period.cut_off).exists()


@commits.atomic("draw_line")
def draw_line(pk: int) -> None:
    """Say which reports this run sees: all that have come until now. Those who report, or create payouts for
    sessions, wait for this short moment, so that each of them stands wholly before or wholly behind the line.
    """
    locks.hold(locks.AdvisoryLock.MONTH)
    seen = WorkEvent.objects.aggregate(last=Max("pk"))["last"] or 0
    DistributionRun.objects.filter(pk=pk, state=RunState.DRAFT, seen_up_to=None).update(seen_up_to=seen)


@commits.atomic("freeze")
def freeze(pk: int, seed: Seed, *, actor: User | str = SYSTEM) -> DistributionRun:
    """Copy the inputs, each with its hash. Raises RunRefused for a run that is no draft, or without its line."""
    # One at a time: what one run takes, the next one must see.
    locks.hold_names(["distribution freeze"])
    run = lifecycle.lock(pk)
    lifecycle.require(run, RunState.DRAFT)
    if run.seen_up_to is None:
        raise RunRefused("It isn't said yet which reports it sees.")
    with connection.cursor() as cursor:
        # Sorting and grouping a month in memory, and not on the disk; until the transaction ends.
        cursor.execute("SET LOCAL work_mem = '128MB'")
    session_payments.leave_to_the_month(run.cut_off)
    taken = work.take(run)
    recipients.carry_over(run)
    found = recipients.enter(run, seed)
    lifecycle.move(
        run,
        RunState.FROZEN,
        "freeze",
        actor=actor,
        detail=(
            f"{taken.inputs:,} rows of work, {taken.adjustments:,} of earlier months,"
            f" {taken.paid_by_themselves:,} paid by themselves; {found.recipients:,} recipients,"
            f" {found.credits:,} credits. Seed: block {seed.number:,}."
        ),
        seed=seed.block_id,
        seed_block=seed.number,
        inputs=taken.inputs,
        adjustments=taken.adjustments,
        paid_by_themselves=taken.paid_by_themselves,
        inputs_hash=taken.digest,
        recipients=found.recipients,
        credits=found.credits,
        carried_in=found.carried_in,
    )
    return run
