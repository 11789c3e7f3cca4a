"""What happens to monthly runs by itself: a month that ended is frozen, a scheduled run starts, a running one is paid.

Safe to run twice, at once, late or never: each step is guarded by the run's state. Any period can be opened by hand.
"""

from __future__ import annotations

from lucid_payments import clock
from payouts.distribution import freezing, holding, paying, seeds, settling, steering
from payouts.distribution.lifecycle import RunRefused
from payouts.distribution.periods import Period
from payouts.models.distribution import DistributionRun, RunState


def advance() -> int:
    """One turn; answers how many payouts and looks there were, so that the caller knows whether to go on at once."""
    _open_what_ended()
    for run in DistributionRun.objects.filter(state=RunState.DRAFT).order_by("period"):
        freeze(run)
    for run in DistributionRun.objects.filter(state=RunState.SCHEDULED).order_by("period"):
        steering.start(run.pk)
    done = 0
    for run in DistributionRun.objects.filter(state=RunState.RUNNING).order_by("period"):
        done += holding.look_again(run.pk) + paying.pay_chunks(run.pk)
        if settling.is_over(run):
            _settle(run)
    return done


def freeze(run: DistributionRun) -> None:
    """Take a draft as far as it goes: not before the chain has a solid block behind its cut-off."""
    freezing.draw_line(run.pk)
    seed = seeds.find(run.cut_off)
    if seed is not None:
        try:
            freezing.freeze(run.pk, seed)
        except RunRefused:
            return  # somebody was first


def _open_what_ended() -> None:
    """The month that ended last, if anybody worked in it."""
    period = Period.last_ended(clock.now())
    if not DistributionRun.objects.filter(period=str(period)).exists() and freezing.has_work(period):
        try:
            freezing.open_run(period)
        except RunRefused:
            return


def _settle(run: DistributionRun) -> None:
    try:
        settling.settle(run.pk)
    except RunRefused:
        return
