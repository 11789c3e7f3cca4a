"""The queue before the gate: who is next, who fits, and why the others don't go.

`URGENT`, `HIGH`, `NORMAL`, `LOW`, then due time. Small payouts would for ever take the room that a large one waits
for: one that has waited for a day stands first, so that a new window's headroom is offered to it before others.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db.models import QuerySet

from kyc import screening
from kyc.screening import Look, Verdict
from payouts import cooling, recovery
from payouts.conditions import Conditions, Lost
from payouts.doors import Doors
from payouts.headroom import Slots, claim_of
from payouts.models.payout import HoldReason, Payout, PayoutStatus
from payouts.slots import gate
from routers import limits, policy
from routers.breakers import PROBE_AMOUNT
from routers.policy import Policies

BATCH: Final = 50
# How far down each router's queue one round looks for payouts that fit.
LOOK_AHEAD: Final = 500
PATIENCE: Final = timedelta(hours=24)
# Large is what needs more than a quarter of an hour's window.
LARGE_PART: Final = 4
# How many of those that waited for a day stand first.
FIRST: Final = 50
# Among how many the next probe is chosen.
CHOICE: Final = 50


@dataclass(slots=True)
class Picked:
    """Who may go now, in order, and who waits for what (primary keys)."""

    going: list[Payout] = field(default_factory=list)
    waiting: dict[HoldReason, list[int]] = field(default_factory=dict)
    # Those of the KYC router that have lost a condition.
    lost: dict[Lost, list[int]] = field(default_factory=dict)
    # Who waits for a new address's cooling-off time, by its end.
    cooling: dict[datetime, list[int]] = field(default_factory=dict)
    # Routers of which nothing else goes.
    shut: dict[str, HoldReason] = field(default_factory=dict)
    # Those whose recipients meet a sanctions list, and the look that showed it.
    listed: list[Payout] = field(default_factory=list)
    look: Look | None = None

    def wait(self, payout: Payout, reason: HoldReason) -> None:
        self.waiting.setdefault(reason, []).append(payout.pk)


def due(now: datetime) -> QuerySet[Payout]:
    return Payout.objects.filter(gate.MAY_GO, status=PayoutStatus.SCHEDULED, due_at__lte=now)


def pick(now: datetime, usdt: int) -> Picked:
    """Choose what fits the doors, the windows, the slots and the treasury's `usdt` (base units).

    Nothing is locked: what doesn't fit after all is held by the release itself.
    """
    policies, doors = policy.current(), Doors.now()
    free = [router for router in policies.routers if router not in doors.shut | doors.probes]
    first = _waited_a_day(now, policies, free)
    patient = {payout.pk for payout in first}
    queue = _probes(now, doors) + first
    queue += [payout for payout in in_order(now, free) if payout.pk not in patient]
    room = limits.room(now, [claim_of(payout) for payout in queue])
    slots, suspects = Slots.free(policies), recovery.suspects()
    conditions = Conditions.of(queue, now)
    cooling_until = cooling.until(queue, now)
    picked = Picked(shut=doors.shut | dict.fromkeys(doors.probes, HoldReason.BREAKER))
    look = picked.look = screening.look({payout.recipient_address for payout in queue}, now)
    for payout in queue:
        if look.verdict(payout.recipient_address) != Verdict.CLEAR:
            picked.wait(payout, HoldReason.SCREENING)
            picked.listed.append(payout)
        elif (payout.recipient_address, payout.amount) in suspects:
            picked.wait(payout, HoldReason.POSSIBLE_DUPLICATE)
        elif payout.pk in cooling_until:
            picked.cooling.setdefault(cooling_until[payout.pk], []).append(payout.pk)
        elif doors.refusal(payout.router_type) is not None:
            continue
        elif (lost := conditions.lost(payout)) is not None:
            picked.lost.setdefault(lost, []).append(payout.pk)
        elif (full := room.refusal(claim_of(payout))) is not None:
            picked.wait(payout, HoldReason(full))
        elif payout.amount > usdt:
            picked.wait(payout, HoldReason.TREASURY_USDT)
        elif not slots.any_for(payout.router_type):
            picked.wait(payout, HoldReason.IN_FLIGHT)
            if payout.pk in patient:
                room.take(claim_of(payout))  # nobody behind it may have the room it waits for
        elif len(picked.going) < BATCH:
            room.take(claim_of(payout))
            doors.take(payout.router_type)
            slots.take(payout.router_type)
            usdt -= payout.amount
            picked.going.append(payout)
    room.announce()
    return picked


def _probes(now: datetime, doors: Doors) -> list[Payout]:
    """Of each router that tries again: what is small, in order; where none of that fits, the smallest there is."""
    found: list[Payout] = []
    for router, free in doors.probes.items():
        if free and router not in doors.shut:
            rows = due(now).filter(router_type=router).select_related("creator")
            found += _ordered(rows.filter(amount__lte=PROBE_AMOUNT))[:CHOICE]
            larger = rows.filter(amount__gt=PROBE_AMOUNT)
            found += larger.order_by("amount", "due_at", "pk")[:CHOICE]
    return found


def _waited_a_day(now: datetime, policies: Policies, routers: Collection[str]) -> list[Payout]:
    found: list[Payout] = []
    for router in routers:
        large = policies.hourly_limit(router) // LARGE_PART
        rows = due(now - PATIENCE).filter(router_type=router, amount__gt=large)
        found += _ordered(rows)[:FIRST]
    return sorted(found, key=_rank)


def in_order(now: datetime, routers: Collection[str]) -> list[Payout]:
    """The head of each router's queue, so that one whose windows are full doesn't hide the other's; in order."""
    found: list[Payout] = []
    for router in routers:
        found += _ordered(due(now).filter(router_type=router))[:LOOK_AHEAD]
    return sorted(found, key=_rank)


def _ordered(rows: QuerySet[Payout]) -> QuerySet[Payout]:
    return rows.select_related("creator").order_by("priority", "due_at", "pk")


def _rank(payout: Payout) -> tuple[int, datetime, int]:
    return payout.priority, payout.due_at, payout.pk
