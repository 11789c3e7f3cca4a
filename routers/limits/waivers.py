"""What two people let through on top of one window's cap: "Reset this hour", "Reset this day".

The counts stay visible and the history stays; the waiver is void when its window ends.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import F

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.events import outbox
from lucid_payments.money import to_decimal
from routers import policy
from routers.ceilings import ceiling, ceiling_sentence
from routers.errors import Refused
from routers.limits import windows
from routers.limits.windows import Slot
from routers.models import LimitWaiver, LimitWindow, WindowPeriod, WindowScope

SHORTEST_REASON: Final = 20


class TooLate(Refused):
    """The window has ended. `offer` is the one that runs now, a Slot."""

    def __init__(self, ended: Slot, offer: Slot) -> None:
        sentence = (
            f"The {ended.period} from {ended.starts_at:%Y-%m-%d %H:%M} UTC has ended and took what was waived"
            f" with it. The {offer.period} from {offer.starts_at:%Y-%m-%d %H:%M} runs now: ask for that one."
        )
        super().__init__("too_late", sentence, offer=offer)


def missing_for_reset(window: LimitWindow) -> int:
    """Base units to waive so that the whole cap of this window is free again."""
    return max(0, window.used - window.waived)


@transaction.atomic
def waive(slot: Slot, amount: int, *, actor: User, second: User, reason: str) -> LimitWaiver:
    """Let `amount` base units through on top of one window, by two people.

    Raises TooLate once the window has ended, and Refused: `amount`, `window`, `ceiling`.
    """
    window = require_possible(slot, amount)
    LimitWindow.objects.filter(pk=window.pk).update(waived=F("waived") + amount, reached_at=None)
    waiver = LimitWaiver.objects.create(
        window_id=window.pk,
        amount=amount,
        reason=reason,
        actor=actor,
        actor_label=actor.get_username(),
        second=second,
        second_label=second.get_username(),
    )
    details = {**_named(slot), "amount_usdt": str(to_decimal(amount)), "reason": reason}
    log.record(
        "limit.waived", actor=actor, subject=waiver, details={**details, "confirmed_by": waiver.second_label}
    )
    outbox.emit("limit.waived", subject_type="limit", subject_id=str(window.pk), owner=None, payload=details)
    return waiver


def require_possible(slot: Slot, amount: int) -> LimitWindow:
    """The window, locked, on top of which `amount` base units may be asked for or confirmed now.

    In a transaction. Raises TooLate once it has ended, and Refused: `amount`, `window`, `ceiling`.
    """
    require_running(slot, clock.now())
    if amount < 1:
        raise Refused("amount", "Give an amount above 0.")
    window = locked(slot)
    _require_below_ceiling(slot, window, amount)
    return window


def _named(slot: Slot) -> dict[str, Any]:
    return {
        "scope": slot.scope,
        "key": slot.key,
        "period": slot.period,
        "starts_at": slot.starts_at.isoformat(),
    }


def require_running(slot: Slot, now: datetime) -> None:
    """Raises TooLate for a window that has ended, and Refused `window` for one that hasn't begun."""
    start = windows.starts_of(now).get(slot.period)
    if start is None or slot.starts_at > start:
        raise Refused("window", "Only a window that runs now can be waived.")
    if slot.starts_at != start:
        raise TooLate(slot, Slot(slot.period, start, slot.scope, slot.key))


def locked(slot: Slot) -> LimitWindow:
    """The window's row, made where nothing was reserved in it yet."""
    return windows.lock({slot: cap_in_force(slot)})[slot]


def cap_in_force(slot: Slot) -> int:
    """The window's cap by the policies of now. A creator's depends on the role, which its own row tells.

    Raises Refused `window` for a window that there isn't.
    """
    policies, cap = policy.current(), None
    if slot.scope == WindowScope.SUBJECT:
        raise Refused("window", "Only another attestation moves what an attestation limits.")
    if slot.scope in (WindowScope.RECIPIENT, WindowScope.CREATOR) and slot.period != WindowPeriod.DAY:
        raise Refused("window", "Recipients and creators are limited by the day alone.")
    if slot.scope == WindowScope.RECIPIENT:
        own = policies.routers.get(slot.key.partition(" ")[0])
        cap = own.recipient_limit if own else None
    elif slot.scope == WindowScope.CREATOR:
        creator = User.objects.filter(pk=slot.key).first() if slot.key.isdecimal() else None
        cap = policies.creator_limit(creator.role) if creator else None
    else:
        own = policies.routers.get(slot.key) if slot.scope == WindowScope.ROUTER else policies.everybody
        hourly = slot.period == WindowPeriod.HOUR
        cap = (own.hourly_limit if hourly else own.daily_limit) if own else None
    if cap is None:
        raise Refused("window", "There is no such window.")
    return cap


def _require_below_ceiling(slot: Slot, window: LimitWindow, amount: int) -> None:
    if window.cap + window.waived + amount > ceiling(slot.period):
        raise Refused("ceiling", ceiling_sentence(slot.period))
