"""The queue before the gate as estimates see it: its order with running sums, the places in flight, the policies.

Reading the whole queue for every answer would make answers slower the longer it is. So a process keeps what it read
for ESTIMATE_SECONDS: an estimate may be so old. Nothing else may be taken from here.
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from django.conf import settings
from django.db.models import Q

from payouts.headroom import Slots
from payouts.models import Payout
from payouts.models.payout import HoldReason, PayoutStatus
from routers import policy, selection
from routers.policy import Policies

LIMITED: Final = frozenset(
    {
        HoldReason.HOURLY_LIMIT,
        HoldReason.DAILY_LIMIT,
        HoldReason.RECIPIENT_LIMIT,
        HoldReason.CREATOR_LIMIT,
        HoldReason.SUBJECT_LIMIT,
    }
)
# These end by themselves; every other hold waits for a person, or for something nobody can date.
PASSING: Final = LIMITED | {HoldReason.SLOT, HoldReason.IN_FLIGHT, HoldReason.RETRY, HoldReason.COOLING_OFF}
# However long the queue is, reading it takes at most this part of a process's time.
MOST_OF_TIME: Final = 20

# The hour in which it becomes due, priority, due time, primary key.
Place = tuple[datetime, int, datetime, int]
_COLUMNS: Final = (
    "pk", "amount", "router_type", "recipient_address", "creator_id", "node_id", "priority", "due_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Backlog:
    """What goes before a payout in one scope's windows, and with it: base units, and how many payouts."""

    amount: int
    count: int

    def each(self, own: int) -> int:
        """What one of them needs at once: the `own` amount where all ask for the same; else they fill any room."""
        return own if self.amount == self.count * own else 1


@dataclass(frozen=True, slots=True)
class Ahead:
    """By scope (everybody, router, recipient, creator, node): the backlog of the whole queue, and of its part that
    is due in the same hour.
    """

    whole: tuple[Backlog, ...]
    hour: tuple[Backlog, ...]


@dataclass(slots=True)
class _Line:
    """The payouts of one scope in the order in which they go; `sums[n]` is the amount of the first n."""

    places: list[Place] = field(default_factory=list)
    sums: list[int] = field(default_factory=lambda: [0])

    def add(self, place: Place, amount: int) -> None:
        self.places.append(place)
        self.sums.append(self.sums[-1] + amount)

    def ahead(self, place: Place, amount: int) -> tuple[Backlog, Backlog]:
        """In all, and since the hour of `place` began; with the payout itself, which may be newer than the line."""
        until = bisect_right(self.places, place)
        begun = bisect_left(self.places, place[:1])
        new = until == 0 or self.places[until - 1] != place
        total, count = self.sums[until] + new * amount, until + new
        return Backlog(total, count), Backlog(total - self.sums[begun], count - begun)


@dataclass(frozen=True, slots=True)
class Outline:
    """As it was when its hour was `hour`. Whoever waits for a person isn't in anybody's way, and isn't in it."""

    hour: datetime
    policies: Policies
    slots: Slots
    lines: dict[tuple[object, ...], _Line]

    @classmethod
    def read(cls, at: datetime) -> Outline:
        """Three queries; the first one's rows are those that wait and need nobody."""
        policies = policy.current()
        found = cls(
            at.replace(minute=0, second=0, microsecond=0), policies, Slots.free(policies), defaultdict(_Line)
        )
        passing = Q(hold_reason=None) | Q(hold_reason__in=PASSING)
        rows = Payout.objects.filter(passing, status=PayoutStatus.SCHEDULED).order_by()
        waiting = [(found._place(pk, priority, due_at), amount, parties)
                   for pk, amount, *parties, priority, due_at in rows.values_list(*_COLUMNS)]  # fmt: skip
        for place, amount, parties in sorted(waiting, key=lambda one: one[0]):
            for scope in _scopes(*parties):
                found.lines[scope].add(place, amount)
        return found

    def ahead(self, payout: Payout) -> Ahead:
        place = self._place(payout.pk, payout.priority, payout.due_at)
        scopes = _scopes(payout.router_type, payout.recipient_address, payout.creator_id, payout.node_id)
        found = [self.lines.get(scope, _NOBODY).ahead(place, payout.amount) for scope in scopes]
        return Ahead(tuple(whole for whole, _ in found), tuple(hour for _, hour in found))

    def _place(self, pk: int, priority: int, due_at: datetime) -> Place:
        hour = due_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        return max(hour, self.hour), priority, due_at, pk


_NOBODY: Final = _Line()
_kept: tuple[float, Outline] | None = None


def current(at: datetime) -> Outline:
    """The queue as of `at` (UTC), or as this process last read it, at most ESTIMATE_SECONDS ago."""
    global _kept
    began, kept = time.monotonic(), _kept
    if settings.ESTIMATE_SECONDS and kept is not None and began < kept[0]:
        return kept[1]
    found = Outline.read(at)
    ended = time.monotonic()
    _kept = (ended + max(settings.ESTIMATE_SECONDS, MOST_OF_TIME * (ended - began)), found)
    return found


def _scopes(router: str, recipient: str, creator: int, node_id: str | None) -> Iterator[tuple[object, ...]]:
    """Whose windows a payout counts in: of everybody, its router, its recipient, its creator, its node."""
    yield ("everybody",)
    yield "router", router
    yield "recipient", router, recipient
    yield "creator", creator
    yield "subject", router, selection.subject_of(router, node_id)
