"""How long the treasury lasts: by the pace of the last day, and by what a payout has cost lately.

The watcher raises two alarms by it: more USDT in the hot treasury than it should hold, and little of it or of TRX left.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from lucid_payments import clock
from lucid_payments.money import format_usdt
from payouts import alarms, ledger, paid, treasury_keys
from payouts.ledger import Balance
from payouts.models.chain import ChainState
from payouts.paid import Paid
from payouts.sweeps import outstanding
from routers import policy

DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)
# compliance.md, "Ledger": what is above belongs into cold storage.
HOT_DAYS: Final = 3
HOT: Final = "hot_balance"
LOW: Final = "low_runway"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one payout has cost on average: sun, energy and bandwidth points. `over` says in which hours."""

    over: timedelta
    fee: int
    energy: int
    bandwidth: int


@dataclass(frozen=True, slots=True)
class Runway:
    """What the treasury has, and for how long; None where nothing was paid that would tell."""

    usdt: int
    trx: int
    energy: int
    staked_bandwidth: int
    free_bandwidth: int
    day: Paid
    week: Paid

    @classmethod
    def of(cls, state: ChainState, books: Balance, now: datetime) -> Runway:
        day, week = paid.last((DAY, WEEK), now)
        return cls(
            usdt=max(0, min(books.available, state.treasury_usdt - books.pending_out)),
            trx=state.treasury_trx,
            energy=state.energy_left,
            staked_bandwidth=state.staked_bandwidth_left,
            free_bandwidth=state.free_bandwidth_left,
            day=day,
            week=week,
        )

    @property
    def cost(self) -> Cost | None:
        """Of the last day; of the last week where the day has none."""
        return cost_of(self.day, DAY) or cost_of(self.week, WEEK)

    @property
    def usdt_hours(self) -> int | None:
        """Whole hours until the free USDT is paid out at the last day's pace."""
        return _hours(self.usdt, self.day.amount, self.day)

    @property
    def trx_hours(self) -> int | None:
        """Whole hours until the TRX are burned at the last day's pace."""
        return _hours(self.trx, self.day.fee, self.day)

    @property
    def energy_hours(self) -> int | None:
        """Whole hours until the energy at hand is used up at the last day's pace; what comes back meanwhile is more."""
        return _hours(self.energy, self.day.energy, self.day)

    @property
    def hours(self) -> int | None:
        """Whichever ends first."""
        return min((hours for hours in (self.usdt_hours, self.trx_hours) if hours is not None), default=None)

    @property
    def is_low(self) -> bool:
        return self.hours is not None and self.hours < settings.RUNWAY_ALARM_HOURS

    @property
    def trx_payouts(self) -> int | None:
        return self._payouts(self.trx, "fee")

    @property
    def energy_payouts(self) -> int | None:
        return self._payouts(self.energy, "energy")

    @property
    def bandwidth_payouts(self) -> int | None:
        """A transaction's bandwidth is covered whole, by stake or by the free share, or it is burned as TRX."""
        staked = self._payouts(self.staked_bandwidth, "bandwidth")
        free = self._payouts(self.free_bandwidth, "bandwidth")
        return None if staked is None or free is None else staked + free

    def _payouts(self, left: int, name: str) -> int | None:
        cost = self.cost
        each: int = getattr(cost, name) if cost else 0
        return left // each if each else None


def _hours(left: int, spent: int, over: Paid) -> int | None:
    return left * over.seconds // spent // 3600 if spent else None


def cost_of(spent: Paid, over: timedelta) -> Cost | None:
    """The average for each confirmed payout of `spent`, what failed attempts burned included."""
    fee, energy, bandwidth = (spent.each(total) for total in (spent.fee, spent.energy, spent.bandwidth))
    if fee is None or energy is None or bandwidth is None:
        return None
    return Cost(over, fee, energy, bandwidth)


def hot_limit() -> int:
    """Base units that the hot treasury should hold at most: three times what a day may pay."""
    return HOT_DAYS * policy.current().everybody.daily_limit


def too_hot(usdt: int) -> str:
    """Why a balance (base units) is too much for a hot treasury; empty when it isn't."""
    limit = hot_limit()
    if usdt <= limit:
        return ""
    return (
        f"The treasury holds {format_usdt(usdt)} USDT, more than {HOT_DAYS} times the daily limit "
        f"({format_usdt(limit)}). Move what is above into cold storage."
    )


def too_low(runway: Runway) -> str:
    """What ends within the hours that are left to warn of; empty when nothing does."""
    if not runway.is_low:
        return ""
    ends = [
        f"{name} in {hours} h"
        for name, hours in (("USDT", runway.usdt_hours), ("TRX", runway.trx_hours))
        if hours is not None and hours < settings.RUNWAY_ALARM_HOURS
    ]
    return f"At the last day's pace the treasury runs out of {' and of '.join(ends)}. Top it up."


def watch(state: ChainState) -> None:
    """Raise and clear the two alarms by what `state` says; the watcher calls this once it has read the treasury."""
    runway = Runway.of(state, ledger.treasury_balance(), clock.now())
    low = "" if outstanding.is_to_stay_empty(treasury_keys.current()) else too_low(runway)
    for kind, sentence in ((HOT, too_hot(state.treasury_usdt)), (LOW, low)):
        if sentence:
            alarms.raise_alarm(kind, sentence)
        else:
            alarms.clear([kind])
