"""The end of a run: when everything is paid, carried or moved on, and no payout of it is open."""

from __future__ import annotations

from django.db.models import Count, F, Q, Sum

from lucid_payments import clock, commits
from lucid_payments.accounts.models import User
from lucid_payments.money import format_usdt
from payouts.distribution import lifecycle
from payouts.distribution.lifecycle import SYSTEM, RunRefused
from payouts.models.distribution import DistributionRun, Entitlement, EntitlementState, RunState


@commits.atomic("settle_run")
def settle(pk: int, *, actor: User | str = SYSTEM, reason: str = "", request_id: str = "") -> DistributionRun:
    """End a run. What is held then becomes a carry line of the next freeze, and is only left to it by people.

    Raises RunRefused while something is due or a payout open, and for the system itself while something is held.
    """
    run = lifecycle.lock(pk)
    lifecycle.require(run, RunState.RUNNING, RunState.PAUSED)
    due, opened, held = _left(run)
    if due or opened:
        raise RunRefused(f"{due:,} entitlements are due and {opened:,} have payouts on their way.")
    if held and actor == SYSTEM:
        raise RunRefused(f"{held:,} entitlements are held.")
    paid = Entitlement.objects.filter(run=run).aggregate(sum=Sum("paid"))["sum"] or 0
    detail = f"{format_usdt(paid)} USDT paid; {held:,} held entitlements go to the next freeze. {reason}"
    lifecycle.move(
        run,
        RunState.SETTLED,
        "settle",
        actor=actor,
        detail=detail.strip(),
        request_id=request_id,
        settled_at=clock.now(),
    )
    return run


def is_over(run: DistributionRun) -> bool:
    """Whether nothing of it is left to anybody."""
    return not any(_left(run))


def _left(run: DistributionRun) -> tuple[int, int, int]:
    """Entitlements that are due, that have open payouts, that are held."""
    found = Entitlement.objects.filter(run=run).aggregate(
        due=Count("pk", filter=Q(state=EntitlementState.DUE, committed__lt=F("amount"))),
        opened=Count("pk", filter=Q(paid__lt=F("committed"))),
        held=Count("pk", filter=Q(state=EntitlementState.HELD)),
    )
    return found["due"], found["opened"], found["held"]
