"""How much a month can take under the limits, and when a run would be paid: days and hours, by the policies in force.

A fifth of every window is left for other payouts. That makes 8,000 USDT a day at the defaults.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from lucid_payments.accounts.roles import Role
from lucid_payments.money import format_usdt
from payouts.distribution.lifecycle import RunRefused
from payouts.distribution.periods import Period
from payouts.models.distribution import DistributionRun, Entitlement, EntitlementState
from payouts.models.payout import MAXIMUM_AMOUNT, MINIMUM_AMOUNT
from routers import policy
from routers.policy import Policies

# compliance.md: 20 % of headroom is left for other payouts, and no chunk is above 80 % of an hour.
PART: Final = (4, 5)
HOUR: Final = timedelta(hours=1)


def part(units: int) -> int:
    """What a run may use of a window, in base units."""
    return units * PART[0] // PART[1]


@dataclass(frozen=True, slots=True)
class Allowance:
    """Base units that runs may have released: in an hour and in a day, in all and through each router."""

    hour: int
    day: int
    router_hours: Mapping[str, int]
    router_days: Mapping[str, int]

    @classmethod
    def of(cls, policies: Policies) -> Allowance:
        creator = policies.creator_limit(Role.SERVICE)
        day = part(policies.everybody.daily_limit)
        return cls(
            hour=part(policies.everybody.hourly_limit),
            day=day if creator is None else min(day, creator),
            router_hours={router: part(policies.hourly_limit(router)) for router in policies.routers},
            router_days={router: part(policies.daily_limit(router)) for router in policies.routers},
        )

    def month(self, period: Period) -> int:
        """From the period's cut-off to the next one."""
        return min(self.day, 24 * self.hour) * period.days_to_pay

    def router_month(self, router: str, period: Period) -> int:
        return min(self.router_days[router], 24 * self.router_hours[router]) * period.days_to_pay


def largest_chunk(router: str, policies: Policies) -> int:
    """The most that one payout of a run through this router is, in base units; attestations may say less."""
    own = policies.routers[router]
    creator = policies.creator_limit(Role.SERVICE)
    caps: tuple[int | None, ...] = (
        own.payout_maximum,
        part(policies.hourly_limit(router)),
        part(policies.daily_limit(router)),
        own.recipient_limit,
        creator,
        MAXIMUM_AMOUNT,
    )
    return min(cap for cap in caps if cap is not None)


def least_chunk(router: str, policies: Policies) -> int:
    """The least that it takes, in base units."""
    return int(max(MINIMUM_AMOUNT, policies.routers[router].payout_minimum or 0))


@dataclass(frozen=True, slots=True)
class Plan:
    """When what is still to be paid would be released, from `starts_at` on, if nobody else needs more than a fifth."""

    starts_at: datetime
    allowance: Allowance
    amounts: Mapping[str, int]
    hours: list[tuple[datetime, int]] = field(default_factory=list)

    @property
    def amount(self) -> int:
        return sum(self.amounts.values())

    @property
    def ends_at(self) -> datetime:
        return self.hours[-1][0] + HOUR if self.hours else self.starts_at

    @property
    def days(self) -> list[tuple[datetime, int]]:
        """Base units by day (UTC)."""
        found: Counter[datetime] = Counter()
        for hour, amount in self.hours:
            found[hour.replace(hour=0)] += amount
        return sorted(found.items())


def plan(run: DistributionRun, starts_at: datetime, policies: Policies | None = None) -> Plan:
    """The plan of what the run still has to pay: due and held, less what is in payouts already."""
    lines = Entitlement.objects.filter(
        run=run, state__in=(EntitlementState.DUE, EntitlementState.HELD)
    ).order_by()
    amounts: Counter[str] = Counter()
    for router, amount, committed in lines.values_list("router_type", "amount", "committed").iterator(5_000):
        amounts[router] += amount - committed
    return lay_out(dict(amounts), starts_at, Allowance.of(policies or policy.current()))


def lay_out(amounts: Mapping[str, int], starts_at: datetime, allowance: Allowance) -> Plan:
    """Hour by hour. Whoever can't be paid at all (a router whose windows are 0) is left out."""
    found = Plan(starts_at, allowance, amounts)
    left = {router: amount for router, amount in amounts.items() if allowance.router_hours.get(router)}
    hour = starts_at.replace(minute=0, second=0, microsecond=0)
    day, day_left, router_left = None, 0, dict(allowance.router_days)
    if not min(allowance.hour, allowance.day):
        return found
    while any(left.values()):
        if hour.date() != day:
            day, day_left, router_left = hour.date(), allowance.day, dict(allowance.router_days)
        room, went = min(allowance.hour, day_left), 0
        for router in sorted(left, key=lambda name: allowance.router_days[name]):
            goes = min(left[router], room, allowance.router_hours[router], router_left[router])
            left[router] -= goes
            router_left[router] -= goes
            room -= goes
            went += goes
        day_left -= went
        if went:
            found.hours.append((hour, went))
        hour += HOUR
    return found


def require(run: DistributionRun, policies: Policies | None = None) -> Plan:
    """The plan from the run's cut-off on. Raises RunRefused, naming the figure, for more than the month can take."""
    period = Period.parse(run.period)
    found = plan(run, run.cut_off, policies)
    most = found.allowance.month(period)
    if found.amount > most:
        raise RunRefused(
            f"The run has {format_usdt(found.amount)} USDT to pay, and under the limits its month takes"
            f" {format_usdt(most)} USDT: {format_usdt(most // period.days_to_pay)} a day for {period.days_to_pay} days."
        )
    for router, amount in found.amounts.items():
        takes = found.allowance.router_month(router, period)
        if amount > takes:
            raise RunRefused(
                f"The run has {format_usdt(amount)} USDT to pay through {router}, which takes"
                f" {format_usdt(takes)} USDT in its month."
            )
    return found
