"""What waits before the gate, and how much of it an act would let go. The app that holds it registers itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

from django.core.exceptions import ImproperlyConfigured

from lucid_payments import clock
from lucid_payments.money import format_usdt
from routers import killswitch, limits
from routers.breakers import all_breakers
from routers.limits import Claim, Slot
from routers.models import BreakerState
from routers.policy import Policies

# How many payouts are looked at together.
AT_ONCE: Final = 2_000


@dataclass(frozen=True, slots=True)
class Sum:
    """So many payouts of so much together, in base units."""

    count: int = 0
    amount: int = 0

    def __add__(self, other: Sum) -> Sum:
        return Sum(self.count + other.count, self.amount + other.amount)

    def __str__(self) -> str:
        return f"{self.count} held payout{'' if self.count == 1 else 's'}, {format_usdt(self.amount)} USDT"


class Source(Protocol):
    def queue(self, most: Mapping[str, int]) -> Iterator[Claim]:
        """All that is due and not released, in the order of release: of these routers, up to so many base units."""

    def smallest(self) -> dict[str, int]:
        """The smallest amount that is due and not released, by router."""

    def totals(self) -> dict[tuple[str, str], Sum]:
        """All that is due and held, by router and hold reason."""

    def never(self, policies: Policies) -> Sum:
        """What waits, due or not, and is above what any window of these policies could ever release."""


_source: Source | None = None


def register_source(source: Source) -> None:
    global _source
    _source = source


def totals() -> dict[tuple[str, str], Sum]:
    """All that is due and held, by router and hold reason."""
    return _registered().totals()


def open_routers() -> frozenset[str]:
    """The routers whose payouts go without anybody's help: neither kill switch nor breaker is in their way."""
    closed = {scope for scope, row in all_breakers().items() if row.state == BreakerState.CLOSED}
    return frozenset(closed) - killswitch.stopped_routers()


def never(policies: Policies) -> Sum:
    """What waits and is above what any window of these policies could ever release."""
    return _registered().never(policies)


def going(
    routers: Collection[str],
    waived: Mapping[Slot, int] | None = None,
    policies: Policies | None = None,
) -> Sum:
    """What the windows have room for, of these routers, with so many base units `waived` on top of shared windows.

    By the policies in force, or by others that somebody thinks of.

    Of the whole queue, and an estimate: slots in flight, the treasury and the chain may still make a payout wait.
    """
    room = limits.room(clock.now(), (), policies)
    for slot, amount in (waived or {}).items():
        room.windows[slot].waived += amount
    left = {router: room.shared(router) for router in routers}
    smallest = _registered().smallest()
    count = total = 0
    queue = _registered().queue(left)
    while any(left[router] >= smallest[router] for router in smallest.keys() & left.keys()):
        claims = list(islice(queue, AT_ONCE))
        if not claims:
            break
        room.widen(claims)
        for claim in claims:
            if claim.amount <= left[claim.router] and room.refusal(claim) is None:
                room.take(claim)
                left = {router: room.shared(router) for router in routers}
                count, total = count + 1, total + claim.amount
    return Sum(count, total)


def freed(before: Sum, after: Sum) -> Sum:
    """What goes after an act and didn't before it; none where another order lets fewer or less go."""
    return Sum(max(0, after.count - before.count), max(0, after.amount - before.amount))


def _registered() -> Source:
    if _source is None:
        raise ImproperlyConfigured("No app has registered the payouts that wait.")
    return _source
