"""What people do to a slot: pause it, let it go on, call off what of it isn't signed.

Reached through PayoutManager alone. Each holds the release's lock: no attempt is made between the look at a slot and
its new state, and the next release sees that state. What a release has prepared already is taken back, in competition
with the signer; whatever is signed runs to its end.

The state alone stops a slot, however much stands in it. Its payouts' own rows follow: the first of them at once, the
others by the rounds of the release, so that nobody waits for a hundred thousand under a lock.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from lucid_payments import clock, locks, nudge
from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from payouts import execution, timeline
from payouts.models.attempt import UNRESOLVED, Attempt, AttemptState
from payouts.models.payout import HoldReason, Payout, PayoutStatus
from payouts.models.slot import PayoutSlot, SlotState
from payouts.slots import telling, totals

RELEASE_TASK: Final = "payouts.tasks.release"
# How many payouts' rows follow their slot in one transaction.
AT_ONCE = 500
PAUSABLE: Final = (SlotState.GATHERING, SlotState.RELEASING)
CANCELLABLE: Final = (*PAUSABLE, SlotState.PAUSED)
# A person is awaited already, whose answer isn't a slot's to cover up.
_OTHERS_DECIDE: Final = (HoldReason.SCREENING, HoldReason.POSSIBLE_DUPLICATE)
_PAUSED: Final = "Its slot is paused."
_RESUMED: Final = "Its slot goes on."
_CALLED_OFF: Final = "Its slot was cancelled."


class SlotConflict(Exception):
    """The slot isn't in a state for this any more; nothing was changed."""


@transaction.atomic
def pause(pk: int, *, actor: User, reason: str, request_id: str = "") -> int:
    """Nothing of it goes until it is resumed; answers how many prepared attempts were taken back.

    Raises SlotConflict, and PayoutSlot.DoesNotExist.
    """
    slot = _lock(pk, PAUSABLE)
    telling.move(
        slot,
        SlotState.PAUSED,
        stopped_at=clock.now(),
        stopped_by=actor.get_username(),
        stopped_because=reason,
    )
    prepared = Attempt.objects.filter(payout__slot=slot)
    withdrawn = execution.withdraw(prepared, hold=HoldReason.PAUSED, detail=_PAUSED)
    follow_paused(slot)
    _tell("slot.paused", slot, actor, {"reason": reason, "withdrawn": withdrawn}, request_id)
    nudge.after_commit(RELEASE_TASK)
    return withdrawn


@transaction.atomic
def resume(pk: int, *, actor: User, reason: str, request_id: str = "") -> PayoutSlot:
    """It gathers again, or goes now if its time has come. Raises as `pause` does."""
    slot = _lock(pk, (SlotState.PAUSED,))
    now = clock.now()
    gathers = slot.due_at > now
    if gathers:
        telling.move(slot, SlotState.GATHERING)
    else:
        telling.move(slot, SlotState.RELEASING, opened_at=slot.opened_at or now)
    follow_resumed(slot)
    _tell("slot.resumed", slot, actor, {"reason": reason}, request_id)
    nudge.after_commit(RELEASE_TASK)
    return slot


@transaction.atomic
def cancel(pk: int, *, actor: User, reason: str, request_id: str = "") -> int:
    """Call off what of it isn't signed, for ever; answers how many payouts there are. Nobody joins it any more.

    What is signed runs to its end; where that doesn't pay, the payout is called off too, instead of tried again.
    Raises as `pause` does.
    """
    slot = _lock(pk, CANCELLABLE)
    now = clock.now()
    telling.move(
        slot, SlotState.CANCELLED, stopped_at=now, stopped_by=actor.get_username(), stopped_because=reason
    )
    prepared = list(
        Attempt.objects.select_for_update(of=("self",))
        .filter(payout__slot=slot, state=AttemptState.PREPARED)
        .order_by("pk")
    )
    scheduled = Payout.objects.filter(slot=slot, status=PayoutStatus.SCHEDULED)
    count = len(prepared) + scheduled.count()
    payouts = _unsigned([*(attempt.payout_id for attempt in prepared), *_first(scheduled)])
    if prepared:
        execution.take_back(prepared)
    _call_off(payouts, reason, actor, now)
    _tell("slot.cancelled", slot, actor, {"reason": reason, "cancelled": count}, request_id)
    nudge.after_commit(RELEASE_TASK)
    return count


def follow_paused(slot: PayoutSlot) -> bool:
    """What waits with a paused slot says so, also what was on its way when it was paused and came back since.

    Answers whether there may be more of them.
    """
    waiting = Payout.objects.filter(slot=slot, slot__state=SlotState.PAUSED, status=PayoutStatus.SCHEDULED)
    pks = _first(waiting.exclude(hold_reason__in=(HoldReason.PAUSED, *_OTHERS_DECIDE)))
    if pks:
        execution.hold(Payout.objects.filter(pk__in=pks), HoldReason.PAUSED, detail=_PAUSED)
    return len(pks) == AT_ONCE


def follow_resumed(slot: PayoutSlot) -> bool:
    """What a slot that goes on has held waits for its time, or for nothing. Answers as `follow_paused` does."""
    held = Payout.objects.filter(slot=slot, slot__state=slot.state, status=PayoutStatus.SCHEDULED)
    pks = _first(held.filter(hold_reason=HoldReason.PAUSED))
    if pks:
        reason = HoldReason.SLOT if slot.state == SlotState.GATHERING else None
        execution.hold(Payout.objects.filter(pk__in=pks), reason, detail=_RESUMED)
    return len(pks) == AT_ONCE


@transaction.atomic
def follow_cancelled(slot: PayoutSlot, now: datetime) -> bool:
    """What is left of a cancelled slot is called off, also what was signed then and hasn't paid: it isn't tried again.

    Answers as `follow_paused` does.
    """
    left = Payout.objects.filter(slot=slot, slot__state=SlotState.CANCELLED, status=PayoutStatus.SCHEDULED)
    pks = _first(left)
    if pks:
        _call_off(_unsigned(pks), slot.stopped_because, timeline.SYSTEM, now)
    return len(pks) == AT_ONCE


def _first(payouts: QuerySet[Payout]) -> list[int]:
    return list(payouts.order_by().values_list("pk", flat=True)[:AT_ONCE])


def lock(pk: int) -> PayoutSlot:
    """The release's lock and the slot's: after whoever is joining it, and before whoever would be next.

    Raises PayoutSlot.DoesNotExist.
    """
    locks.hold(locks.AdvisoryLock.RELEASE)
    return PayoutSlot.objects.select_for_update().get(pk=pk)


def _lock(pk: int, states: tuple[SlotState, ...]) -> PayoutSlot:
    slot = lock(pk)
    if slot.state not in states:
        raise SlotConflict(f"It is {slot.get_state_display().lower()}.")
    return slot


def _unsigned(pks: Collection[int]) -> list[Payout]:
    """These payouts locked, without those that a signed attempt may still pay, or has."""
    locked = timeline.locked(pks).select_related("creator")
    rows = list(locked.filter(status__in=(PayoutStatus.SCHEDULED, PayoutStatus.RELEASED)))
    signed = Attempt.objects.filter(payout__in=rows, state__in=(*UNRESOLVED, AttemptState.SUCCEEDED))
    landing = set(signed.values_list("payout_id", flat=True))
    return [payout for payout in rows if payout.pk not in landing]


def _call_off(payouts: list[Payout], reason: str, actor: User | str, at: datetime) -> None:
    failure = {
        "failure_code": execution.CANCELLED,
        "failure_message": f"Cancelled: {_CALLED_OFF[:-1].lower()}"[:300],
    }
    timeline.move(
        [
            timeline.Step(
                payout=payout, to=PayoutStatus.CANCELLED, detail=f"{_CALLED_OFF} {reason}", changes=failure
            )
            for payout in payouts
        ],
        actor=actor,
        at=at,
    )


def _tell(action: str, slot: PayoutSlot, actor: User, details: dict[str, Any], request_id: str) -> None:
    log.record(action, actor=actor, subject=slot, details=details, request_id=request_id)
    telling.emit(action, [slot], totals.of([slot]))
